"""Records as CSV with a header, as RFC 4180 has it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from tflite_serving.contract.tensors import InputSpec
from tflite_serving.errors import RequestError
from tflite_serving.inputs.complaint import nearest, shortened
from tflite_serving.inputs.raw import RawInput


def read_csv(body: bytes, specs: Sequence[InputSpec]) -> dict[str, RawInput]:
    """Reads a table whose columns are the inputs, in any order.

    Args:
        body: in UTF-8, with or without a byte order mark.
        specs: of the inputs, each of one value.

    Raises:
        RequestError: it is no table, a column is missing, unknown or there twice, or a value is of
            another kind; with its line or row.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(
            "malformed_csv", f"body: expected UTF-8, got {error.reason} at byte {error.start}"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        _check_header(header, [spec.name for spec in specs])
        rows = []
        for row in reader:
            if row and len(row) != len(header):
                raise RequestError(
                    "malformed_csv",
                    f"line {reader.line_num}: expected {len(header)} values, got {len(row)}",
                )
            if row:  # else an empty line
                rows.append(row)
    except csv.Error as error:
        raise RequestError("malformed_csv", f"line {reader.line_num}: {error}") from None
    columns = dict(zip(header, zip(*rows, strict=True), strict=False))
    return {spec.name: _column(columns.get(spec.name, ()), spec) for spec in specs}


def _check_header(header: list[str], names: list[str]) -> None:
    for place, name in enumerate(header):
        if name in header[:place]:
            raise RequestError(
                "malformed_csv", f"line 1: expected each column once, got {shortened(name)!r} twice"
            )
        if name not in names:
            raise RequestError(
                "unknown_input",
                f"line 1: {shortened(name)!r}: no such input; {nearest(name, names)}",
            )
    for name in names:
        if name not in header:
            raise RequestError(
                "missing_input",
                f"line 1: expected the column {name!r}; the first line has the columns' names",
            )


def _column(texts: Sequence[str], spec: InputSpec) -> RawInput:
    place = f"rows[{{}}].{spec.name}"
    read, kind = _READERS.get(spec.dtype, (_whole, "a whole number"))
    values: list[object] = []
    for index, text in enumerate(texts):
        try:
            values.append(read(text))
        except ValueError:
            got = repr(shortened(text)) if text else "nothing"
            raise RequestError(
                "wrong_dtype", f"{place.format(index)}: expected {kind}, got {got}"
            ) from None
    return RawInput(values, place, may_hold_others=spec.dtype in ("string", "bool"))


def _number(text: str) -> float:
    if "_" in text:  # which Python would read over
        raise ValueError(text)
    return float(text)


def _whole(text: str) -> int | float:
    number = _number(text)
    try:
        return int(text)
    except ValueError:
        return number  # 2.0 is whole, and 1.5 is told of with its place


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


_READERS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "float32": (_number, "a number"),
    "bool": (_truth, "true or false"),
    "string": (str, "a string"),
}
