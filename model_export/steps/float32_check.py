"""Compares the float32 conversion's predictions with the Keras model's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.sequence_buckets import in_groups
from model_export.errors import ConversionError
from model_export.progress import Progress
from model_export.quality.rounding import ROUNDING, disturb, excess, noise, scales, worst_rows
from model_export.quantization.candidate import Form, FormMaker, answer_all
from model_export.signature.source_model import SourceModel
from model_export.steps.prepare import PreparedExport
from model_export.steps.step_cache import StepCache
from tflite_serving.contract.tensors import Arrays, Task
from tflite_serving.runtime.length_buckets import merge_outputs

SCALES = (4.0, 0.25)
"""What the inputs are multiplied by: an overflow may begin just beyond the examples."""

_MOST_ROWS, _MOST_NUMBERS = 256, 5_000_000
"""Of examples that are scaled: each of them is asked of both models again."""

_SUSPECTS, _DISTURBANCES = 32, 8
_SCORES: tuple[Task, ...] = ("classification", "multi_label")


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """Inputs with the Keras model's outputs.

    Attributes:
        inputs: by name, [examples, …], as what is converted takes them.
        expected: by output name, [examples, …], in natural units.
        rows: [examples], their places in the test split.
        factor: what the inputs were multiplied by.
    """

    inputs: Arrays
    expected: Arrays
    rows: npt.NDArray[np.int64]
    factor: float = 1.0

    def at(self, places: npt.NDArray[np.int64]) -> _Question:
        """The examples at `places`, in this order."""
        return _Question(
            _rows(self.inputs, places), _rows(self.expected, places), self.rows[places], self.factor
        )


@dataclass(frozen=True, slots=True)
class _Difference:
    """The worst of what rounding does not explain.

    Attributes:
        place: of the example among those of its question.
        output: its name.
        expected, found: the Keras model's value, and the converted model's.
        allowed: how far they may be from each other.
    """

    place: int
    output: str
    expected: float
    found: float
    allowed: float


@dataclass(frozen=True, slots=True, eq=False)
class Float32Check:
    """Compares one conversion.

    Attributes:
        source: what was converted.
        float32: the flatbuffer, with the converter's own names.
        ready: the examples, as `steps.convert.fitting` gives them.
        threads: of the interpreter.
    """

    source: SourceModel
    float32: bytes
    ready: PreparedExport
    threads: int

    def run(self, known: Arrays | None, finished: StepCache, progress: Progress) -> None:
        """Compares on the test split, and on some of it with other sizes of inputs.

        Args:
            known: the source's outputs for the test split, in natural units, if it was asked.
            finished: keeps the converted model's outputs for the candidate that they are of.
            progress: told of the step.

        Raises:
            ConversionError: the models differ by more than rounding explains; it names the first
                layer that does. Or the runtime cannot run the conversion.
        """
        signature, test = self.ready.signature, self.ready.splits.test
        with progress.step("compare") as step:
            form = FormMaker(self.float32, {}, signature, frozenset(self.source.layers)).make(
                "float32"
            )
            rows = np.arange(len(test))
            whole = _Question(test.inputs, known or self._predict(test.inputs), rows)
            questions = [whole, *self._scaled(whole, progress)]
            found = self._answers(form, [each.inputs for each in questions])
            finished.keep_answers(form, "test", found[0])
            compared = list(map(self._compare, questions, found))
            scaled = [f", {len(each.rows)} of them ×{each.factor:g}" for each in questions[1:]]
            magnified = sum(len(rows) for _, rows in compared)
            step.result = (
                f"{len(test)} test examples{''.join(scaled)}: like the Keras model, "
                f"but for {max(largest for largest, _ in compared):.1e} of a value's size"
            ) + (f", and more in {magnified} that magnify rounding" if magnified else "")

    def _answers(self, form: Form, several: Sequence[Arrays]) -> list[Arrays]:
        try:
            return answer_all(form, self.ready.signature, several, self.threads)
        except ConversionError as error:
            raise ConversionError(
                f"{form.located(str(error))}; so the conversion cannot be compared with the Keras "
                "model, and all forms are made of it; nothing was published"
            ) from error

    def _scaled(self, whole: _Question, progress: Progress) -> Iterator[_Question]:
        """Some of the examples with other sizes of inputs, and what Keras makes of them."""
        numbers = max(sum(each[0].size for each in whole.inputs.values()), 1)
        count = max(1, min(len(whole.rows), _MOST_ROWS, _MOST_NUMBERS // numbers))
        few = whole.at(np.linspace(0, len(whole.rows) - 1, count).astype(np.int64))
        pictures, step = self.ready.signature.pictures, self.ready.signature.sequence
        fixed = step.outputs if step is not None and step.tokens is not None else ()
        names = [
            name
            for name, values in few.inputs.items()
            if values.dtype.kind == "f" and name not in fixed
        ]
        for factor in SCALES if names else ():
            inputs = dict(few.inputs)
            for name in names:
                values = few.inputs[name]
                scaled = values * np.asarray(factor, values.dtype)
                if name in pictures:
                    # A pixel has a brightest value, which a model may rely on.
                    scaled = np.clip(scaled, values.min(), values.max())
                inputs[name] = scaled
            try:
                expected = self._predict(inputs)
            except Exception as error:
                # Layers raise whatever they like, such as an embedding for an index that it lacks.
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                progress.log(f"not compared with inputs ×{factor:g}: Keras refuses them: {reason}")
                continue
            yield _Question(inputs, expected, few.rows, factor)

    def _compare(self, question: _Question, found: Arrays) -> tuple[float, set[int]]:
        """The largest difference, as a part of its value's scale; and places of examples beyond it.

        Of these, disturbing the Keras model explains the difference.
        """
        largest, magnified = 0.0, set[int]()
        for output in self.ready.signature.outputs:
            expected = question.expected[output.name]
            scale = scales(expected, is_score=output.task in _SCORES)
            worst = worst_rows(expected, found[output.name], scale)
            suspects = np.argsort(-worst, kind="stable")[:_SUSPECTS]
            suspects = suspects[worst[suspects] > 1]
            if len(suspects):
                scale = np.broadcast_to(scale, expected.shape)[suspects]
                difference = self._unexplained(
                    question.at(suspects), output.name, found[output.name][suspects], scale
                )
                if difference is not None:
                    raise ConversionError(self._problem(question.at(suspects), difference))
            largest = max(largest, float(worst[worst <= 1].max(initial=0)) * ROUNDING)
            magnified.update(np.flatnonzero(worst > 1).tolist())
        return largest, magnified

    def _unexplained(
        self,
        question: _Question,
        output: str,
        found: npt.NDArray[Any],
        scale: npt.NDArray[Any],
    ) -> _Difference | None:
        """The worst of what disturbing the Keras model does not explain."""
        expected = question.expected[output]
        disturbed = []
        for seed in range(_DISTURBANCES):
            with self.source.disturbed(seed):
                disturbed.append(self._predict(disturb(question.inputs, seed))[output])
        allowed = np.maximum(ROUNDING * scale, noise(expected, disturbed))
        ratio = excess(expected, found, allowed)
        place = np.unravel_index(int(ratio.argmax()), ratio.shape)
        if not ratio[place] > 1:
            return None
        return _Difference(
            int(place[0]),
            output,
            float(expected[place]),
            float(found[place]),
            float(allowed[place]),
        )

    def _problem(self, question: _Question, difference: _Difference) -> str:
        # Not at the top: importing TensorFlow takes seconds, and a wrong recipe should not.
        from model_export.tf.first_difference import first_difference

        at = difference.place
        inputs = in_groups(_rows(question.inputs, np.array([at])), self.ready.signature.sequence)
        try:
            layer = first_difference(self.source, self.float32, inputs[0].inputs)
        except Exception:  # TensorFlow raises whatever it likes; the models differ
            layer = None
        scaled = "" if question.factor == 1 else f" with its inputs ×{question.factor:g}"
        where = (
            "no layer whose output can be compared differs before that"
            if layer is None
            else f"the first layer whose output differs is {layer.name!r} ({layer.kind}): "
            f"expected {layer.expected:.6g}, got {layer.found:.6g}"
        )
        return (
            f"float32: test[{question.rows[at]}]{scaled}: expected {difference.expected:.6g} in "
            f"output {difference.output!r}, as Keras computes it, got {difference.found:.6g}; "
            f"rounding explains a difference of {difference.allowed:.2g}. TensorFlow Lite computes "
            f"something else than Keras: {where}. Build the model without it, or so that its "
            "inputs stay smaller; nothing was published"
        )

    def _predict(self, inputs: Arrays) -> Arrays:
        groups = in_groups(inputs, self.ready.signature.sequence)
        natural = self.ready.signature.natural
        return merge_outputs(groups, [natural(self.source.predict(each.inputs)) for each in groups])


def _rows(arrays: Arrays, places: npt.NDArray[np.int64]) -> Arrays:
    return {name: values[places] for name, values in arrays.items()}
