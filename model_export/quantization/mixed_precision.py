"""Mixed precision: keeps in float the operators whose quantization costs most quality."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_export.dataset.sequence_buckets import in_groups
from model_export.dataset.splits import Split
from model_export.errors import ConversionError
from model_export.measure.process import Process, Servable
from model_export.quantization.candidate import Form, FormMaker
from model_export.quantization.quantize import quantize
from model_export.recipe.quantize import Variant
from tflite_serving.contract.evidence import FloatOperator
from tflite_serving.contract.tensors import OutputSpec
from tflite_serving.runtime.length_buckets import merge_outputs

Scores = Mapping[str, npt.NDArray[np.floating]]
"""Of every output, by name."""


@dataclass(frozen=True, slots=True)
class MixedPrecisionResult:
    """What the search came to.

    Attributes:
        form: the one with the fewest operators in float among those that kept the budget; None if
            none did.
        tries: how many mixtures were tried.
    """

    form: Form | None
    tries: int


def rank_by_sensitivity(
    maker: FormMaker,
    variant: Variant,
    examples: Split,
    threads: int = 1,
    advance: Callable[[float], None] = lambda fraction: None,
) -> list[FloatOperator]:
    """What quantization costs at each operator, worst first.

    Each operator is quantized alone, and the change in the model's output is its error: unlike the
    error of its own tensor, this says what it does to the answer.

    Args:
        maker: of the forms.
        variant: of quantization.
        examples: a few of the training split.
        threads: of the interpreter.
        advance: told how much of the work is done, 0 to 1.

    Returns:
        the operators that quantization changes at all.
    """
    in_float = {operator.name for operator in maker.left_in_float(variant)}
    operators = [operator for operator in maker.facts.operators if operator.name not in in_float]
    found = []
    with Process(threads) as process:
        isolation = SingleOperatorQuantization(maker, variant, examples, process)
        for index, operator in enumerate(operators):
            error = isolation.error([operator.name])
            if error > 0:
                found.append(
                    FloatOperator(operator.name, operator.layer, operator.kind, "quality", error)
                )
            advance((index + 1) / len(operators))
    # By name where errors are equal, so that every run ranks alike.
    return sorted(found, key=lambda operator: (-(operator.error or 0.0), operator.name))


def distance(scores: Scores, reference: Scores, outputs: Sequence[OutputSpec]) -> float:
    """How far answers are from others: root mean square; an answer of NaN is 1 away.

    Of several outputs, the one that moves most. Beside scores, the values of a regression count in
    standard deviations.
    """
    found = []
    for output in outputs:
        wanted = reference[output.name].astype(np.float64)
        difference = np.nan_to_num(scores[output.name].astype(np.float64) - wanted, nan=1.0)
        unit = float(wanted.std()) if len(outputs) > 1 and output.task == "regression" else 1.0
        found.append(float(np.sqrt(np.mean(difference**2))) / (unit or 1.0))
    return max(found)


class SingleOperatorQuantization:
    """Quantizes a few operators alone, and tells what that does to the answers.

    Args:
        maker: of the forms.
        variant: of quantization.
        examples: to answer.
        process: that answers them.

    Raises:
        ConversionError: the variant needs ranges that could not be found, or the float model cannot
            be run.
    """

    def __init__(
        self, maker: FormMaker, variant: Variant, examples: Split, process: Process
    ) -> None:
        self._maker = maker
        self._variant = variant
        self._examples = examples
        self._process = process
        self._ranges = maker.ranges_for(variant)
        self.reference = self._answer(maker.float32)

    def answer(self, names: Sequence[str]) -> Scores | None:
        """The answers with these operators quantized; None if they cannot be."""
        maker = self._maker
        try:
            made = quantize(maker.float32, self._variant, self._ranges, only=names)
            return self._answer(made)
        except ConversionError:
            # Not every kind of operator can be quantized on its own, and none must be.
            return None

    def error(self, names: Sequence[str]) -> float:
        """How far the answers move; 0 if they cannot be quantized."""
        answer = self.answer(names)
        if answer is None:
            return 0.0
        return distance(answer, self.reference, self._maker.signature.outputs)

    def _answer(self, flatbuffer: bytes) -> Scores:
        signature = self._maker.signature
        servable = Servable(
            self._variant, flatbuffer, self._maker.bind(flatbuffer), signature.outputs
        )
        groups = in_groups(self._examples.inputs, signature.sequence)
        self._process.load(servable, groups[0].inputs)
        answers = [self._process.answer(group.inputs) for group in groups]
        return signature.scores(merge_outputs(groups, answers))


def search(
    maker: FormMaker,
    variant: Variant,
    ranked: Sequence[FloatOperator],
    keeps_budget: Callable[[Form], bool],
    max_tries: int,
    advance: Callable[[float], None] = lambda fraction: None,
) -> MixedPrecisionResult:
    """Finds the fewest of the worst operators that must stay in float.

    First doubles their number until the budget is kept, then halves the gap.

    Args:
        maker: of the forms.
        variant: of quantization.
        ranked: what `rank_by_sensitivity` found.
        keeps_budget: whether a form does; the costly part.
        max_tries: how often to ask at most.
        advance: told how much of the tries is used up, 0 to 1.
    """
    tries = 0
    best: Form | None = None
    # All of them in float is the float model, which is a candidate of its own.
    counts = _Counts(len(ranked) - 1)
    for count in counts:
        if tries == max_tries:
            break
        tries += 1
        try:
            form = maker.make(variant, tuple(ranked[:count]))
            passes = keeps_budget(form)
        except ConversionError:
            # A mixture that cannot be made is no reason to give up those that can.
            passes = False
        else:
            best = form if passes else best
        counts.tell(passes=passes)
        advance(tries / max_tries)
    return MixedPrecisionResult(best, tries)


class _Counts:
    """How many operators to try next: 1, 2, 4, … until one passes, then between the last two."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._failed = 0
        self._passed: int | None = None
        self._asked = 0

    def __iter__(self) -> Iterator[int]:
        while True:
            if self._passed is None:
                if self._failed >= self._most:
                    return
                self._asked = min(max(1, self._failed * 2), self._most)
            elif self._passed - self._failed > 1:
                self._asked = (self._failed + self._passed) // 2
            else:
                return
            yield self._asked

    def tell(self, *, passes: bool) -> None:
        """Whether the count that was given last passes."""
        if passes:
            self._passed = self._asked
        else:
            self._failed = self._asked
