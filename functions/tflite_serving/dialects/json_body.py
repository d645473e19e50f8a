"""Reading JSON bodies, with complaints that help."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import orjson

from tflite_serving.contract.manifest import Manifest
from tflite_serving.errors import RequestError
from tflite_serving.inputs.raw import RawInput

# Looking for the NaN that made a body invalid parses it a second time: not for huge ones.
_LARGEST_EXPLAINED = 2**20


def parse_object(body: bytes) -> dict[str, object]:
    """The JSON object in a request body.

    Raises:
        RequestError: it is empty, no JSON (with line and column), holds NaN or an infinity (with
            its place), or is no object.
    """
    if not body.strip():
        raise RequestError("malformed_json", "body: expected a JSON object, got nothing")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        _explain_non_finite(body)
        raise RequestError("malformed_json", f"body: expected JSON, got {error}") from None
    if not isinstance(document, dict):
        kind = "a list" if isinstance(document, list) else "a single value"
        raise RequestError(
            "malformed_json",
            f'body: expected a JSON object such as {{"instances": [...]}}, got {kind}',
        )
    return document


def rows(instances: object, body: bytes, manifest: Manifest) -> dict[str, RawInput]:
    """The row format: a list with one item per instance.

    An instance is the input's value, or an object with the value of each input by name.

    Raises:
        RequestError: it is no list, or an instance lacks an input or has one too many.
    """
    if not isinstance(instances, list):
        raise RequestError(
            "wrong_shape", f"instances: expected a list of instances, got {_kind(instances)}"
        )
    bools = _may_hold_bools(body)
    names = [spec.name for spec in manifest.inputs]
    by_name = bool(instances) and isinstance(instances[0], dict)
    if not by_name and len(names) == 1:
        return {names[0]: RawInput(instances, "instances[{}]", bools)}
    columns: dict[str, list[object]] = {name: [] for name in names}
    for index, instance in enumerate(instances):
        _check_names(instance, names, f"instances[{index}]")
        for name in names:
            columns[name].append(instance[name])
    return {
        name: RawInput(values, f"instances[{{}}].{_escape(name)}", bools)
        for name, values in columns.items()
    }


def columns(inputs: object, body: bytes, manifest: Manifest) -> dict[str, RawInput]:
    """The column format: the whole batch of the only input, or of each input by name.

    Raises:
        RequestError: an input is missing, unknown, or no list.
    """
    bools = _may_hold_bools(body)
    names = [spec.name for spec in manifest.inputs]
    if len(names) == 1 and isinstance(inputs, list):
        return {names[0]: RawInput(inputs, "inputs[{}]", bools)}
    _check_names(inputs, names, "inputs")
    found = {}
    for name in names:
        values = inputs[name]  # type: ignore[index]  # _check_names saw an object
        if not isinstance(values, list):
            raise RequestError(
                "wrong_shape", f"inputs.{name}: expected a list of rows, got {_kind(values)}"
            )
        found[name] = RawInput(values, f"inputs.{_escape(name)}[{{}}]", bools)
    return found


def nearest(word: str, known: Sequence[str]) -> str:
    """Advice for a word that is not known: the nearest one, or all of them."""
    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"


def _check_names(value: object, names: Sequence[str], place: str) -> None:
    if not isinstance(value, dict):
        raise RequestError(
            "wrong_shape",
            f"{place}: expected an object with {', '.join(names)}, got {_kind(value)}",
        )
    for name in value:
        if name not in names:
            raise RequestError(
                "unknown_input", f"{place}.{name}: no such input; {nearest(name, names)}"
            )
    for name in names:
        if name not in value:
            raise RequestError("missing_input", f"{place}.{name}: expected a value, got nothing")


def _may_hold_bools(body: bytes) -> bool:
    return b"true" in body or b"false" in body


def _escape(name: str) -> str:
    return name.replace("{", "{{").replace("}", "}}")


def _kind(value: object) -> str:
    kinds: Mapping[type, str] = {dict: "an object", list: "a list", str: "a string"}
    return kinds.get(type(value), "null" if value is None else str(value).lower())


def _explain_non_finite(body: bytes) -> None:
    """Raises if the body would be JSON but for NaN and infinities, as Python's json writes them."""
    if len(body) > _LARGEST_EXPLAINED:
        return
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return
    found = _find_non_finite(document, "")
    if found:
        place, value = found
        raise RequestError(
            "not_finite", f"{place}: expected a finite number, got {value}; JSON has no such value"
        )


def _find_non_finite(value: object, place: str) -> tuple[str, float] | None:
    if isinstance(value, float) and not math.isfinite(value):
        return place or "body", value
    if isinstance(value, dict):
        members = [(f"{place}.{key}" if place else str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        members = [(f"{place}[{index}]", item) for index, item in enumerate(value)]
    else:
        return None
    for where, item in members:
        found = _find_non_finite(item, where)
        if found:
            return found
    return None
