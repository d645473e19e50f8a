"""JSON to frozen dataclasses and back, driven by their type hints.

A document is described once, as dataclasses; this module reads JSON into them and names the
field in every complaint: ``manifest.inputs[0].dtype: expected one of 'float32', …, got 'flot32'``.
Checks that a type cannot express belong in ``__post_init__``, which raises `ContractError` with
the field's own name; the path to the object is added here.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Literal, TypeVar, Union

T = TypeVar("T")

Json = Union[None, bool, int, float, str, "list[Json]", "dict[str, Json]"]


class ContractError(ValueError):
    """Validation error of a document.

    Attributes:
        path: Path in the document, such as ``manifest.inputs[0].dtype``.
        problem: Description of what was expected and what came.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem

    def within(self, parent: str) -> ContractError:
        """The same error, with its path relative to the parent object."""
        return ContractError(_join(parent, self.path), self.problem)


def parse_json(text: str | bytes, path: str) -> Json:
    """Parses strict JSON: no NaN or infinity, no key twice.

    Args:
        text: JSON text; bytes are UTF-8.
        path: Name of the document in error messages.

    Raises:
        ContractError: The text is no JSON; with line and column.
    """

    def refuse_constant(constant: str) -> Json:
        raise ContractError(path, f"expected JSON, got {constant}, which JSON does not have")

    def unique(pairs: list[tuple[str, Json]]) -> Json:
        members = dict(pairs)
        if len(members) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            twice = next(key for key, count in counts.items() if count > 1)
            raise ContractError(path, f"expected each key once, got {twice!r} twice")
        return members

    try:
        # json would guess the encoding of bytes, and let half a surrogate pair through.
        decoded = text if isinstance(text, str) else text.decode()
        document: Json = json.loads(
            decoded, parse_constant=refuse_constant, object_pairs_hook=unique
        )
    except UnicodeDecodeError as error:
        raise ContractError(path, f"expected UTF-8, got {error.reason}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ContractError(path, f"expected JSON, got {error.msg} at {where}") from None
    except RecursionError:
        raise ContractError(path, "expected JSON, got too deep a nesting") from None
    except ContractError:
        raise
    except ValueError:
        # Python refuses to convert thousands of digits.
        raise ContractError(path, "expected JSON, got a number with too many digits") from None
    return document


def decode(
    cls: type[T], value: object, path: str, *, unknown: Literal["ignore", "refuse"] = "ignore"
) -> T:
    """Converts a JSON object to the dataclass `cls`.

    Args:
        cls: Dataclass whose fields are str, int, float, bool, Literal, tuple[T, ...], Mapping[str,
            T], other dataclasses, or unions of these with None.
        value: Parsed JSON.
        path: Name of the object in error messages.
        unknown: Handling of keys that `cls` does not have: "ignore" for documents that newer
            programs write, "refuse" for files that people write.

    Raises:
        ContractError: A field is invalid; with its path, what was expected and what came.
    """
    hints = _hints(cls)  # type: ignore[arg-type]  # a class is hashable
    if not isinstance(value, Mapping):
        raise ContractError(path, f"expected an object, got {format_json_value(value)}")
    if unknown == "refuse":
        for key in value:
            if key not in hints:
                raise ContractError(_join(path, str(key)), _unknown_key(str(key), hints))
    arguments = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]  # T is a dataclass
        where = _join(path, field.name)
        if field.name in value:
            arguments[field.name] = _decode(hints[field.name], value[field.name], where, unknown)
        elif not _has_default(field):
            raise ContractError(where, "expected a value, got nothing")
    try:
        return cls(**arguments)
    except ContractError as error:
        raise error.within(path) from None


def encode(value: object) -> Json:
    """Converts a dataclass (or what its fields may hold) to JSON values, without loss."""
    if dataclasses.is_dataclass(value):
        return {
            field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{type(value).__name__} has no place in a document")


def to_text(value: object) -> str:
    """The indented JSON text of a dataclass, ending in a newline."""
    return json.dumps(encode(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def format_json_value(value: object) -> str:
    """A JSON value, formatted for error messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    return "a list" if isinstance(value, (list, tuple)) else "an object"


def _decode(hint: Any, value: object, path: str, unknown: Literal["ignore", "refuse"]) -> Any:
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        return _decode_union(typing.get_args(hint), value, path, unknown)
    if origin is Literal:
        choices = typing.get_args(hint)
        if not any(value == choice and type(value) is type(choice) for choice in choices):
            raise ContractError(
                path, f"expected one of {_list(choices)}, got {format_json_value(value)}"
            )
        return value
    if origin is tuple:
        return _decode_tuple(typing.get_args(hint), value, path, unknown)
    if origin is Mapping:
        item = typing.get_args(hint)[1]
        if not isinstance(value, Mapping):
            raise ContractError(path, f"expected an object, got {format_json_value(value)}")
        return {
            _decode_scalar(str, key, f"{path}[{key!r}]"): _decode(
                item, member, f"{path}[{key!r}]", unknown
            )
            for key, member in value.items()
        }
    if dataclasses.is_dataclass(hint):
        return decode(typing.cast("type", hint), value, path, unknown=unknown)
    return _decode_scalar(hint, value, path)


def _decode_union(
    hints: tuple[Any, ...], value: object, path: str, unknown: Literal["ignore", "refuse"]
) -> Any:
    if value is None and type(None) in hints:
        return None
    others = [hint for hint in hints if hint is not type(None)]
    if len(others) == 1:
        return _decode(others[0], value, path, unknown)
    for hint in others:
        try:
            return _decode(hint, value, path, unknown)
        except ContractError:
            continue
    raise ContractError(
        path, f"expected {' or '.join(map(_name, others))}, got {format_json_value(value)}"
    )


def _decode_tuple(
    hints: tuple[Any, ...], value: object, path: str, unknown: Literal["ignore", "refuse"]
) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise ContractError(path, f"expected a list, got {format_json_value(value)}")
    if len(hints) == 2 and hints[1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(value) != len(hints):
        raise ContractError(path, f"expected {len(hints)} items, got {len(value)}")
    return tuple(
        _decode(hint, item, f"{path}[{index}]", unknown)
        for index, (hint, item) in enumerate(zip(hints, value, strict=True))
    )


def _decode_scalar(hint: Any, value: object, path: str) -> object:
    if hint is float and type(value) is int:
        return _to_float(value, path)
    if type(value) is not hint:  # not isinstance: a bool is no number here
        raise ContractError(path, f"expected {_name(hint)}, got {format_json_value(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ContractError(path, f"expected a finite number, got {value}")
    if isinstance(value, str) and not _is_unicode(value):
        raise ContractError(path, f"expected Unicode text, got {format_json_value(value)}")
    return value


def _to_float(value: int, path: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ContractError(path, "expected a finite number, got one beyond a float") from None


def _is_unicode(text: str) -> bool:
    """Whether it can be written as UTF-8: JSON can spell half a surrogate pair, which cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return (
        field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    )


def _unknown_key(key: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(key, known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
    return f"unknown key; {advice}"


def _join(parent: str, child: str) -> str:
    return f"{parent}{child}" if child.startswith("[") else f"{parent}.{child}"


def _name(hint: Any) -> str:
    names = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
    if hint in names:
        return names[hint]
    if typing.get_origin(hint) is Literal:
        return _list(typing.get_args(hint))
    return {tuple: "a list", Mapping: "an object"}.get(typing.get_origin(hint), "an object")


def _list(choices: tuple[object, ...]) -> str:
    return ", ".join(repr(choice) for choice in choices)
