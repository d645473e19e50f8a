"""Evaluates the candidates: makes them, measures quality and latency, applies the gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from model_export.dataset.sequence_buckets import typical
from model_export.dataset.splits import Split
from model_export.errors import ConversionError, ExportError
from model_export.measure.timing import Timing, time_lengths
from model_export.progress import Progress, Step
from model_export.quality import gate
from model_export.quality.comparison import compare_all
from model_export.quantization.candidate import Answered, Form, FormMaker, weigh
from model_export.quantization.mixed_precision import MixedPrecisionResult, search
from model_export.quantization.quantize import choose_calibration
from model_export.recipe.quantize import Variant
from model_export.recipe.recipe import Recipe
from model_export.steps.prepare import PreparedExport
from model_export.steps.step_cache import StepCache
from tflite_serving.contract.evidence import FailedCandidate, LengthLatency
from tflite_serving.contract.tensors import Arrays

_RANKING_EXAMPLES = 32
"""Enough to tell which operators hurt; every one of them is quantized and run on these."""

_FLOAT16 = 16
"""Bits of the smallest weights that are not quantized."""

_NEVER_MIXED: frozenset[Variant] = frozenset({"float32", "sparse_float32", "float16"})


@dataclass(frozen=True, slots=True)
class CandidateEvaluation:
    """The candidates of one export.

    Attributes:
        recipe: what to do.
        maker: of the forms.
        ready: the examples, and the Keras model's answers.
        finished: what need not be done again.
        progress: told of every step.
    """

    recipe: Recipe
    maker: FormMaker
    ready: PreparedExport
    finished: StepCache
    progress: Progress

    def candidates(self) -> list[Answered | FailedCandidate]:
        """Every variant of the recipe, and mixtures with float of those that miss the budget.

        However one of them fails, the others are judged as if the recipe had not named it.
        """
        made = [
            self._attempt(variant, variant, partial(self._variant, variant))
            for variant in self.recipe.quantize.variants
        ]
        found = [candidate for candidate in made if candidate is not None]
        rescued = [self._rescue(each) for each in found if isinstance(each, Answered)]
        return [*found, *(candidate for candidate in rescued if candidate is not None)]

    def verdict(
        self, candidates: Sequence[Answered | FailedCandidate]
    ) -> tuple[gate.Verdict, tuple[LengthLatency, ...]]:
        """Times all candidates against each other, and lets the gate judge.

        Returns:
            what the gate decided; and what the chosen one takes at each length of sequences.

        Raises:
            ConversionError: none of them could be made and run; it has all the reasons.
        """
        answered = [each for each in candidates if isinstance(each, Answered)]
        failed = [each for each in candidates if isinstance(each, FailedCandidate)]
        timings = self._timings(answered) if answered else []
        weighed = []
        for each, timing in zip(answered, timings, strict=True):
            if isinstance(timing, Timing):
                weighed.append(weigh(each, timing))
            else:
                failed.append(_failed(each.form.name, each.form.variant, timing))
        while weighed:
            verdict = gate.judge(weighed, self.recipe.gate, self.ready.budgets)
            chosen = next((a for a in answered if a.form.name == verdict.chosen), None)
            try:
                lengths = self._lengths(chosen.form) if chosen else ()
            except ConversionError as error:
                assert chosen is not None
                failed.append(_failed(chosen.form.name, chosen.form.variant, error))
                weighed = [each for each in weighed if each.candidate.name != chosen.form.name]
            else:
                return replace(verdict, failed=tuple(failed)), lengths
        reasons = "\n".join(f"  {each.why_not}" for each in failed)
        raise ConversionError(
            f"no candidate could be made and run; nothing was published:\n{reasons}\n"
            "add other forms to quantize.variants"
        )

    def _lengths(self, form: Form) -> tuple[LengthLatency, ...]:
        signature = self.maker.signature
        inputs = self.ready.splits.test.inputs
        servable = form.servable(signature)
        return time_lengths(servable, inputs, signature.sequence, self.recipe.measure)

    def _timings(self, answered: Sequence[Answered]) -> list[Timing | ConversionError]:
        servables = [a.form.servable(self.maker.signature) for a in answered]
        with self.progress.step("measure") as step:
            examples = typical(self.ready.splits.test.inputs, self.maker.signature.sequence)
            timings = self.finished.timings(servables, examples, self.recipe.measure, step.advance)
            step.result = ", ".join(
                f"{a.form.name} {timing.latency_ms.p50:.4f} ms"
                if isinstance(timing, Timing)
                else f"{a.form.name} failed"
                for a, timing in zip(answered, timings, strict=True)
            )
        return timings

    def _attempt(
        self, name: str, variant: Variant, make: Callable[[Step], Answered | None]
    ) -> Answered | FailedCandidate | None:
        """One candidate, or why there is none."""
        with self.progress.step(name) as step:
            try:
                return make(step)
            except Exception as error:
                # The quantizer and the runtime raise anything for a variant that they cannot do.
                failed = _failed(name, variant, error)
                step.result = f"failed: {failed.why_not}"
                return failed

    def _variant(self, variant: Variant, step: Step) -> Answered:
        answered = self._ask(self.maker.make(variant))
        step.result = f"{len(answered.form.flatbuffer):,} bytes, {self._quality(answered)}"
        return answered

    def _rescue(self, answered: Answered) -> Answered | FailedCandidate | None:
        variant, quantize = answered.form.variant, self.recipe.quantize
        if variant in _NEVER_MIXED or not quantize.max_tries or self._keeps_budget(answered):
            return None
        return self._attempt(f"{variant}_mixed", variant, partial(self._mixture, variant))

    def _mixture(self, variant: Variant, step: Step) -> Answered | None:
        rescue = self._search(variant, step.advance)
        if rescue.form is None:
            step.result = f"none of {rescue.tries} mixtures keeps the budget"
            return None
        rescued = self._ask(rescue.form)
        kept = ", ".join(o.layer or o.name for o in rescue.form.kept_in_float if o.why == "quality")
        step.result = (
            f"{len(rescue.form.flatbuffer):,} bytes, "
            f"{self._quality(rescued)}, "
            f"in float: {kept} ({rescue.tries} tries)"
        )
        return rescued

    def _search(self, variant: Variant, advance: Callable[[float], None]) -> MixedPrecisionResult:
        ranked = self.finished.ranking(
            self.maker,
            variant,
            choose_calibration(self.ready.splits.train, self.recipe.calibration).first(
                _RANKING_EXAMPLES
            ),
            self.recipe.measure.threads,
            lambda fraction: advance(fraction / 2),
        )
        return search(
            self.maker,
            variant,
            ranked,
            self._is_good,
            self.recipe.quantize.max_tries,
            lambda fraction: advance(0.5 + fraction / 2),
        )

    def _is_good(self, form: Form) -> bool:
        """Whether a mixture keeps the budget: on the validation split first.

        The test split decides in the end, and every question asked of it makes it a little less
        independent; so only what looks good already is asked. And a mixture without any quantized
        weights is the float model in disguise.
        """
        if not any(o.weights and o.weights.bits < _FLOAT16 for o in form.facts.operators):
            return False
        outputs = self._outputs(form, self.ready.splits.validation, "validation")
        scores, reference = self.maker.signature.scores(outputs), self.ready.reference.validation
        drops = {name: paired.drop(scores[name]) for name, paired in reference.items()}
        return gate.keeps_drops(drops, self.ready.budgets) and self._keeps_budget(self._ask(form))

    def _keeps_budget(self, answered: Answered) -> bool:
        return not gate.quality_misses(answered.comparisons, self.ready.budgets)

    def _quality(self, answered: Answered) -> str:
        return ", ".join(
            f"{each.name} {answered.comparisons[each.output.name].candidate:.4f}"
            for each in self.ready.criteria
        )

    def _ask(self, form: Form) -> Answered:
        outputs = self._outputs(form, self.ready.splits.test, "test")
        scores = self.maker.signature.scores(outputs)
        return Answered(form, outputs, compare_all(self.ready.reference.test, scores))

    def _outputs(self, form: Form, split: Split, name: str) -> Arrays:
        try:
            return self.finished.answers(
                form, self.maker.signature, split.inputs, name, self.recipe.measure.threads
            )
        except ConversionError as error:
            raise ConversionError(form.located(str(error))) from error


def _failed(name: str, variant: Variant, error: Exception) -> FailedCandidate:
    """A form that could not be measured, with one sentence of why."""
    told = str(error) if isinstance(error, ExportError) else f"{type(error).__name__}: {error}"
    told = "; ".join(line.strip() for line in told.splitlines() if line.strip())
    is_named = told.startswith((f"{name}:", f"{variant}:"))
    return FailedCandidate(name, variant, told if is_named else f"{name}: {told}")
