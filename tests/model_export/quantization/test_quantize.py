"""Variants of a flatbuffer: each runs, and stays close to what it was made from."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from model_export.dataset.splits import Split
from model_export.errors import ConversionError
from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.flatbuffer.inspect import bindings, inspect
from model_export.quantization.quantize import calibrate, choose_calibration, quantize
from model_export.recipe.quantize import CalibrationSection
from model_export.recipe.variants import VariantName
from tests.support.models import tiny
from tests.support.models.litert import Graph, pack, parse, run
from tests.support.models.tiny import quantized

Op = schema.BuiltinOperator
VARIANTS: tuple[VariantName, ...] = (
    "float32",
    "float16",
    "weight_int8",
    "weight_int4",
    "dynamic_int8",
    "static_int8",
    "full_int8",
)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", ["dense", "conv"])
def test_every_variant_runs_and_answers_like_the_float_model_on_real_examples(
    converted: Callable[[str], bytes], name: str, variant: VariantName
) -> None:
    from tests.support.models import keras_models

    make = keras_models.bars if name == "conv" else keras_models.flowers
    float32 = fold_batch_shapes(converted(name))
    made = quantized(variant, float32, make(120, 0))
    (x,) = make(60, 9).inputs.values()
    expected, found = run(float32, x), run(made, x)
    assert found.shape == (60, keras_models.CLASSES)
    assert np.abs(found - expected).max() < (0.3 if variant == "weight_int4" else 0.12)
    assert np.mean(found.argmax(axis=1) == expected.argmax(axis=1)) > 0.96


@pytest.mark.parametrize(
    ("variant", "smaller_than"),
    [("float16", 0.62), ("weight_int8", 0.5), ("dynamic_int8", 0.5), ("static_int8", 0.5)],
)
def test_a_variant_of_many_weights_is_as_much_smaller_as_its_type(
    variant: VariantName, smaller_than: float
) -> None:
    rng = np.random.default_rng(0)
    graph = Graph()
    x, y = graph.tensor((-1, 400)), graph.tensor((-1, 8))
    weights = graph.constant(rng.normal(size=(8, 400)).astype(np.float32))
    options = schema.FullyConnectedOptionsT()
    graph.operator(schema.BuiltinOperator.FULLY_CONNECTED, [x, weights, -1], [y], options)
    float32 = graph.build([x], [y])
    split = Split({"x": rng.random((9, 400), dtype=np.float32)}, np.zeros(9, np.int64))
    made = quantized(variant, float32, split)
    assert len(made) < smaller_than * len(float32)


def test_float32_is_the_flatbuffer_itself() -> None:
    float32 = tiny.flatbuffer()
    assert quantize(float32, "float32", {}) is float32


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_is_made_the_same_each_time(variant: VariantName) -> None:
    made = [quantized(variant) for _ in range(2)]
    assert made[0] == made[1]


def test_edges_stay_float_in_the_static_variant_and_do_not_in_the_full_one() -> None:
    dtypes = {}
    for variant in ("static_int8", "full_int8"):
        made = quantized(variant)
        (input_,), (output,) = bindings(made, ("features",), ("species",))
        dtypes[variant] = (input_.dtype, output.dtype)
    assert dtypes == {"static_int8": ("float32", "float32"), "full_int8": ("int8", "int8")}


@pytest.mark.parametrize("variant", ["static_int8", "full_int8"])
@pytest.mark.parametrize("place", [0, 30, 59])
def test_a_value_that_one_example_alone_reaches_is_not_clipped(
    variant: VariantName, place: int
) -> None:
    # A moving average of the extremes, which is the library's default, would cut it off.
    calibration = tiny.examples()
    extreme = np.array([[8.0, 0.0, 0.0, 0.0]], dtype=np.float32)
    calibration.inputs["features"][place] = extreme
    x = np.array([[1.0, 1.0, 0.0, 0.0], [8.0, 7.0, 0.0, 0.0]], dtype=np.float32)
    # Of the second row nothing may be cut off: its classes are almost equally likely.
    weights = np.array([[1.0, -1, 0, 0], [-1, 1, 0, 0], [0, 0, -1, 1]], dtype=np.float32)
    made = quantized(variant, tiny.flatbuffer(weights), calibration)
    np.testing.assert_allclose(run(made, x), tiny.scores(x, weights), atol=0.06)


def test_the_range_of_an_input_is_the_true_one() -> None:
    calibration = tiny.examples()
    calibration.inputs["features"][17] = [-3.0, 0.0, 0.0, 9.0]
    made = quantized("full_int8", test=calibration)
    (input_,), _ = bindings(made, ("features",), ("species",))
    assert input_.scale is not None
    assert input_.zero_point is not None
    assert (-128 - input_.zero_point) * input_.scale == pytest.approx(-3.0, abs=input_.scale)
    assert (127 - input_.zero_point) * input_.scale == pytest.approx(9.0, abs=input_.scale)


def test_calibration_of_several_inputs_takes_each_in_its_place() -> None:
    graph = Graph()
    a, b, total = graph.tensor((-1, 2)), graph.tensor((-1, 2)), graph.tensor((-1, 2))
    graph.operator(schema.BuiltinOperator.ADD, [a, b], [total], schema.AddOptionsT())
    small = np.linspace(0, 1, 20, dtype=np.float32).reshape(10, 2)
    split = Split({"small": small, "large": small * 100}, np.zeros(10, np.int64))
    made = quantized("full_int8", graph.build([a, b], [total]), split)
    inputs, _ = bindings(made, ("small", "large"), ("sum",))
    assert [binding.scale for binding in inputs] == pytest.approx([1 / 255, 100 / 255], rel=0.02)


def test_what_cannot_be_quantized_is_refused_by_the_variants_name() -> None:
    for variant in VARIANTS[1:]:
        with pytest.raises(ConversionError, match=f"{variant}: the model cannot be quantized: "):
            quantize(b"no flatbuffer at all", variant, {})


def test_examples_of_another_shape_are_refused() -> None:
    split = Split({"features": np.zeros((5, 3), np.float32)}, np.zeros(5, np.int64))
    with pytest.raises(ConversionError, match="calibration: the model cannot be quantized"):
        calibrate(tiny.flatbuffer(), split)


def test_the_librarys_reports_stay_away_from_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    quantized("static_int8")
    out, err = capfd.readouterr()
    assert out == ""
    assert "%" not in err  # no progress bars


def numbered(classes: list[int]) -> Split:
    """Examples that hold their own number, so that one sees which were chosen."""
    rows = np.arange(len(classes), dtype=np.float32)[:, None]
    return Split({"x": rows}, np.array(classes, dtype=np.int64))


def test_calibration_takes_every_class_in_turn_however_rare() -> None:
    train = numbered([0] * 500 + [1] * 40 + [2] * 5)
    chosen = choose_calibration(train, CalibrationSection(examples=60))
    assert len(chosen) == 60
    assert np.bincount(chosen.targets).tolist() == [28, 27, 5]


def test_calibration_takes_real_examples_each_at_most_once() -> None:
    train = numbered([0, 1, 2] * 100)
    chosen = choose_calibration(train, CalibrationSection(examples=50))
    rows = chosen.inputs["x"][:, 0].astype(int)
    assert len(set(rows)) == 50
    np.testing.assert_array_equal(train.targets[rows], chosen.targets)


def test_calibration_takes_the_same_examples_each_time_and_not_the_first_ones() -> None:
    train = numbered([0, 1, 2] * 100)
    section = CalibrationSection(examples=30)
    first, second = (choose_calibration(train, section).inputs["x"][:, 0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.max() > 60


def test_calibration_takes_all_where_there_are_few() -> None:
    train = numbered([2, 0, 2, 1])
    chosen = choose_calibration(train, CalibrationSection())
    assert sorted(chosen.inputs["x"][:, 0].tolist()) == [0, 1, 2, 3]


NAMES = ["first", "first_more", "fir.t", "last(1)", "fir|last", "a/b;c"]
"""Of operators: prefixes of each other, and characters that mean something in a pattern."""


def chain(names: list[str] = NAMES) -> bytes:
    """A fully connected layer of 40 by 40 for each name, one after the other."""
    rng = np.random.default_rng(0)
    graph = Graph()
    tensors = [graph.tensor((-1, 40)) for _ in range(len(names) + 1)]
    for before, after in pairwise(tensors):
        weights = graph.constant((rng.normal(size=(40, 40)) / 7).astype(np.float32))
        options = schema.FullyConnectedOptionsT()
        graph.operator(Op.FULLY_CONNECTED, [before, weights, -1], [after], options)
    model = parse(graph.build([tensors[0]], [tensors[-1]]))
    for tensor, name in zip(tensors[1:], names, strict=True):
        model.subgraphs[0].tensors[tensor].name = name.encode()
    return pack(model)


def rows() -> Split:
    x = np.random.default_rng(1).normal(size=(20, 40)).astype(np.float32)
    return Split({"x": x}, np.zeros(20, np.int64))


def weight_dtypes(flatbuffer: bytes) -> list[str]:
    """Of each layer of a chain, in order."""
    return [o.weights.dtype for o in inspect(flatbuffer).operators if o.weights]


STORED: dict[VariantName, str] = {
    "float16": "float16",
    "weight_int8": "int8",
    "weight_int4": "int4",
    "dynamic_int8": "int8",
    "static_int8": "int8",
    "full_int8": "int8",
}


@pytest.mark.parametrize("variant", VARIANTS[1:])
@pytest.mark.parametrize("chosen", [[name] for name in NAMES] + [NAMES[:1] + NAMES[3:4], []])
def test_only_the_named_operators_are_quantized(variant: VariantName, chosen: list[str]) -> None:
    float32 = chain()
    made = quantize(float32, variant, calibrate(float32, rows()), only=chosen)
    assert weight_dtypes(made) == [
        STORED[variant] if name in chosen else "float32" for name in NAMES
    ]
    (x,) = rows().inputs.values()
    assert np.isfinite(run(made, x)).all()


@pytest.mark.parametrize("variant", VARIANTS[1:])
@pytest.mark.parametrize("kept", [[name] for name in NAMES] + [NAMES[:1] + NAMES[3:4], NAMES])
def test_all_but_the_named_operators_are_quantized(variant: VariantName, kept: list[str]) -> None:
    float32 = chain()
    made = quantize(float32, variant, calibrate(float32, rows()), but=kept)
    assert weight_dtypes(made) == ["float32" if name in kept else STORED[variant] for name in NAMES]
    (x,) = rows().inputs.values()
    assert np.isfinite(run(made, x)).all()


def test_an_operator_in_float_among_static_ones_answers_like_the_float_model() -> None:
    float32 = chain()
    ranges = calibrate(float32, rows())
    (x,) = rows().inputs.values()
    wrong = [
        np.abs(run(made, x) - run(float32, x)).max()
        for made in (
            quantize(float32, "static_int8", ranges),
            quantize(float32, "static_int8", ranges, but=NAMES[:-1]),
            quantize(float32, "static_int8", ranges, but=NAMES),
        )
    ]
    assert wrong[0] > wrong[1] > wrong[2] == 0


def test_a_moving_average_cuts_off_what_few_examples_reach_and_the_true_range_does_not() -> None:
    calibration = tiny.examples()
    calibration.inputs["features"][3] = [8.0, 0.0, 0.0, 0.0]
    float32 = tiny.flatbuffer()
    top = {
        method: float(np.max(calibrate(float32, calibration, method)["input"]["max"]))
        for method in ("min_max", "moving_average")
    }
    assert top["min_max"] == 8.0
    assert top["moving_average"] < 2.0


def test_calibration_gives_a_range_to_every_tensor_that_is_computed() -> None:
    ranges = calibrate(tiny.flatbuffer(), tiny.examples())
    assert {"input", "logits", "scores"} <= set(ranges)
    expected = tiny.examples().inputs["features"] @ tiny.WEIGHTS.T
    assert float(np.min(ranges["logits"]["min"])) == pytest.approx(expected.min(), rel=1e-5)
    assert float(np.max(ranges["logits"]["max"])) == pytest.approx(expected.max(), rel=1e-5)


def test_four_bits_hold_half_the_bytes_of_eight_and_sixteen_values() -> None:
    four, eight = (quantized(v, chain(), rows()) for v in ("weight_int4", "weight_int8"))
    weights = [o.weights for o in inspect(four).operators if o.weights]
    assert {(w.bits, w.count, w.bytes) for w in weights} == {(4, 1600, 800)}
    assert len(eight) - len(four) == pytest.approx(6 * 800, rel=0.05)
    (x,) = rows().inputs.values()
    assert np.abs(run(four, x) - run(chain(), x)).mean() < 0.5
