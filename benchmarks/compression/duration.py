"""How long an export takes to make its candidates, against the converter once for each of them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, get_args

from benchmarks.compression.document import Block, Table
from benchmarks.compression.forms import convert
from benchmarks.compression.measured import measure
from benchmarks.compression.recipes import Opened, open_recipe, write_recipe
from model_export import Progress
from model_export.quantization.candidate_factory import CandidateFactory
from model_export.quantization.float32_model import Float32Model
from model_export.quantization.quantize import calibrate, choose_calibration
from model_export.recipe.variants import VariantName

_MODEL, _SMALL_MODEL = "fashion_mobile", "breast_cancer"
# The converter's own names are those of `benchmarks.compression.baselines`, in the same order.
_VARIANTS: tuple[VariantName, ...] = ("float32", "float16", "dynamic_int8", "static_int8")
_ROUNDS = 3
Seconds = dict[str, list[float]]


def run(progress: Progress, *, quick: bool) -> list[Block]:
    """Makes the same four forms in both ways, in turns."""
    model = _SMALL_MODEL if quick else _MODEL
    with tempfile.TemporaryDirectory(prefix="time-") as folder:
        opened = open_recipe(write_recipe(Path(folder), model, {}), progress)
    ours: Seconds = {}
    theirs: Seconds = {}
    # What TensorFlow does only once in a process is nobody's.
    convert(opened.source)
    for turn in range(1 if quick else _ROUNDS):
        with progress.step(f"round {turn + 1}"):
            factory = _make_ours(opened, ours)
            _make_theirs(opened, theirs)
    began = time.perf_counter()
    servables = [factory.make(variant) for variant in _VARIANTS]
    making = time.perf_counter() - began
    measure(servables, opened.prepared, opened.recipe.measure, progress)
    measuring = time.perf_counter() - began - making
    return _describe(model, ours, theirs, measuring)


def _make_ours(opened: Opened, seconds: Seconds) -> CandidateFactory:
    source, prepared = opened.source, opened.prepared
    float32 = _timed(seconds, "convert once", lambda: convert(source))
    examples = choose_calibration(prepared.splits.train, opened.recipe.calibration)
    ranges = _timed(seconds, "calibrate", lambda: calibrate(float32, examples))
    model = Float32Model(float32, prepared.signature, frozenset(source.layers))
    factory = CandidateFactory(model, ranges)
    for variant in _VARIANTS:
        _timed(seconds, f"`{variant}`", partial(factory.make, variant))
    return factory


def _make_theirs(opened: Opened, seconds: Seconds) -> None:
    # Not at the top: it imports TensorFlow, which takes seconds.
    from benchmarks.compression.baselines import Kind, convert_baseline

    (examples,) = opened.prepared.splits.train.inputs.values()
    for kind in get_args(Kind):
        made = convert_baseline(opened.source.model, kind, examples)
        seconds.setdefault(f"convert, {kind}", []).append(made.seconds)


def _timed(seconds: Seconds, name: str, make: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    made = make()
    seconds.setdefault(name, []).append(time.perf_counter() - began)
    return made


def _describe(model: str, ours: Seconds, theirs: Seconds, measuring: float) -> list[Block]:
    rows = []
    totals = []
    for title, seconds in (("ours", ours), ("TFLiteConverter", theirs)):
        medians = {name: median(found) for name, found in seconds.items()}
        totals.append(sum(medians.values()))
        rows += [(title, name, f"{value:.2f}") for name, value in medians.items()]
        rows.append((title, "**in all**", f"**{totals[-1]:.2f}**"))
    sentence = (
        f"`{model}` in {len(_VARIANTS)} forms: {totals[0]:.2f} s against {totals[1]:.2f} s, "
        f"{totals[0] / totals[1]:.2f} times as long. To ask the {len(_VARIANTS)} forms about the "
        f"test split and to time them took {measuring:.1f} s more, which either way must be spent."
    )
    return [sentence, Table(("made by", "step", "seconds"), tuple(rows), left=2)]
