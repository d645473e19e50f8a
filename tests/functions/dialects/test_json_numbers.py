"""Numbers as JSON may spell them, in every form of body, compared with Python's own reader."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.server.heads import head
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import ClientDType, InputSpec, TensorBinding
from tflite_serving.dialects.dialect import Dialect
from tflite_serving.dialects.simple import SimpleDialect
from tflite_serving.dialects.tensorflow_serving import TensorFlowServingDialect
from tflite_serving.errors import RequestError
from tflite_serving.inputs.tensor import to_tensor

SIMPLE, SERVING = SimpleDialect(), TensorFlowServingDialect()
FORMS: list[tuple[Dialect, str]] = [
    (SIMPLE, '{"instances": [[%s, 1]]}'),
    (SIMPLE, '{"instances": [{"x": [%s, 1]}]}'),
    (SERVING, '{"instances": [[%s, 1]]}'),
    (SERVING, '{"instances": [{"x": [%s, 1]}]}'),
    (SERVING, '{"inputs": [[%s, 1]]}'),
    (SERVING, '{"inputs": {"x": [[%s, 1]]}}'),
    (SERVING, '{"signature_name": "serving_default", "instances": [[%s, 1]]}'),
]
DTYPES: list[ClientDType] = ["float32", "uint8", "int32", "int64"]
EDGES = [
    *("0", "-0", "-0.0", "0e0", "1E400", "1e999", "-1e999", "1e-999", "3.5e38", "-3.4e38", "1e39"),
    *(str(sign * 2**bits + step) for sign in (1, -1) for bits in (31, 53, 63, 64, 127, 128, 2000)
      for step in (-1, 0, 1)),
    *("1" + "0" * 30, "-" + "9" * 25, "9" * 400, "1" * 5000, "1.0", "255.0", "256", "1e2", "25.5"),
    *("18446744073709551616.0", "9223372036854775808.0", "0." + "0" * 400 + "1", "1e99999999999"),
]  # fmt: skip
_NUMBER = r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?"
NUMBERS = st.from_regex(re.compile(_NUMBER, re.ASCII), fullmatch=True)


def with_input(manifest: Manifest, spec: InputSpec) -> Manifest:
    binding = TensorBinding(spec.name, spec.name, "float32", spec.shape)
    tensors = replace(manifest.tensors, inputs=(binding,))
    return replace(manifest, inputs=(spec,), tensors=tensors)


def read(
    dialect: Dialect, form: str, number: str, dtype: ClientDType, manifest: Manifest
) -> float | int | str:
    """The number that the model would get, or the code of the refusal."""
    spec = InputSpec("x", dtype, (None, 2))
    codec = dialect.codec(with_input(manifest, spec))
    try:
        request = codec.parse((form % number).encode(), head("application/json"))
        tensor = to_tensor(request.inputs["x"], spec)
    except RequestError as error:
        return error.code
    assert tensor.dtype == dtype
    value: float | int = tensor[0, 0].item()
    return value


def wanted(number: str, dtype: ClientDType) -> float | int | None:
    """The number as Python's json and numpy have it; None where the dtype does not."""
    if len(number) > 1000:
        return 0.0 if number.startswith("0.") else None  # which Python's int refuses to read
    value = json.loads(number)
    if not abs(value) < 2**1000:
        return None
    if dtype == "float32":
        with np.errstate(over="ignore"):
            rounded = np.float32(float(value))
        return rounded.item() if np.isfinite(rounded) else None
    limits = np.iinfo(dtype)
    return int(value) if value == int(value) and limits.min <= value <= limits.max else None


@pytest.mark.parametrize(("dialect", "form"), FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_number_at_an_edge_is_itself_or_refused(
    dialect: Dialect, form: str, dtype: ClientDType, manifest: Manifest
) -> None:
    for number in EDGES:
        check(dialect, form, number, dtype, manifest)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(FORMS), NUMBERS, st.sampled_from(DTYPES))
def test_any_number_is_itself_or_refused(
    manifest: Manifest, form: tuple[Dialect, str], number: str, dtype: ClientDType
) -> None:
    check(*form, number, dtype, manifest)


def check(dialect: Dialect, form: str, number: str, dtype: ClientDType, manifest: Manifest) -> None:
    found, right = read(dialect, form, number, dtype, manifest), wanted(number, dtype)
    if right is None:
        assert found in ("out_of_range", "not_finite", "wrong_dtype", "malformed_json"), number
    else:
        assert found == right, number


def test_the_place_of_a_number_beyond_64_bits_is_told(manifest: Manifest) -> None:
    spec = InputSpec("x", "int64", (None, 2))
    codec = SIMPLE.codec(with_input(manifest, spec))
    request = codec.parse(b'{"instances": [[1, 2], [3, 99999999999999999999]]}', head())
    with pytest.raises(
        RequestError, match=r"^instances\[1\]\[1\]: expected .* \(int64\), got 1e\+20$"
    ):
        to_tensor(request.inputs["x"], spec)
