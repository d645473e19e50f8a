"""From the converted model to the gate's choice: candidates are made, compared, mixed and timed."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from model_export.dataset.sequence_buckets import typical
from model_export.dataset.splits import Split
from model_export.errors import ConversionError, ExportError
from model_export.measure.timing import Timing, time_lengths
from model_export.progress import Progress, Step
from model_export.quality import gate
from model_export.quality.choice import Choice
from model_export.quality.comparison import compare_all
from model_export.quality.evaluated_candidate import CandidateQuality, EvaluatedCandidate
from model_export.quantization.candidate import Candidate
from model_export.quantization.candidate_factory import CandidateFactory
from model_export.quantization.mixed_precision import MixedPrecisionResult, search
from model_export.quantization.quantize import choose_calibration
from model_export.recipe.recipe import Recipe
from model_export.recipe.variants import VARIANTS, VariantName
from model_export.steps.prepare import PreparedExport
from model_export.steps.step_cache import StepCache
from tflite_serving.contract.evidence import FailedCandidate, LengthLatency
from tflite_serving.contract.tensors import Arrays

Compared = tuple[Candidate, CandidateQuality]
"""A candidate that is not timed yet, with its quality on the test split."""

_RANKING_EXAMPLES = 32
"""Enough to find which operators hurt; every one of them is quantized and run on these."""

_FLOAT16 = 16
"""Bits of the smallest weights that are not quantized."""


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """The outcome of an evaluation.

    Attributes:
        evaluated: Candidates that were judged, one or more.
        failed: Candidates that could not be measured.
        choice: The gate's choice.
        by_length: Latency of the chosen one at each length of sequences.
    """

    evaluated: tuple[EvaluatedCandidate, ...]
    failed: tuple[FailedCandidate, ...]
    choice: Choice
    by_length: tuple[LengthLatency, ...]


@dataclass(frozen=True, slots=True)
class CandidateEvaluation:
    """The candidates of one export.

    Attributes:
        recipe: The recipe.
        factory: Factory of the candidates.
        prepared: The examples, and the Keras model's predictions.
        step_cache: Results of an earlier export that need not be computed again.
        progress: Display of the steps.
    """

    recipe: Recipe
    factory: CandidateFactory
    prepared: PreparedExport
    step_cache: StepCache
    progress: Progress

    def run(self) -> EvaluationResult:
        """Makes and compares all candidates, times them against each other, and judges them.

        However one of them fails, the others are judged as if the recipe had not named it.

        Raises:
            ConversionError: None of them could be made and run; it has all the reasons.
        """
        found = self._candidates()
        compared = [each for each in found if not isinstance(each, FailedCandidate)]
        failed = [each for each in found if isinstance(each, FailedCandidate)]
        timings = self._timings([candidate for candidate, _ in compared]) if compared else []
        evaluated = []
        for (candidate, quality), timing in zip(compared, timings, strict=True):
            if isinstance(timing, Timing):
                # Level 6 is what HTTP and storage would use; mtime 0 keeps the size the same.
                size = len(gzip.compress(candidate.flatbuffer, 6, mtime=0))
                evaluated.append(EvaluatedCandidate(candidate, quality, timing, size))
            else:
                failed.append(_failed(candidate.name, candidate.variant, timing))
        while evaluated:
            choice = gate.judge(evaluated, self.recipe.gate, self.prepared.budgets)
            chosen = choice.chosen
            try:
                lengths = self._lengths(chosen.candidate) if chosen else ()
            except ConversionError as error:
                assert chosen is not None
                failed.append(_failed(chosen.name, chosen.candidate.variant, error))
                evaluated.remove(chosen)
            else:
                return EvaluationResult(tuple(evaluated), tuple(failed), choice, lengths)
        reasons = "\n".join(f"  {each.why_not}" for each in failed)
        raise ConversionError(
            f"no candidate could be made and run; nothing was published:\n{reasons}\n"
            "add other forms to quantize.variants"
        )

    def _candidates(self) -> list[Compared | FailedCandidate]:
        """Every variant of the recipe, and mixtures with float of those that miss the budget."""
        made = [
            self._attempt(variant, variant, partial(self._variant, variant))
            for variant in self.recipe.quantize.variants
        ]
        found = [each for each in made if each is not None]
        mixed = [self._mix(*each) for each in found if not isinstance(each, FailedCandidate)]
        return [*found, *(each for each in mixed if each is not None)]

    def _lengths(self, candidate: Candidate) -> tuple[LengthLatency, ...]:
        inputs, sequence = self.prepared.splits.test.inputs, self.prepared.signature.sequence
        return time_lengths(candidate, inputs, sequence, self.recipe.measure)

    def _timings(self, candidates: Sequence[Candidate]) -> list[Timing | ConversionError]:
        with self.progress.step("measure") as step:
            examples = typical(self.prepared.splits.test.inputs, self.prepared.signature.sequence)
            timings = self.step_cache.timings(
                candidates, examples, self.recipe.measure, step.advance
            )
            step.result = ", ".join(
                f"{candidate.name} {timing.latency_ms.p50:.4f} ms"
                if isinstance(timing, Timing)
                else f"{candidate.name} failed"
                for candidate, timing in zip(candidates, timings, strict=True)
            )
        return timings

    def _attempt(
        self, name: str, variant: VariantName, make: Callable[[Step], Compared | None]
    ) -> Compared | FailedCandidate | None:
        """One candidate, or why there is none."""
        with self.progress.step(name) as step:
            try:
                return make(step)
            except Exception as error:
                # The quantizer and the runtime raise anything for a variant that they cannot do.
                failed = _failed(name, variant, error)
                step.result = f"failed: {failed.why_not}"
                return failed

    def _variant(self, variant: VariantName, step: Step) -> Compared:
        candidate = self.factory.make(variant)
        quality = self._compare(candidate)
        step.result = f"{len(candidate.flatbuffer):,} bytes, {self._words(quality)}"
        return candidate, quality

    def _mix(
        self, candidate: Candidate, quality: CandidateQuality
    ) -> Compared | FailedCandidate | None:
        variant = candidate.variant
        if (
            not VARIANTS[variant].is_integer
            or not self.recipe.quantize.max_tries
            or self._keeps_budget(quality)
        ):
            return None
        return self._attempt(f"{variant}_mixed", variant, partial(self._mixture, variant))

    def _mixture(self, variant: VariantName, step: Step) -> Compared | None:
        result = self._search(variant, step.advance)
        candidate = result.candidate
        if candidate is None:
            step.result = f"none of {result.tries} mixtures keeps the budget"
            return None
        quality = self._compare(candidate)
        kept = ", ".join(o.layer or o.name for o in candidate.kept_in_float if o.why == "quality")
        step.result = (
            f"{len(candidate.flatbuffer):,} bytes, "
            f"{self._words(quality)}, "
            f"in float: {kept} ({result.tries} tries)"
        )
        return candidate, quality

    def _search(
        self, variant: VariantName, advance: Callable[[float], None]
    ) -> MixedPrecisionResult:
        ranked = self.step_cache.ranking(
            self.factory,
            variant,
            choose_calibration(self.prepared.splits.train, self.recipe.calibration).first(
                _RANKING_EXAMPLES
            ),
            self.recipe.measure.threads,
            lambda fraction: advance(fraction / 2),
        )
        return search(
            self.factory,
            variant,
            ranked,
            self._is_good,
            self.recipe.quantize.max_tries,
            lambda fraction: advance(0.5 + fraction / 2),
        )

    def _is_good(self, candidate: Candidate) -> bool:
        """Whether a mixture keeps the budget: on the validation split first.

        The test split decides in the end, and every look at it makes it a little less independent;
        so only what looks good already is compared there. And a mixture without any quantized
        weights is the float model in disguise.
        """
        if not any(o.weights and o.weights.bits < _FLOAT16 for o in candidate.facts.operators):
            return False
        outputs = self._predict(candidate, self.prepared.splits.validation, "validation")
        scores = self.prepared.signature.scores(outputs)
        reference, budgets = self.prepared.reference.validation, self.prepared.budgets
        drops = {name: paired.drop(scores[name]) for name, paired in reference.items()}
        return gate.keeps_drops(drops, budgets) and self._keeps_budget(self._compare(candidate))

    def _keeps_budget(self, quality: CandidateQuality) -> bool:
        return not gate.quality_misses(quality.comparisons, self.prepared.budgets)

    def _words(self, quality: CandidateQuality) -> str:
        return ", ".join(
            f"{each.name} {quality.comparisons[each.output.name].candidate:.4f}"
            for each in self.prepared.criteria
        )

    def _compare(self, candidate: Candidate) -> CandidateQuality:
        outputs = self._predict(candidate, self.prepared.splits.test, "test")
        scores = self.prepared.signature.scores(outputs)
        return CandidateQuality(outputs, compare_all(self.prepared.reference.test, scores))

    def _predict(self, candidate: Candidate, split: Split, name: str) -> Arrays:
        try:
            return self.step_cache.predictions(
                candidate, self.prepared.signature, split.inputs, name, self.recipe.measure.threads
            )
        except ConversionError as error:
            raise ConversionError(candidate.located(str(error))) from error


def _failed(name: str, variant: VariantName, error: Exception) -> FailedCandidate:
    """A candidate that could not be measured, with the reason in one sentence."""
    told = str(error) if isinstance(error, ExportError) else f"{type(error).__name__}: {error}"
    told = "; ".join(line.strip() for line in told.splitlines() if line.strip())
    is_named = told.startswith((f"{name}:", f"{variant}:"))
    return FailedCandidate(name, variant, told if is_named else f"{name}: {told}")
