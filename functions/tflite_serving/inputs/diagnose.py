"""Locates and describes the first invalid value of an input, for error messages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import NoReturn, TypeVar

from tflite_serving.contract.tensors import InputSpec, Shape
from tflite_serving.errors import RequestError
from tflite_serving.inputs.missing import missing_value_hint
from tflite_serving.inputs.raw import RawInput

T = TypeVar("T")
_LONGEST_REPEATED = 200
_MOST_NAMES = 40
_MOST_COMPARED = 500  # with a name that is not known: each takes microseconds
_MOST_VALUES = 2_000_000
"""How many values are looked at one by one: a large wrong body must not cost seconds."""


class _TooLongError(Exception):
    """The search has looked at enough values."""


def explain(raw: RawInput, spec: InputSpec) -> NoReturn:
    """Raises for the first invalid value, checking one value after the other."""
    whole = raw.at(0).partition("[")[0]
    wanted = f"{whole}: expected instances of shape {show_shape(spec.instance_shape)}"
    try:
        _Search(raw, spec).run()
    except RecursionError:
        raise RequestError("wrong_shape", f"{wanted}, got lists nested too deeply") from None
    except _TooLongError:
        raise RequestError(
            "wrong_shape",
            f"{wanted}, got something else, after more than {_MOST_VALUES} values; "
            "send less to be told where",
        ) from None
    raise RequestError("wrong_dtype", f"{wanted} of {spec.dtype}, got something else")


def fits(shape: tuple[int, ...], expected: Shape) -> bool:
    """Whether a shape matches the expected one; an open axis matches any size but 0."""
    return len(shape) == len(expected) and all(
        got > 0 if want is None else want == got for want, got in zip(expected, shape, strict=True)
    )


def show_shape(shape: Shape) -> str:
    """A shape for messages: ``[8, 8, 1]``, with ``any`` for an open axis; shortened if long."""
    return shortened("[" + ", ".join("any" if size is None else str(size) for size in shape) + "]")


class _Search:
    """Looks at values until one is wrong, or enough have been looked at."""

    def __init__(self, raw: RawInput, spec: InputSpec) -> None:
        self._raw = raw
        self._spec = spec
        self._left = _MOST_VALUES
        self._path: list[int] = []  # text only when something is found: that is what takes time

    def run(self) -> None:
        """Raises for the first value that is no scalar of its dtype, then for shapes."""
        raw, expected = self._raw, self._spec.instance_shape
        for index, value in enumerate(raw.values):
            self._within(index, value, self._check_scalars)
        first: tuple[int, ...] | None = None
        for index, value in enumerate(raw.values):
            shape = self._within(index, value, self._shape_of)
            if not fits(shape, expected):
                place = raw.at(index)
                hint = _advice(shape, expected, is_named=not place.endswith("]"))
                raise RequestError(
                    "wrong_shape",
                    f"{place}: expected shape {show_shape(expected)}, "
                    f"got {show_shape(shape)}{hint}",
                )
            if first is not None and shape != first:
                raise RequestError(
                    "wrong_shape",
                    f"{raw.at(index)}: expected shape {show_shape(first)} like the instances "
                    f"before it, got {show_shape(shape)}; send different shapes in different "
                    "requests",
                )
            first = shape

    def _within(self, index: int, value: object, look: Callable[[object], T]) -> T:
        self._left -= 1
        if self._left < 0:
            raise _TooLongError
        self._path.append(index)
        found = look(value)
        self._path.pop()
        return found

    def _check_scalars(self, value: object) -> None:
        is_of_column = bool(self._raw.columns) and len(self._path) > 1
        if isinstance(value, list) and not is_of_column:
            for index, item in enumerate(value):
                self._within(index, item, self._check_scalars)
            return
        if self._spec.dtype == "bool":
            good, expected = isinstance(value, bool), "true or false"
        else:
            good = isinstance(value, (int, float)) and not isinstance(value, bool)
            expected = f"a number ({self._spec.dtype})"
        if not good:
            hint = self._advice() if value is None else ""
            raise RequestError(
                "wrong_dtype",
                f"{self._place()}: expected {expected}, got {format_value(value)}{hint}",
            )

    def _shape_of(self, value: object) -> tuple[int, ...]:
        if not isinstance(value, list):
            return ()
        first: tuple[int, ...] = ()
        for index, item in enumerate(value):
            shape = self._within(index, item, self._shape_of)
            if index == 0:
                first = shape
            elif shape != first:
                raise RequestError(
                    "ragged",
                    f"{self._place()}[{index}]: expected shape {show_shape(first)} like its "
                    f"neighbours, got {show_shape(shape)}; lists within one instance must have "
                    "equal lengths",
                )
        return (len(value), *first)

    def _place(self) -> str:
        return self._raw.at(*self._path)

    def _advice(self) -> str:
        """What to do about a value that is missing."""
        names = [field.name for field in self._spec.fields]
        is_of_column = len(names) > 1 and len(self._path) > 1
        return missing_value_hint(self._spec, names[self._path[1] if is_of_column else 0])


def _advice(shape: tuple[int, ...], expected: Shape, *, is_named: bool) -> str:
    # A value with a name is in an object, so that nobody forgot the list around it.
    if not is_named and fits(shape, expected[1:]):
        return "; is this one instance? wrap it in a list: instances is a list of instances"
    if fits((*shape, 1), expected):
        return "; wrap each number in a list, for the last axis"
    if None not in expected and math.prod(shape) == math.prod(size or 1 for size in expected):
        return "; the count of numbers is right, the nesting is not"
    return ""


def format_value(value: object) -> str:
    """A value from a request, shortened for messages."""
    if isinstance(value, str):
        return f'"{value[:40]}…"' if len(value) > 40 else f'"{value}"'
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else shortened(str(value))


def nearest(word: str, known: Sequence[str]) -> str:
    """Hint for an unknown word: the nearest known one, or all of them."""
    near = get_close_matches(shortened(word), known[:_MOST_COMPARED], n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {join_names(known)}"


def join_names(names: Sequence[str]) -> str:
    """Comma-separated names for messages; the first ones of many."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES + 1 else ""
    return ", ".join(names[:_MOST_NAMES] if more else names) + more


def shortened(text: str) -> str:
    """Text from a request, shortened for messages."""
    return text if len(text) <= _LONGEST_REPEATED else text[:_LONGEST_REPEATED] + "…"
