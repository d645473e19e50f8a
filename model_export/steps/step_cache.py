"""Caches the results of an export's costly steps, so that it can be resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

from model_export.dataset.splits import Split
from model_export.errors import ConversionError
from model_export.measure.process import Servable
from model_export.measure.timing import Timing, time_each
from model_export.measure.worker import read_arrays, write_arrays
from model_export.quantization.candidate import Form, FormMaker, answer
from model_export.quantization.mixed_precision import rank_by_sensitivity
from model_export.recipe.measure import MeasureSection
from model_export.recipe.quantize import Variant
from model_export.signature.signature import ModelSignature
from model_export.steps.workspace import Workspace
from tflite_serving.contract.codec import decode, to_text
from tflite_serving.contract.evidence import FloatOperator, Pruning
from tflite_serving.contract.tensors import Arrays

_FLOAT32 = "float32.tflite"
_PRUNING = "pruning.json"
Advance = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One part of the workspace: how far training is."""

    workspace: Workspace
    name: str

    def load(self) -> bytes | None:
        """What was saved last."""
        return self.workspace.load(self.name)

    def save(self, data: bytes) -> None:
        """Replaces what was saved last."""
        self.workspace.save(self.name, data)


@dataclass(frozen=True, slots=True)
class _Pruned:
    pruning: Pruning | None


@dataclass(frozen=True, slots=True)
class _Ranking:
    operators: tuple[FloatOperator, ...]


@dataclass(frozen=True, slots=True)
class _Timings:
    timings: tuple[Timing, ...]


@dataclass(frozen=True, slots=True)
class StepCache:
    """Does a step, or takes its result from the workspace.

    Attributes:
        workspace: where the results are kept.
    """

    workspace: Workspace

    @property
    def training(self) -> Checkpoint:
        """Where fine-tuning keeps its state after each epoch."""
        return Checkpoint(self.workspace, "training.npz")

    def float32(self) -> tuple[bytes, Pruning | None] | None:
        """The pruned, converted and compared model, if all of this is done."""
        flatbuffer, pruning = self.workspace.load(_FLOAT32), self.workspace.load(_PRUNING)
        if flatbuffer is None or pruning is None:
            return None
        return flatbuffer, decode(_Pruned, json.loads(pruning), _PRUNING).pruning

    def keep_float32(self, flatbuffer: bytes, pruning: Pruning | None) -> None:
        """Keeps the model that was pruned, converted, and compared with the Keras model."""
        self.workspace.save(_PRUNING, to_text(_Pruned(pruning)).encode())
        self.workspace.save(_FLOAT32, flatbuffer)

    def answers(
        self, form: Form, signature: ModelSignature, inputs: Arrays, split: str, threads: int
    ) -> Arrays:
        """See `candidate.answer`; `split` names the one that `inputs` are of."""
        kept = self.workspace.load(_answers(form, split))
        if kept is not None:
            return read_arrays(BytesIO(kept))
        outputs = answer(form, signature, inputs, threads)
        self.keep_answers(form, split, outputs)
        return outputs

    def keep_answers(self, form: Form, split: str, outputs: Arrays) -> None:
        """Keeps what a form answered to a split."""
        file = BytesIO()
        write_arrays(file, outputs)
        self.workspace.save(_answers(form, split), file.getvalue())

    def ranking(
        self, maker: FormMaker, variant: Variant, examples: Split, threads: int, advance: Advance
    ) -> list[FloatOperator]:
        """See `mixed_precision.rank_by_sensitivity`."""
        name = f"ranking-{variant}.json"
        kept = self.workspace.load(name)
        if kept is not None:
            return list(decode(_Ranking, json.loads(kept), name).operators)
        ranked = rank_by_sensitivity(maker, variant, examples, threads, advance)
        self.workspace.save(name, to_text(_Ranking(tuple(ranked))).encode())
        return ranked

    def timings(
        self,
        servables: Sequence[Servable],
        examples: Arrays,
        section: MeasureSection,
        advance: Advance,
    ) -> list[Timing | ConversionError]:
        """See `timing.time_each`: they are measured against each other, and kept together."""
        digests = "".join(_digest(servable.flatbuffer) for servable in servables)
        name = f"timings-{_digest(digests.encode())}.json"
        kept = self.workspace.load(name)
        if kept is not None:
            return list(decode(_Timings, json.loads(kept), name).timings)
        timings = time_each(servables, examples, section, advance)
        whole = tuple(timing for timing in timings if isinstance(timing, Timing))
        if len(whole) == len(timings):
            self.workspace.save(name, to_text(_Timings(whole)).encode())
        return timings


def _answers(form: Form, split: str) -> str:
    return f"{split}-{_digest(form.flatbuffer)}.npz"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
