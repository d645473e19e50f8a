"""Elementwise functions: what the converter makes of them computes what Keras computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from model_export.errors import ConversionError
from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.flatbuffer.inspect import inspect
from model_export.flatbuffer.layer_names import STABLE
from model_export.quantization.candidate_factory import CandidateFactory
from model_export.quantization.float32_model import Float32Model
from model_export.signature.signature import ModelSignature
from model_export.tf.convert import convert_float32
from model_export.tf.load import load_source
from model_export.tf.source import KerasSource
from tests.support.models.litert import run

Array = npt.NDArray[Any]
layers, ops = keras.layers, keras.ops


def words(text: str) -> list[str]:
    return text.split()


ACTIVATIONS = words(
    "celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu "
    "linear log_sigmoid mish relu relu6 selu sigmoid silu soft_shrink softplus softsign "
    "sparse_plus sparse_sigmoid squareplus swish tanh tanh_shrink threshold"
)
UNARY = words(
    "abs absolute angle cbrt ceil celu conj conjugate cos deg2rad elu exp exp2 expm1 fabs floor "
    "gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh isfinite isinf isnan isneginf "
    "isposinf isreal leaky_relu log log10 log1p log2 log_sigmoid logical_not nan_to_num negative "
    "rad2deg real reciprocal relu relu6 round rsqrt selu sigmoid sign silu sin sinc soft_shrink "
    "softplus softsign sparse_plus sparse_sigmoid sqrt square squareplus swish tanh tanh_shrink "
    "trunc"
)
BINARY = words(
    "add arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod greater greater_equal "
    "heaviside hypot isclose less less_equal logaddexp logaddexp2 logical_and logical_or "
    "logical_xor maximum minimum mod multiply not_equal power subtract true_divide"
)
REFUSED = words(
    "arccos arccosh arcsin arcsinh arctan arctanh cosh erf erfc erfinv i0 signbit sinh tan"
)
REFUSED_OF_TWO = ["nextafter"]
# Of whole numbers, of several values at once, of no value, or moving values about.
OTHERS = words(
    "argsort array bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or "
    "bitwise_right_shift bitwise_xor binary_crossentropy conv convert_to_tensor copy corrcoef dot "
    "empty_like flip fliplr flipud full_like gcd imag isin kron layer_normalization lcm ldexp "
    "left_shift log_softmax matmul nancumprod nancumsum normalize ones_like polar right_shift "
    "rms_normalization roll softmax sort sparsemax stop_gradient take tril triu view where "
    "zeros_like"
)


class Swept(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """A function as a layer."""

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        super().__init__(**options)
        self.function = function

    def build(self, shape: Any) -> None:
        """Nothing to build."""

    def call(self, *values: Any) -> Any:
        found = self.function(*values)
        return found if found.dtype == "float32" else ops.cast(found, "float32")


def values() -> Array:
    """[values, 1]: of all sizes from 1e-30 to 1e4, positive and negative, and what is special."""
    sizes = np.concatenate(
        [np.geomspace(1e-30, 1e4, 700), np.arange(0, 200, 0.5), np.linspace(80, 95, 61), [88.72]]
    )
    found: Array = np.concatenate([sizes, -sizes]).astype(np.float32)[:, None]
    return found


def converted(function: Callable[..., Any], arity: int = 1) -> tuple[KerasSource, bytes]:
    inputs = [keras.Input((1,), name=f"x{place}") for place in range(arity)]
    source = KerasSource(keras.Model(inputs, Swept(function, name="swept")(*inputs)), "model")
    return source, fold_batch_shapes(convert_float32(source))


def sweep(functions: dict[str, Callable[..., Any]], *inputs: Array) -> dict[str, float]:
    """By name of those that differ, the worst gap as a multiple of what rounding explains."""
    source, made = converted(
        lambda *x: ops.concatenate(
            [ops.cast(function(*x), "float32") for function in functions.values()], axis=-1
        ),
        len(inputs),
    )
    feed = {info.name: x for info, x in zip(source.inputs, inputs, strict=True)}
    (expected,) = source.predict(feed).values()
    found = run(made, *inputs)
    size = np.max([np.abs(x) for x in inputs], axis=0)
    with np.errstate(invalid="ignore"):
        same = (found == expected) | ~(np.isfinite(found) | np.isfinite(expected))
        # A few roundings of the result, of 1, and of what goes in.
        allowed = 1e-5 * np.abs(expected) + 1e-6 + 2e-7 * size
        gaps = np.where(same, 0, np.abs(found - expected) / allowed)
    worst = np.nan_to_num(gaps, nan=np.inf).max(axis=0)
    return {name: float(gap) for name, gap in zip(functions, worst, strict=True) if gap > 1}


def test_every_activation_of_keras_is_swept() -> None:
    others = {"get", "serialize", "deserialize", "glu", "log_softmax", "softmax", "sparsemax"}
    names = {name for name in dir(keras.activations) if not name.startswith("_")}
    assert names == {*ACTIVATIONS, *others}


@pytest.mark.parametrize(
    ("arity", "swept", "refused"), [(1, UNARY, REFUSED), (2, BINARY, REFUSED_OF_TWO)]
)
def test_every_elementwise_function_of_keras_is_swept(
    arity: int, swept: list[str], refused: list[str]
) -> None:
    known = {*UNARY, *BINARY, *REFUSED, *REFUSED_OF_TWO, *OTHERS}
    inputs = [keras.Input((1,)) for _ in range(arity)]
    found = set()
    for name in dir(ops):
        function = getattr(ops, name)
        if name.startswith("_") or not callable(function) or isinstance(function, type):
            continue
        try:
            made = function(*inputs)
        except Exception:  # noqa: S112  # it takes something else, and says so in its own way
            continue
        if isinstance(made, keras.KerasTensor) and tuple(made.shape) == (None, 1):
            found.add(name)
    assert found <= known
    assert {*swept, *refused} <= found


def test_activations_convert_to_what_keras_computes() -> None:
    functions = {name: getattr(keras.activations, name) for name in ACTIVATIONS}
    functions["threshold"] = lambda x: keras.activations.threshold(x, 0.5, 0.1)
    functions["elu(0.3)"] = lambda x: keras.activations.elu(x, 0.3)
    functions["celu(0.3)"] = lambda x: keras.activations.celu(x, 0.3)
    functions["gelu(tanh)"] = lambda x: keras.activations.gelu(x, approximate=True)
    # The converter knows it as one operator where it stands alone.
    exact = {"gelu": functions.pop("gelu")}
    assert sweep(functions, values()) | sweep(exact, values()) == {}


def test_functions_of_one_value_convert_to_what_keras_computes() -> None:
    functions = {name: getattr(ops, name) for name in UNARY if name != "gelu"}
    functions |= {
        f"power({exponent})": lambda x, exponent=exponent: ops.power(x, exponent)
        for exponent in (-2, -1, -0.5, 0.5, 1.5, 2, 3)
    }
    functions["clip"] = lambda x: ops.clip(x, -3, 7)
    assert sweep(functions, values()) == {}


def test_functions_of_two_values_convert_to_what_keras_computes() -> None:
    x = values()
    functions = {name: getattr(ops, name) for name in BINARY}
    assert sweep(functions, x, np.random.default_rng(0).permutation(x)) == {}


@pytest.mark.parametrize("name", [*REFUSED, *REFUSED_OF_TWO])
def test_a_function_that_tensorflow_lite_lacks_is_refused(name: str) -> None:
    with pytest.raises(ConversionError, match=r"TensorFlow Lite lacks operators of the model: "):
        converted(getattr(ops, name), 2 if name in REFUSED_OF_TWO else 1)


def log1p(x: Array) -> Array:
    found: Array = np.log1p(x)
    return found


@pytest.mark.parametrize(
    ("function", "exact", "low"),
    [
        # Below, float32 has fewer digits.
        (tf.nn.softplus, lambda x: np.maximum(x, 0) + log1p(np.exp(-np.abs(x))), -87),
        (
            tf.math.log_sigmoid,
            lambda x: np.minimum(x, 0) - log1p(np.exp(-np.abs(x))),
            -1e4,
        ),
        (tf.math.log1p, log1p, -0.999),
        (tf.math.expm1, np.expm1, -1e4),
        (tf.exp, np.exp, -87),
    ],
)
def test_a_replaced_operator_has_all_digits_wherever_float32_has_them(
    function: Callable[..., Any], exact: Callable[[Array], Array], low: float
) -> None:
    _, made = converted(function)
    x = values()
    x = x[(x > low) & (np.abs(x) > 1e-30)][:, None]
    if function is tf.math.log_sigmoid:
        x = x[x < 87][:, None]
    with np.errstate(over="ignore"):
        expected = exact(x.astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(run(made, x), expected, rtol=5e-6)


def test_a_softplus_head_answers_beyond_88_as_keras_does() -> None:
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, "softplus", name="head")])
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    made = convert_float32(KerasSource(model, "model"))
    x = np.array([[-200], [-20], [0], [88], [89], [120], [1e4]], np.float32)
    np.testing.assert_allclose(run(made, x), model(x), rtol=5e-6)


def test_what_replaces_an_operator_belongs_to_its_layer() -> None:
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(3, "softplus", name="deep")])
    inner.name = "inner"
    model = keras.Sequential(
        [keras.Input((3,)), inner, layers.Dense(2, "softplus", name="head")], name="outer"
    )
    source = KerasSource(model, "model")
    found = inspect(convert_float32(source), frozenset(source.layers)).operators
    names = [operator for operator in found if STABLE in operator.name]
    assert {operator.layer for operator in names} == {"inner/deep", "head"}
    assert len({operator.name for operator in found}) == len(found)


@pytest.mark.parametrize("how", ["export", "saved_model"])
def test_a_saved_models_functions_are_rewritten_too(tmp_path: Path, how: str) -> None:
    own = tf.function(lambda x: tf.nn.softplus(x))  # noqa: PLW0108  # a function of its own
    model = keras.Sequential(
        [keras.Input((1,)), layers.Dense(1, name="first"), Swept(own, name="second")]
    )
    model.set_weights([np.full((1, 1), 2.0), np.ones(1)])
    if how == "export":
        model.export(tmp_path / "model", verbose=False)
    else:
        tf.saved_model.save(model, tmp_path / "model")
    made = convert_float32(load_source(tmp_path / "model"))
    x = np.array([[-15], [0], [44], [60], [1e3]], np.float32)
    np.testing.assert_allclose(run(made, x), model(x), rtol=5e-6)


def test_the_same_model_converts_to_the_same_bytes() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, "softplus", name="head")])
    first, second = (convert_float32(KerasSource(model, "model")) for _ in range(2))
    assert first == second


def test_what_replaces_an_operator_stays_in_float_where_int8_would_be_slower() -> None:
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(3, "softplus", name="first"), layers.Dense(2)]
    )
    source = KerasSource(model, "model")
    signature = ModelSignature("regression", (), ())
    factory = CandidateFactory(Float32Model(convert_float32(source), signature, frozenset()), {})
    stable = {o.name for o in factory.model.facts.operators if STABLE in o.name}
    assert stable
    assert stable <= {o.name for o in factory.left_in_float("static_int8")}
    assert not factory.left_in_float("dynamic_int8")
