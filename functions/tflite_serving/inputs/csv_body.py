"""Parses CSV request bodies with a header (RFC 4180) into records."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from tflite_serving.contract.tensors import InputSpec
from tflite_serving.errors import RequestError
from tflite_serving.inputs.batch import ANY_SIZE, check_batch
from tflite_serving.inputs.diagnose import nearest, shortened
from tflite_serving.inputs.fields import Fields, Layout
from tflite_serving.inputs.missing import default_of, missing_value_hint
from tflite_serving.inputs.raw import RawInput

# A long text is a text; but the reader keeps eight bytes for each character of a cell.
csv.field_size_limit(2**23)
# Of Python's strings, each of which takes fifty bytes for a cell of two.
_MOST_CELLS = 2_000_000
_OTHER_SEPARATORS = (";", "\t", "|")


def read_csv(body: bytes, fields: Fields, max_batch: int = ANY_SIZE) -> dict[str, RawInput]:
    """Parses a table whose columns are the fields of a model, in any order.

    Args:
        body: Request body, UTF-8 with or without a byte order mark. An empty cell is a missing
            value, where the field has a default for these.
        fields: Fields of the model.
        max_batch: Largest number of rows; the values of more are not kept.

    Raises:
        RequestError: The body is no table, has too many rows, lacks a column, has an unknown or
            repeated column, or has a value of the wrong type; with its line or row.
    """
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise RequestError(
            "malformed_csv", f"body: expected UTF-8, got {error.reason} at byte {error.start}"
        ) from None
    if body and b"\n" not in body and b"\r" not in body:
        raise RequestError(
            "malformed_csv",
            "body: expected a line of names and a line for each record, got a single line; with "
            "curl, --data-binary keeps the line breaks that -d takes out",
        )
    cells = sum(body.count(sign) for sign in (b",", b"\n", b"\r"))
    if cells > _MOST_CELLS:
        raise RequestError(
            "too_many_values",
            f"body: expected a table of at most {_MOST_CELLS} values, got one of {cells}; send it "
            "in parts",
        )
    # In parts: the whole text would take four times the body.
    text = io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, [])
        layout = fields.layout(())
        _check_header(header, layout)
        rows = []
        for row in reader:
            if row and len(row) != len(header):
                raise RequestError(
                    "malformed_csv",
                    f"line {reader.line_num}: expected {len(header)} values, got {len(row)}",
                )
            if row:  # else an empty line
                rows.append(row)
                if len(rows) > max_batch:
                    check_batch(len(rows) + sum(map(bool, reader)), max_batch, "rows")
    except csv.Error as error:
        raise RequestError("malformed_csv", f"line {reader.line_num}: {error}") from None
    if not rows:
        raise RequestError("empty_batch", "rows: expected at least one below the header, got none")
    columns = {
        name: _column(texts, layout.fields[name])
        for name, texts in zip(header, zip(*rows, strict=True), strict=True)
    }
    others = any(field.dtype in ("string", "bool") for field in layout.fields.values())
    return layout.of_columns(columns, "rows[{}].{column}", may_hold_others=others)


def _check_header(header: list[str], layout: Layout) -> None:
    if not header:
        raise RequestError(
            "missing_input", "line 1: expected the names of the columns, got nothing"
        )
    if len(header) == 1 and header[0] not in layout.fields:
        separator = next((sign for sign in _OTHER_SEPARATORS if sign in header[0]), None)
        if separator is not None:
            raise RequestError(
                "malformed_csv", f"line 1: expected commas between the names, got {separator!r}"
            )
    unknown = layout.unknown(header)
    if unknown is not None:
        raise RequestError(
            "unknown_input",
            f"line 1: {shortened(unknown)!r}: no such input; {nearest(unknown, layout.names)}",
        )
    names = set(header)
    if len(names) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise RequestError(
            "malformed_csv", f"line 1: expected each column once, got {twice!r} twice"
        )
    missing = layout.missing(names)
    if missing is not None:
        raise RequestError(
            "missing_input",
            f"line 1: expected the column {missing.name!r}; the first line has the columns' names"
            f"{missing_value_hint(missing, missing.name)}",
        )


def _column(texts: Sequence[str], field: InputSpec) -> Sequence[object]:
    read, _ = _reader(field)
    if read is _number and "_" not in "".join(texts):
        read = float  # which is what `_number` is then, without a look at each
    may_miss = default_of(field) is not None and "" in texts
    try:
        return [read(text) if text else None for text in texts] if may_miss else [*map(read, texts)]
    except ValueError:
        return [
            _value(index, text, field) if text or not may_miss else None
            for index, text in enumerate(texts)
        ]


def _value(index: int, text: str, field: InputSpec) -> object:
    read, kind = _reader(field)
    try:
        return read(text)
    except ValueError:
        got = repr(shortened(text)) if text else f"nothing{missing_value_hint(field, field.name)}"
        raise RequestError(
            "wrong_dtype", f"rows[{index}].{field.name}: expected {kind}, got {got}"
        ) from None


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


def _reader(field: InputSpec) -> tuple[Callable[[str], object], str]:
    """What reads a cell, and what should be in it."""
    return _READERS.get(field.dtype, (_whole, "a whole number"))
