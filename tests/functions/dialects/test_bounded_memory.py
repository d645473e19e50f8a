"""What a few bytes of a body may become: batches are counted, and texts made, when it is safe."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from tests.functions.dialects.test_records import CSV, JSON, PERSON, ROW, with_inputs
from tests.support.server.heads import head
from tflite_serving.contract.manifest import Manifest
from tflite_serving.dialects.json_body import parse_object
from tflite_serving.dialects.simple import SimpleDialect
from tflite_serving.dialects.tensorflow_serving import TensorFlowServingDialect
from tflite_serving.errors import RequestError
from tflite_serving.inputs.npy import read_npy
from tflite_serving.inputs.raw import RawInput
from tflite_serving.inputs.tensor import to_tensor

SIMPLE, SERVING = SimpleDialect(), TensorFlowServingDialect()
MIB = 2**20
MOST = 16


def peak_mib(call: Callable[[], object]) -> float:
    """What Python and numpy hold at once, at most, while `call` is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(RequestError):
            call()
        return tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


LONG = "1" * 40_000
COLUMN = {"inputs": {"age": [LONG, *[1] * 1_000]}}
FIRST = {"instances": [{"age": LONG}, *[{"age": 1}] * 1_000]}
BESIDE = {"instances": [{"age": 1}, {"age": 1, "income": LONG}, *[{"age": 1}] * 999]}


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (SIMPLE, FIRST),
        (SIMPLE, BESIDE),
        (SERVING, FIRST),
        (SERVING, BESIDE),
        (SERVING, COLUMN),
        (SERVING, {"signature_name": "", **COLUMN}),
    ],
)
def test_a_string_is_seen_where_the_client_left_out_columns(
    manifest: Manifest, dialect: SimpleDialect | TensorFlowServingDialect, body: object
) -> None:
    model = with_inputs(manifest, ROW)
    data = json.dumps(body).encode()

    def read() -> None:
        raw = dialect.codec(model).parse(data, head(JSON)).inputs["features"]
        assert isinstance(raw, RawInput)
        assert raw.may_hold_others
        to_tensor(raw, ROW)

    assert peak_mib(read) < 2


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": {"age": [1, 2]}},
        {"instances": [{"age": 1}, {"age": 1, "income": 2}]},
        {"signature_name": "serving_default", "instances": [{"age": 1, "income": 2, "{0}": 3}]},
    ],
)
def test_numbers_alone_are_known_by_the_names_that_are_there(
    manifest: Manifest, body: object
) -> None:
    codec = SERVING.codec(with_inputs(manifest, ROW))
    raw = codec.parse(json.dumps(body).encode(), head(JSON)).inputs["features"]
    assert isinstance(raw, RawInput)
    assert not raw.may_hold_others


KEY = b"k" * 30_000
ZEROS = b"0," * 16_000 + b"0"


@pytest.mark.parametrize(
    "body",
    [
        b'{"%b":[%b],"z":NaN}' % (KEY, ZEROS),
        b'{"%b":{%b},"z":NaN}' % (KEY, b",".join(b'"%d":0' % i for i in range(16_000))),
        b'{"%b":' % KEY[:1_000] * 400 + b"[%b]" % ZEROS + b"}" * 399 + b',"z":NaN}',
    ],
    ids=["list", "object", "levels"],
)
def test_a_place_is_written_of_what_is_wrong_and_of_nothing_else(body: bytes) -> None:
    assert peak_mib(lambda: parse_object(body)) < 10
    with pytest.raises(RequestError, match=r"^z: expected a finite number, got nan"):
        parse_object(body)


def test_a_place_below_many_long_keys_is_shortened() -> None:
    body = b'{"%b":' % KEY[:1_000] * 400 + b"[0, -Infinity]" + b"}" * 400
    with pytest.raises(RequestError, match=r"^k{200}…: expected a finite number, got -inf"):
        parse_object(body)


@pytest.mark.parametrize("value", [["\x7f" * 100_000], {"a": "\x7f" * 100_000}])
def test_no_text_is_made_of_a_signatures_name_that_is_none(
    manifest: Manifest, value: object
) -> None:
    body = json.dumps({"signature_name": value, "instances": []}, ensure_ascii=False).encode()
    with pytest.raises(RequestError, match=r"expected 'serving_default', got (a list|an object)$"):
        SERVING.codec(manifest).parse(body, head(JSON))


def npy(rows: int) -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((rows, 4), np.uint8))
    return file.getvalue()


def too_large(count: int) -> str:
    return f"^expected at most {MOST} instances, got {count}; send them in several requests$"


@pytest.mark.parametrize(
    ("dialect", "kind", "body"),
    [
        (SIMPLE, JSON, lambda count: {"instances": [[1, 1, 1, 1]] * count}),
        (SERVING, JSON, lambda count: {"instances": [[1, 1, 1, 1]] * count}),
        (SERVING, JSON, lambda count: {"inputs": [[1, 1, 1, 1]] * count}),
        (SERVING, JSON, lambda count: {"inputs": {"features": [[1, 1, 1, 1]] * count}}),
        (SIMPLE, JSON, lambda count: {"instances": [{"features": [1, 1, 1, 1]}] * count}),
        (SIMPLE, JSON, lambda count: {"instances": [{"nothing": []}] * count}),
        (SIMPLE, JSON, lambda count: {"instances": [None] * count}),
        (SIMPLE, "application/x-npy", npy),
    ],
)
def test_a_batch_is_counted_in_every_form(
    manifest: Manifest,
    dialect: SimpleDialect | TensorFlowServingDialect,
    kind: str,
    body: Callable[[int], object],
) -> None:
    codec = dialect.codec(manifest)

    def data(count: int) -> bytes:
        made = body(count)
        return made if isinstance(made, bytes) else json.dumps(made).encode()

    with pytest.raises(RequestError, match=too_large(17)) as caught:
        codec.parse(data(17), head(kind), MOST)
    assert caught.value.code == "batch_too_large"
    try:
        assert codec.parse(data(16), head(kind), MOST).batch == 16
    except RequestError as error:
        assert error.code != "batch_too_large"  # noqa: PT017


def test_a_batch_of_columns_is_counted(manifest: Manifest) -> None:
    codec = SERVING.codec(with_inputs(manifest, *PERSON))
    body = json.dumps({"inputs": {"city": ["Ulm"] * 17, "age": [1] * 17}}).encode()
    with pytest.raises(RequestError, match=too_large(17)):
        codec.parse(body, head(JSON), MOST)


def test_numbers_of_a_batch_that_is_too_large_are_not_made(manifest: Manifest) -> None:
    body = b'{"instances":[%b]}' % b",".join([b"[1,1,1,1]"] * 200_000)
    codec = SIMPLE.codec(manifest)
    assert peak_mib(lambda: codec.parse(body, head(JSON), MOST)) < 2.5 * len(body) / MIB


@pytest.mark.parametrize(
    ("table", "count"),
    [
        (b"age\n" + b"1\n" * 17, 17),
        (b"age\n" + b"\n1\n\n" * 17, 17),
        (b"age,income\r\n" + b"1,\r\n" * 300_000, 300_000),
        (b"age\n" + b'"1"\r' * 300_000, 300_000),
    ],
    ids=["lines", "empty lines", "columns", "quotes"],
)
def test_the_rows_of_a_table_that_is_too_large_are_counted_and_not_kept(
    manifest: Manifest, table: bytes, count: int
) -> None:
    codec = SIMPLE.codec(with_inputs(manifest, ROW))
    assert peak_mib(lambda: codec.parse(table, head(CSV), MOST)) < 4
    with pytest.raises(RequestError, match=too_large(count)):
        codec.parse(table, head(CSV), MOST)


def test_a_cell_has_an_end(manifest: Manifest) -> None:
    codec = SIMPLE.codec(with_inputs(manifest, ROW))
    for quote in (b"", b'"'):
        with pytest.raises(RequestError, match=r"^line 2: field larger than field limit") as caught:
            codec.parse(b"age\n" + quote + b"9" * (2**23 + 1) + b"\n", head(CSV))
        assert caught.value.code == "malformed_csv"


@pytest.mark.parametrize(
    "shape", ["9999, " * 600, "1" + "0" * 3_900 + ", 4", "1" + "0" * 3_900 + ", 0"]
)
def test_a_shape_of_thousands_of_digits_is_not_repeated(manifest: Manifest, shape: str) -> None:
    literal = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape})}}\n".encode()
    body = b"\x93NUMPY\x01\x00" + len(literal).to_bytes(2, "little") + literal
    with pytest.raises(RequestError) as caught:
        read_npy(body, manifest.inputs[0])
    assert len(caught.value.message) < 600
