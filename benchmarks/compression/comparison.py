"""What our export chooses, against what TensorFlow Lite's converter makes: same data, one run."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from benchmarks.compression.document import Block, Table
from benchmarks.compression.measured import Measured, measure
from benchmarks.compression.recipes import Opened, open_recipe, write_recipe
from model_export import Progress, Recipe, read_recipe
from model_export.measure.process import Servable
from model_export.pipeline import Request, export
from model_export.quality import gate
from model_export.recipe.measure import MeasureSection
from model_export.recipe.variants import DENSE
from tflite_serving.contract import layout
from tflite_serving.contract.tensors import TensorBinding, TensorDType, Tensors
from tflite_serving.runtime.interpreter_pool import import_runtime

Preference = Literal["size", "latency"]
Axis = Literal["bytes", "gzip_bytes", "p50_ms", "batch_ms"]

_MODELS = ("digits", "fashion_cnn", "fashion_mobile", "breast_cancer")
_MAX_DROP = 0.01
_COLUMNS = ("model", "made by", "accuracy", "drop", "bytes", "gzip -6", "p50 ms", "p50 ms, 8")
_AXES: dict[Preference, Axis] = {"size": "bytes", "latency": "p50_ms"}
_NOISE: dict[Preference, float] = {"size": 0.0, "latency": 0.05}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One form of one model.

    Attributes:
        model: its name.
        form: how it was made.
        preferred: what ours was chosen for; None for a baseline.
        passes: whether it keeps the budget.
        accuracy, drop: on the test split, and against the Keras model's.
        bytes, gzip_bytes: of the flatbuffer.
        p50_ms, batch_ms: median latency of one instance, and of a batch of eight.
    """

    model: str
    form: str
    preferred: Preference | None
    passes: bool
    accuracy: float
    drop: float
    bytes: float
    gzip_bytes: float
    p50_ms: float
    batch_ms: float


def run(progress: Progress, *, quick: bool) -> list[Block]:
    """Compares all models, or the smallest alone."""
    section = MeasureSection(rounds=3, starts=1) if quick else MeasureSection()
    rows: list[Row] = []
    for model in _MODELS[-1:] if quick else _MODELS:
        with tempfile.TemporaryDirectory(prefix="comparison-") as folder:
            rows += _compare(model, Path(folder), section, progress)
    return [*summary(rows), table(rows)]


def summary(rows: Sequence[Row]) -> list[str]:
    """A sentence for each preference: on which models ours is better, equal or worse."""
    return [_summary(rows, preference) for preference in get_args(Preference)]


def table(rows: Sequence[Row]) -> Table:
    """All rows, with the ratio to the best baseline that keeps the budget, column by column."""
    return Table(
        _COLUMNS,
        tuple(_cells(row, rows) for row in rows),
        left=2,
    )


def _compare(model: str, folder: Path, section: MeasureSection, progress: Progress) -> list[Row]:
    progress.log(model)
    chosen = {
        preference: _export(model, folder / preference, preference, section, progress)
        for preference in get_args(Preference)
    }
    opened = open_recipe(_recipe(model, folder, "size", section), progress)
    servables = [*_baselines(opened, progress), *chosen.values()]
    # Both preferences may choose the same file: it is measured once, and listed twice.
    distinct = {servable.flatbuffer: servable for servable in servables}
    measured = measure(list(distinct.values()), opened.prepared, section, progress)
    by_file = dict(zip(distinct, measured, strict=True))
    preferences = [None] * (len(servables) - len(chosen)) + list(chosen)
    return [
        _row(opened.recipe, servable.name, preference, by_file[servable.flatbuffer])
        for servable, preference in zip(servables, preferences, strict=True)
    ]


def _recipe(model: str, folder: Path, preference: Preference, section: MeasureSection) -> Path:
    return write_recipe(
        folder,
        model,
        {
            # Zeros are another comparison.
            "quantize": {"variants": list(DENSE)},
            "measure": {"rounds": section.rounds, "starts": section.starts},
            "gate": {"max_drop": _MAX_DROP, "prefer": preference, "spend_budget": True},
        },
    )


def _export(
    model: str, folder: Path, preference: Preference, section: MeasureSection, progress: Progress
) -> Servable:
    folder.mkdir()
    path = _recipe(model, folder, preference, section)
    registry = folder / "registry"
    request = Request(recipe=read_recipe(path), folder=folder, registry=registry.as_uri())
    manifest = export(request, progress).manifest
    file = registry / layout.file_path(manifest.name, manifest.version, "model.tflite")
    name = manifest.compression.quantization
    return Servable(name, file.read_bytes(), manifest.tensors, manifest.outputs)


def _baselines(opened: Opened, progress: Progress) -> list[Servable]:
    # Not at the top: it imports TensorFlow, which takes seconds.
    from benchmarks.compression.baselines import Kind, convert_baseline

    (examples,) = opened.prepared.splits.train.inputs.values()
    signature = opened.prepared.signature
    found = []
    with progress.step("baselines") as step:
        for kind in get_args(Kind):
            made = convert_baseline(opened.source.model, kind, examples).flatbuffer
            tensors = bind(made, signature.inputs[0].name, signature.outputs[0].name)
            found.append(Servable(kind, made, tensors, signature.outputs))
        step.result = ", ".join(servable.name for servable in found)
    return found


def bind(flatbuffer: bytes, input_name: str, output_name: str) -> Tensors:
    """How a model with one input and one output, both float, is served by its own signature.

    Args:
        flatbuffer: of any converter.
        input_name, output_name: what clients call them.
    """
    interpreter = import_runtime().Interpreter(model_content=flatbuffer)
    (signature,) = interpreter.get_signature_list()
    runner = interpreter.get_signature_runner(signature)

    def binding(details: dict[str, Any], name: str) -> TensorBinding:
        ((key, detail),) = details.items()
        shape = (None, *(int(size) for size in detail["shape_signature"][1:]))
        dtype = cast("TensorDType", detail["dtype"].__name__)
        return TensorBinding(name=name, tensor=key, dtype=dtype, shape=shape)

    return Tensors(
        (binding(runner.get_input_details(), input_name),),
        (binding(runner.get_output_details(), output_name),),
        signature,
    )


def _row(recipe: Recipe, form: str, preferred: Preference | None, measured: Measured) -> Row:
    return Row(
        model=recipe.model.name,
        form=form,
        preferred=preferred,
        passes=not gate.output_misses(measured.quality, recipe.gate),
        accuracy=measured.quality.candidate,
        drop=measured.quality.drop,
        bytes=measured.bytes,
        gzip_bytes=measured.gzip_bytes,
        p50_ms=measured.timing.latency_ms.p50,
        batch_ms=measured.timing.batch_latency_ms.p50,
    )


def _best(rows: Sequence[Row], model: str, axis: Axis) -> float:
    """The best baseline's that keeps the budget; infinite if none does."""
    baselines = (row for row in rows if row.model == model and row.preferred is None and row.passes)
    return min((float(getattr(row, axis)) for row in baselines), default=math.inf)


def _summary(rows: Sequence[Row], preference: Preference) -> str:
    axis, noise = _AXES[preference], _NOISE[preference]
    groups: dict[str, list[str]] = {"better": [], "equal": [], "worse": []}
    for row in rows:
        if row.preferred == preference:
            ratio = getattr(row, axis) / _best(rows, row.model, axis)
            group = "worse" if ratio > 1 + noise else "better" if ratio < 1 - noise else "equal"
            groups["worse" if not row.passes else group].append(f"{row.model} ({ratio:.2f})")
    parts = [f"{group} on {', '.join(models)}" for group, models in groups.items() if models]
    within = f", within {noise:.0%} equal" if noise else ""
    sentence = (
        f'`gate.prefer = "{preference}"`, {"bytes" if axis == "bytes" else "p50"} against the best '
        f"baseline that keeps the budget{within}: {'; '.join(parts)}."
    )
    return f"**{sentence}**" if groups["worse"] else sentence


def _cells(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    ours = row.preferred is not None

    def cell(axis: Axis, show: Callable[[float], str]) -> str:
        value = getattr(row, axis)
        text = f"{show(value)} ({value / _best(rows, row.model, axis):.2f})"
        preferred = row.preferred is not None and _AXES[row.preferred] == axis
        return f"**{text}**" if preferred else text

    name = f"ours, {row.preferred}: `{row.form}`" if ours else f"TFLiteConverter, {row.form}"
    return (
        row.model,
        name if row.passes else f"{name} (over the budget)",
        f"{row.accuracy:.4f}",
        f"{row.drop:+.4f}",
        cell("bytes", "{:,.0f}".format),
        cell("gzip_bytes", "{:,.0f}".format),
        cell("p50_ms", "{:.4f}".format),
        cell("batch_ms", "{:.4f}".format),
    )
