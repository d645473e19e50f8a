"""What it costs to quantize a convolution that reads an image of few channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.compression.document import Block, Table
from benchmarks.compression.forms import convert
from model_export import Progress
from model_export.dataset.splits import Split
from model_export.measure.process import Servable
from model_export.measure.timing import time_all
from model_export.quantization.candidate_factory import CandidateFactory
from model_export.quantization.float32_model import Float32Model
from model_export.quantization.quantize import calibrate, quantize
from model_export.recipe.measure import MeasureSection
from model_export.recipe.variants import VariantName
from model_export.signature.signature import ModelSignature
from tflite_serving.contract.tensors import InputSpec, OutputSpec

_CHANNELS = (1, 3, 4, 8, 16)
_VARIANTS: tuple[VariantName, ...] = ("dynamic_int8", "static_int8")
_SIDE, _CLASSES, _EXAMPLES = 64, 10, 16
# All of them: an operator of an unknown layer counts as part of the one before it.
_LAYERS = frozenset({"first", "second", "third", "scores"})
_COLUMNS = ("input channels", "variant", "all int8, ms", "first layer in float, ms", "ratio")


def run(progress: Progress, *, quick: bool) -> list[Block]:
    """Times a small network with and without a float stem, for images of so many channels."""
    section = MeasureSection(rounds=3, starts=1) if quick else MeasureSection(starts=1)
    rows: list[tuple[str, ...]] = []
    for channels in _CHANNELS[:1] if quick else _CHANNELS:
        with progress.step(f"{channels} channels") as step:
            found = _measure(channels, section)
            step.result = ", ".join(row[-1] for row in found)
        rows += found
    return [Table(_COLUMNS, tuple(rows), left=2)]


def _measure(channels: int, section: MeasureSection) -> list[tuple[str, ...]]:
    images = np.random.default_rng(0).random((_EXAMPLES, _SIDE, _SIDE, channels), dtype=np.float32)
    float32, signature = _network(channels)
    ranges = calibrate(float32, Split({"pixels": images}, np.zeros(_EXAMPLES, np.int64)))
    factory = CandidateFactory(Float32Model(float32, signature, _LAYERS), ranges)
    servables = [
        _form(factory, variant, first_in_float=in_float)
        for variant in _VARIANTS
        for in_float in (False, True)
    ]
    timings = [t.latency_ms.p50 for t in time_all(servables, {"pixels": images}, section)]
    pairs = zip(_VARIANTS, timings[::2], timings[1::2], strict=True)
    return [
        (str(channels), f"`{variant}`", f"{all_:.4f}", f"{first:.4f}", f"{first / all_:.2f}")
        for variant, all_, first in pairs
    ]


def _form(factory: CandidateFactory, variant: VariantName, *, first_in_float: bool) -> Servable:
    """A form in which the first layer alone is in float, or none, whatever the rule says."""
    model, ranges = factory.model, factory.ranges_for(variant)
    first = [operator.name for operator in model.facts.operators if operator.layer == "first"]
    made = quantize(model.flatbuffer, variant, ranges, but=first if first_in_float else ())
    return Servable(variant, made, model.bind(made), model.signature.outputs)


def _network(channels: int) -> tuple[bytes, ModelSignature]:
    # Not at the top: they import TensorFlow, which takes seconds.
    import keras

    from model_export.tf.source import KerasSource

    keras.utils.set_random_seed(0)
    plain: dict[str, Any] = {"padding": "same", "activation": "relu"}
    model = keras.Sequential(
        [
            keras.Input((_SIDE, _SIDE, channels), name="pixels"),
            keras.layers.Conv2D(32, 3, name="first", **plain),
            keras.layers.Conv2D(32, 3, strides=2, name="second", **plain),
            keras.layers.Conv2D(64, 3, strides=2, name="third", **plain),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(_CLASSES, activation="softmax", name="scores"),
        ]
    )
    signature = ModelSignature(
        "classification",
        (InputSpec("pixels", "float32", (None, _SIDE, _SIDE, channels)),),
        (OutputSpec("scores", "float32", (None, _CLASSES)),),
    )
    return convert(KerasSource(model, "network")), signature
