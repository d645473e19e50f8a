"""Parses JSON request bodies, in row and column format, with precise error messages."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping

import orjson

from tflite_serving.errors import RequestError
from tflite_serving.inputs.batch import check_batch
from tflite_serving.inputs.diagnose import join_names, shortened
from tflite_serving.inputs.fields import Fields
from tflite_serving.inputs.raw import RawInput

# Looking for the NaN that made a body invalid parses it a second time: not for huge ones.
_LARGEST_EXPLAINED = 2**20
# What Python's objects for a body may take: numbers alone, about five million.
_MOST_MEMORY = 288 * 2**20
# Of a value with its place in a list and in the parser; and what a list, an object and each quote
# of a string add.
_BYTES_OF = {b",": 56, b"[": 64, b"{": 200, b'"': 32}
_FEWEST_BYTES = 2**21  # of a body that could take more


def parse_object(body: bytes, advise: Callable[[bytes], str] = lambda _: "") -> dict[str, object]:
    """The JSON object in a request body.

    Args:
        body: all of it.
        advise: told of one that is no JSON; says what to do, after a separator, or "".

    Raises:
        RequestError: it is empty, no JSON (with line and column), holds NaN or an infinity (with
            its place), or is no object.
    """
    if not body.strip():
        raise RequestError("malformed_json", "body: expected a JSON object, got nothing")
    _refuse_too_many_values(body)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        _explain_non_finite(body)
        raise RequestError(
            "malformed_json", f"body: expected JSON, got {error}{advise(body)}"
        ) from None
    if not isinstance(document, dict):
        kind = "a list" if isinstance(document, list) else "a single value"
        raise RequestError(
            "malformed_json",
            f'body: expected a JSON object such as {{"instances": [...]}}, got {kind}',
        )
    return document


def _refuse_too_many_values(body: bytes) -> None:
    """A body that is not what it should be must not take many times its size to find out."""
    if len(body) <= _FEWEST_BYTES:
        return
    counts = {sign: body.count(sign) for sign in _BYTES_OF}
    if sum(count * _BYTES_OF[sign] for sign, count in counts.items()) > _MOST_MEMORY:
        values = sum(counts[sign] for sign in (b",", b"[", b"{"))
        raise RequestError(
            "too_many_values",
            f"body: expected lists of numbers in the input's own shape, got something else, of "
            f"{values} values; send fewer at a time to be told what is wrong",
        )


def rows(
    document: Mapping[str, object], body: bytes, fields: Fields, max_batch: int
) -> dict[str, RawInput]:
    """The row format: ``instances``, a list with one item per instance.

    An instance is the only input's value, or an object with the value of each field by name. The
    value of a picture may be an object, too: ``{"b64": …}``.

    Args:
        document: with ``instances``.
        body: that the document was read from.
        fields: of the model.
        max_batch: most instances.

    Raises:
        RequestError: it is no list, of no or too many instances, or an instance lacks a field or
            has one too many.
    """
    instances = document["instances"]
    if not isinstance(instances, list):
        raise RequestError(
            "wrong_shape", f"instances: expected a list of instances, got {_kind(instances)}"
        )
    check_batch(len(instances), max_batch, "instances")
    first = instances[0]
    by_name = isinstance(first, dict) and not (first.keys() == {"b64"} and _is_picture(fields))
    if not by_name and len(fields.inputs) == 1:
        others = _may_hold_others(document, body, 0)
        return {fields.inputs[0].name: RawInput(instances, "instances[{}]", others)}
    layout = fields.layout(first if isinstance(first, dict) else ())
    names = sum(len(record) for record in instances if isinstance(record, dict))
    others = _may_hold_others(document, body, names)
    return layout.of_rows(instances, "instances[{}]", may_hold_others=others)


def columns(
    document: Mapping[str, object], body: bytes, fields: Fields, max_batch: int
) -> dict[str, RawInput]:
    """The column format: ``inputs``, the whole batch of the only input, or of each field by name.

    Args:
        document: with ``inputs``.
        body: that the document was read from.
        fields: of the model.
        max_batch: most instances.

    Raises:
        RequestError: a field is missing, unknown, no list, of no or too many rows, or longer than
            another.
    """
    inputs = document["inputs"]
    if len(fields.inputs) == 1 and isinstance(inputs, list):
        check_batch(len(inputs), max_batch, "inputs")
        others = _may_hold_others(document, body, 0)
        return {fields.inputs[0].name: RawInput(inputs, "inputs[{}]", others)}
    layout = fields.layout(inputs if isinstance(inputs, dict) else ())
    if not isinstance(inputs, dict):
        raise RequestError(
            "wrong_shape",
            f"inputs: expected an object with {join_names(layout.names)}, got {_kind(inputs)}",
        )
    layout.check_names(inputs, "inputs.")
    for name, values in inputs.items():
        if not isinstance(values, list):
            raise RequestError(
                "wrong_shape", f"inputs.{name}: expected a list of rows, got {_kind(values)}"
            )
    _check_sizes(inputs, max_batch)
    others = _may_hold_others(document, body, len(inputs))
    return layout.of_columns(inputs, "inputs.{column}[{}]", may_hold_others=others)


def _check_sizes(columns: Mapping[str, list[object]], max_batch: int) -> None:
    (first, rows), *others = columns.items()
    check_batch(len(rows), max_batch, "inputs")
    for name, values in others:
        if len(values) != len(rows):
            raise RequestError(
                "wrong_shape",
                f"inputs.{name}: expected {len(rows)} rows as in {first!r}, got {len(values)}",
            )


def _is_picture(fields: Fields) -> bool:
    """Whether ``{"b64": …}`` is the only input's value, as TensorFlow Serving has it."""
    return len(fields.inputs) == 1 and fields.inputs[0].preprocess.kind == "image"


def _may_hold_others(document: Mapping[str, object], body: bytes, names: int) -> bool:
    """Whether strings or bools may be among the values, told from the body as fast as it scans.

    Quotes tell of strings, once those of the document's own members are counted and those of the
    `names` that the client gave, not of all that it could have: the rest would hide a string.
    """
    members = sum(4 if isinstance(value, str) else 2 for value in document.values())
    return body.count(b'"') > members + 2 * names or b"true" in body or b"false" in body


def _kind(value: object) -> str:
    kinds: Mapping[type, str] = {dict: "an object", list: "a list", str: "a string"}
    return kinds.get(type(value), "null" if value is None else str(value).lower())


def _explain_non_finite(body: bytes) -> None:
    """Raises if the body would be JSON but for NaN and infinities, as Python's json writes them."""
    if len(body) > _LARGEST_EXPLAINED:
        return
    try:
        found = _find_non_finite(json.loads(body))
    except (ValueError, RecursionError):
        return
    if found:
        path, value = found
        place = "".join(reversed(path)).removeprefix(".") or "body"
        # Python's json lets half a surrogate pair through, which no answer could repeat.
        place = shortened(place.encode(errors="backslashreplace").decode())
        raise RequestError(
            "not_finite", f"{place}: expected a finite number, got {value}; JSON has no such value"
        )


def _find_non_finite(value: object) -> tuple[list[str], float] | None:
    """The first NaN or infinity in a value, and the steps from it outwards that lead to it.

    Only the steps that lead there become text: siblings are many, and keys may be long.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return [], value
    if isinstance(value, dict):
        for key, item in value.items():
            found = _find_non_finite(item)
            if found:
                found[0].append(f".{key}")
                return found
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found = _find_non_finite(item)
            if found:
                found[0].append(f"[{index}]")
                return found
    return None
