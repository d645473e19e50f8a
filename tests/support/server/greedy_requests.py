"""Requests of few bytes that want much memory, and a registry of the models that they go to."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from model_export.registry.open import open_writable
from model_export.registry.operations import move_alias, publish
from tests.support.examples.image_files import b64, encoded
from tests.support.models.image_model import NAME as PICTURES
from tests.support.models.image_model import publish_picture_model
from tests.support.models.tiny import write_tiny_artifact
from tflite_serving.contract.image import Image, Resize
from tflite_serving.contract.manifest import Manifest, write_manifest
from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import Preprocess

COLUMNS = ("mean_radius", "mean_texture", "mean_area", "worst_area")
_TINY = ("iris", "cells")
_RESIZE = Resize(height=224, width=224, fit="pad")
MODELS = (*_TINY, PICTURES)
"""A tensor of four numbers; a record of four columns, each of which may be missing; a picture with
borders."""

_JSON, _CSV, _NPY = "application/json", "text/csv", "application/x-npy"
_PNG = "image/png"
_SIMPLE, _SERVING = "/models/{}/predict", "/v1/models/{}:predict"
_MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class GreedyRequest:
    """One request.

    Attributes:
        path: of the URL, with its query.
        content_type: of the body.
        body: makes the body.
        codes: one of which the refusal must have; "" stands for an answer.
    """

    path: str
    content_type: str
    body: Callable[[], bytes]
    codes: tuple[str, ...]


def publish_models(folder: Path) -> Path:
    """Publishes `MODELS` to a registry below a folder."""
    store = open_writable(str(folder / "registry"))
    for name in _TINY:
        manifest = write_tiny_artifact(folder / name, name=name)
        if name == "cells":
            manifest = _with_columns(manifest)
            text = write_manifest(manifest)
            (folder / name / "manifest.json").write_text(text, encoding="utf-8")
        publish(store, manifest, folder / name)
        move_alias(store, name, "production", manifest.version, "publish")
    return publish_picture_model(folder, Image(mode="rgb", resize=_RESIZE)).registry


def _with_columns(manifest: Manifest) -> Manifest:
    (spec,) = manifest.inputs
    record = Record(tuple(Column(name, missing=0.0) for name in COLUMNS))
    return replace(
        manifest, inputs=(replace(spec, preprocess=Preprocess("record", record=record)),)
    )


def _instances(item: bytes, count: int) -> bytes:
    return b'{"instances": [%b]}' % b",".join([item] * count)


def _column(item: bytes, count: int) -> bytes:
    return b'{"inputs":{"mean_area":[%b]}}' % b",".join([item] * count)


def _npy(header: str, data: bytes = b"") -> bytes:
    head = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


def _ordinary_npy(rows: int) -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((rows, 4), np.uint8))
    return file.getvalue()


def _to(
    model: str, path: str, body: Callable[[], bytes], *codes: str, kind: str = _JSON
) -> GreedyRequest:
    return GreedyRequest(path.format(model), kind, body, codes)


def requests() -> Mapping[str, GreedyRequest]:
    """All of them, by what they are."""
    return dict(
        [
            *_strings(),
            *_places(),
            *_json_batches(),
            *_csv(),
            *_npy_files(),
            *_pictures(),
            *_queries(),
        ]
    )


Named = Iterator[tuple[str, GreedyRequest]]


def _strings() -> Named:
    """Strings among numbers, which numpy would give as much room each as the longest."""
    long = b'"' + b"1" * 40_000 + b'"'
    column = b"[%b]" % b",".join([long, *[b"1"] * 1_000])
    yield (
        "a string in the only column that is sent",
        _to("cells", _SERVING, lambda: b'{"inputs":{"mean_radius":%b}}' % column, "wrong_dtype"),
    )
    rows = [b'{"mean_radius":%b}' % long, *[b'{"mean_radius":1}'] * 1_000]
    for path in (_SIMPLE, _SERVING):
        yield (
            f"a string in records that leave out columns, {path}",
            _to("cells", path, lambda: b'{"instances":[%b]}' % b",".join(rows), "wrong_dtype"),
        )
    yield (
        "a string beside a signature's name",
        _to(
            "cells",
            _SERVING,
            lambda: b'{"signature_name":"","inputs":{"mean_area":%b}}' % column,
            "wrong_dtype",
        ),
    )
    yield (
        "a string in a list of numbers",
        _to("iris", _SIMPLE, lambda: b'{"instances":%b}' % column, "wrong_dtype"),
    )
    yield (
        "a member of strings that nobody reads",
        _to(
            "cells",
            _SERVING,
            lambda: b'{"x":[%b],"inputs":{"mean_area":%b}}' % (b",".join([b'""'] * 9), column),
            "wrong_dtype",
        ),
    )
    yield (
        "a long list for a signature's name",
        _to(
            "iris",
            _SERVING,
            lambda: '{{"signature_name":["{}"],"instances":[]}}'.format(
                "\U0001f600" + "\x7f" * (24 * _MEGABYTE)
            ).encode(),
            "unknown_signature",
        ),
    )


def _places() -> Named:
    """Long keys above many siblings: a place for each would repeat the keys."""
    key = b"k" * 30_000
    flat = b'{"%b":[%b],"z":NaN}' % (key, b",".join([b"0"] * 16_000))
    pairs = b'{"%b":{%b},"z":NaN}' % (key, b",".join(b'"%d":0' % i for i in range(16_000)))
    deep = b'{"%b":' % key[:1_000] * 400 + b"[%b]" % (b"0," * 16_000 + b"0") + b"}" * 400
    for what, body in (("lists", flat), ("objects", pairs), ("levels", deep[:-1] + b',"z":NaN}')):
        yield (
            f"a long key above many {what}",
            _to("iris", _SIMPLE, partial(bytes, body), "not_finite"),
        )


def _json_batches() -> Named:
    """Batches far beyond the largest, in each form."""
    for what, item, count in (
        ("numbers in the model's shape", b"[1,1,1,1]", 3_300_000),
        ("numbers of another shape", b"[1]", 4_000_000),
        ("numbers that are floats", b"1.5", 5_000_000),
        ("lists in lists", b"[[]]", 6_000_000),
        ("objects", b'{"":0}', 4_000_000),
        ("short strings", b'"ab"', 6_000_000),
    ):
        yield (
            f"millions of {what}",
            _to(
                "iris",
                _SERVING,
                partial(_instances, item, count),
                "batch_too_large",
                "too_many_values",
            ),
        )
    for item in (b"0", b"{}"):
        yield (
            f"a column of millions of {item.decode()}",
            _to(
                "cells",
                _SERVING,
                partial(_column, item, 5_000_000),
                "batch_too_large",
                "too_many_values",
            ),
        )
    yield (
        "columns of differing lengths",
        _to(
            "cells",
            _SERVING,
            lambda: (
                b'{"inputs":{"mean_area":[1],"mean_radius":[%b]}}' % b",".join([b"0"] * 5_000_000)
            ),
            "wrong_shape",
            "batch_too_large",
        ),
    )
    yield (
        "one instance of a million empty lists",
        _to(
            "iris",
            _SIMPLE,
            lambda: b'{"instances":[[%b]]}' % b",".join([b"[]"] * 1_000_000),
            "wrong_shape",
        ),
    )
    yield (
        "millions of keys",
        _to(
            "iris",
            _SIMPLE,
            lambda: b'{"instances":[{%b}]}' % b",".join(b'"%d":0' % i for i in range(1_000_000)),
            "unknown_input",
            "too_many_values",
        ),
    )
    yield (
        "an emoji behind megabytes of letters",
        _to(
            "iris",
            _SIMPLE,
            lambda: '{{"instances":["{}"]}}'.format("a" * 24 * _MEGABYTE + "\U0001f600").encode(),
            "wrong_dtype",
        ),
    )


def _csv() -> Named:
    def to(body: Callable[[], bytes], *codes: str) -> GreedyRequest:
        return _to("cells", _SIMPLE, body, *codes, kind=_CSV)

    most = 32 * _MEGABYTE - 1_000
    for what, body, code in (
        ("rows of one value", lambda: b"mean_area\n" + b"1\n" * 1_900_000, "batch_too_large"),
        ("empty lines", lambda: b"mean_area\n" + b"\n" * 1_900_000, "empty_batch"),
        (
            "values in one row",
            lambda: b"mean_area\n" + b"," * 1_900_000 + b"\n",
            "malformed_csv",
        ),
        (
            "names of columns",
            lambda: b",".join(b"%d" % i for i in range(1_900_000)) + b"\n1\n",
            "unknown_input",
        ),
        (
            "times the same column",
            lambda: b",".join([b"mean_area"] * 1_900_000) + b"\n1\n",
            "malformed_csv",
        ),
        ("quotes", lambda: b"mean_area\n" + b'""' * 8_000_000 + b"\n", "wrong_dtype"),
    ):
        yield f"a table of millions of {what}", to(body, code)
    yield (
        "a quote that is never closed",
        to(lambda: b'mean_area\n"' + b"1" * most, "malformed_csv"),
    )
    yield (
        "a quote that is never closed, around lines",
        to(lambda: b'mean_area\n"' + b"1\n" * 1_900_000, "malformed_csv"),
    )
    yield "a cell of megabytes", to(lambda: b"mean_area\n" + b"9" * most, "malformed_csv")
    yield "a cell of a megabyte", to(lambda: b"mean_area\n" + b"9" * _MEGABYTE, "not_finite")
    yield (
        "a cell of megabytes with an emoji",
        to(lambda: b"mean_area\n" + b"9" * most + "\U0001f600\n".encode(), "malformed_csv"),
    )


def _npy_files() -> Named:
    def to(body: Callable[[], bytes], *codes: str) -> GreedyRequest:
        return _to("iris", _SIMPLE, body, *codes, kind=_NPY)

    def head(descr: str, shape: str) -> bytes:
        return _npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}")

    many_fields = str([(f"f{i}", "<f8") for i in range(180)])
    for what, body in (
        ("an absurd shape", lambda: head("'<f4'", "(1000000000000, 4)")),
        ("a shape of nothing", lambda: head("'<f4'", "(1000000000000, 0)")),
        ("a type of nothing", lambda: head("'<U0'", "(1000000000000, 4)")),
        ("a type of objects", lambda: head("'|O'", "(1000000, 4)")),
        ("a type of huge items", lambda: head("'<U500000000'", "(1, 4)")),
        (
            "a type of hundreds of fields",
            lambda: head(many_fields, "(9, 4)"),
        ),
        ("a type of arrays", lambda: head("('<f4', (1000, 1000, 1000))", "(1, 4)")),
        ("a deep literal", lambda: _npy("(" * 4_000)),
        ("eight hundred axes", lambda: head("'<f4'", f"({'9999, ' * 600})")),
    ):
        yield f"an array with {what}", to(body, "malformed_npy", "wrong_dtype", "wrong_shape")
    yield "an array of millions of rows", to(lambda: _ordinary_npy(8_000_000), "batch_too_large")


def _pictures() -> Named:
    """Files of a few bytes that become large once they are resized."""

    def flat(width: int, height: int) -> bytes:
        return encoded(np.zeros((height, width), np.uint8))

    for width, height in ((12_000, 1), (1, 12_000), (1_000_000, 1), (1, 1_000_000)):
        yield (
            f"a picture of {width} by {height}",
            _to(PICTURES, _SIMPLE, partial(flat, width, height), "image_too_large", kind=_PNG),
        )
    yield (
        "a thousand pictures of one pixel",
        _to(
            PICTURES,
            _SIMPLE,
            lambda: _instances(json.dumps(b64(flat(1, 1))).encode(), 1_024),
            "image_too_large",
        ),
    )


def _queries() -> Named:
    good = b'{"instances": [[1, 1, 1, 1]]}'
    for what, query, code in (
        ("a huge top_k", "top_k=" + "9" * 30_000, "invalid_query"),
        ("thousands of parameters", "&".join(f"tap_k{i}=1" for i in range(4_000)), "invalid_query"),
        ("thousands of parameters that are no slips", "&".join(f"{i}=1" for i in range(8_000)), ""),
        ("one parameter thousands of times", "&".join(["top_k=1"] * 8_000), "invalid_query"),
    ):
        yield what, GreedyRequest(f"/models/iris/predict?{query}", _JSON, lambda: good, (code,))
