"""Inputs that nobody means well with, or that went wrong on their way, and what each must get."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.raw_inputs import pictures

_JSON, _TEXT, _CSV, _NPY = "application/json", "text/plain", "text/csv", "application/x-npy"
_PNG, _JPEG, _WEBP = "image/png", "image/jpeg", "image/webp"
_TEXTS, _TOKENS, _PICTURES, _RECORDS = MODELS = ("sentences", "bert", "fashion", "wide_deep")
_MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Hostile:
    """One question.

    Attributes:
        what: it is, for people.
        model: that is asked.
        content_type: of the body.
        body: of the request.
        status: that the answer must have.
    """

    what: str
    model: str
    content_type: str
    body: bytes
    status: int = 400


def questions(record: dict[str, object]) -> list[Hostile]:
    """All of them.

    Args:
        record: a right one, as `wide_deep` takes it; a string and a number of it are spoiled.
    """
    return [*_of_texts(), *_of_tokens(), *_of_pictures(), *_of_records(record)]


def _of_texts() -> Iterator[Hostile]:
    for what, content_type, body, status in (
        ("bytes that are no UTF-8, in JSON", _JSON, b'{"instances": ["\xff\xfe"]}', 400),
        ("bytes that are no UTF-8, as text", _TEXT, b"a caf\xe9", 400),
        ("half a surrogate pair", _JSON, b'{"instances": ["\\ud800"]}', 400),
        ("a number for a text", _JSON, b'{"instances": [1]}', 400),
        ("null for a text", _JSON, b'{"instances": [null]}', 400),
        ("a list nested 100,000 deep", _JSON, b'{"instances": ' + b"[" * 100_000, 400),
        ("2,000 texts at once", _JSON, b'{"instances": [' + b'"a",' * 1_999 + b'"a"]}', 400),
        ("a body of nothing", _JSON, b"", 400),
        ("a megabyte without a space", _JSON, _instances("a" * _MEGABYTE), 200),
        ("a megabyte of words", _JSON, _instances("it is " * 2**18), 200),
        ("zeros, and marks upon marks", _JSON, _instances("\0 e" + "\u0301" * 5_000), 200),
        ("a picture for a text", _PNG, pictures.png(4, 4), 415),
    ):
        yield Hostile(what, _TEXTS, content_type, body, status)


def _of_tokens() -> Iterator[Hostile]:
    """Of each, a tokenizer keeps the first hundred tokens."""
    for what, text in (
        ("a megabyte of punctuation", "a,b." * (_MEGABYTE // 4)),
        ("a megabyte of spaces", " " * _MEGABYTE),
        ("a megabyte that is one word", "a" * _MEGABYTE),
        ("a megabyte of Chinese without a space", "\u4f60\u597d" * (_MEGABYTE // 6)),
        ("a megabyte of emoji", "\U0001f600" * (_MEGABYTE // 4)),
        ("a megabyte of marks, of two kinds in turn", "e" + "\u0301\u0316" * (_MEGABYTE // 4)),
    ):
        yield Hostile(what, _TOKENS, _JSON, _instances(text), 200)
    many = _instances(*["word, " * 5_000] * 1_000)
    yield Hostile("1,000 texts of 30 kB", _TOKENS, _JSON, many, 200)


def _of_pictures() -> Iterator[Hostile]:
    good = pictures.png(28, 28)
    for what, content_type, body, status in (
        ("a bomb: 60,000 × 60,000 pixels in 440 kB", _PNG, pictures.bomb(60_000), 413),
        ("a header that says 2³¹ − 1 pixels squared", _PNG, pictures.png_header(2**31 - 1), 413),
        ("a JPEG that ends half-way", _JPEG, pictures.jpeg(640, 480)[:-4_000], 400),
        ("a PNG whose checksum is wrong", _PNG, good[:-20] + b"\0" + good[-19:], 400),
        ("nothing at all", _JPEG, b"", 400),
        ("noise that says it is a JPEG", _JPEG, b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8, 400),
        ("a script in an SVG", "image/svg+xml", b"<svg><script>alert(1)</script></svg>", 415),
        ("a GIF that says it is a PNG", _PNG, pictures.gif(28, 28), 415),
        ("a TIFF that says it is a JPEG", _JPEG, pictures.tiff(28, 28), 415),
        ("base64 that is none", _JSON, b'{"instances": [{"b64": "!!!"}]}', 400),
        ("base64 of something else", _JSON, b'{"instances": [{"b64": "aGVsbG8="}]}', 400),
        ("100 MB of zeros, compressed in a PNG's text", _PNG, _with_text(good, 10**8), 400),
        ("a picture of other proportions, turned by EXIF", _JPEG, pictures.turned(300, 100), 200),
        ("CMYK", _JPEG, pictures.jpeg(28, 28, "CMYK"), 200),
    ):
        yield Hostile(what, _PICTURES, content_type, body, status)


def _of_records(record: dict[str, object]) -> Iterator[Hostile]:
    word = next(name for name, value in record.items() if isinstance(value, str))
    number = next(name for name, value in record.items() if isinstance(value, (int, float)))

    def spoiled(**changes: object) -> bytes:
        return json.dumps({"instances": [record | changes]}).encode()

    head = ",".join(record)
    row = ",".join(map(str, record.values()))
    less = {name: value for name, value in record.items() if name != number}
    huge = json.dumps({"instances": [record]}).replace(
        json.dumps(number) + ": " + json.dumps(record[number]), json.dumps(number) + ": 1e999"
    )
    for what, content_type, body, status in (
        ("NaN as a string", _JSON, spoiled(**{number: "NaN"}), 400),
        ("NaN as Python writes it", _JSON, spoiled(**{number: float("nan")}), 400),
        ("1e999", _JSON, huge.encode(), 400),
        ("true for a number", _JSON, spoiled(**{number: True}), 400),
        ("a number for a category", _JSON, spoiled(**{word: 5}), 400),
        ("a feature that the model does not have", _JSON, spoiled(**{word + "s": "a"}), 400),
        ("a feature that is missing", _JSON, json.dumps({"instances": [less]}).encode(), 400),
        ("a list for a record", _JSON, b'{"instances": [[1, 2, 3]]}', 400),
        ("a header with a column twice", _CSV, f"{head},{number}\n{row},1\n".encode(), 400),
        ("a row that is too short", _CSV, f"{head}\n{row.rpartition(',')[0]}\n".encode(), 400),
        ("a quote that never ends", _CSV, f'{head}\n"{row}\n'.encode(), 400),
        ("a megabyte in one cell", _CSV, f"{head}\n{'9' * _MEGABYTE}\n".encode(), 400),
        ("a pickle that says it is an array", _NPY, b"\x80\x04cos\nsystem\n.", 415),
    ):
        yield Hostile(what, _RECORDS, content_type, body, status)


def _instances(*texts: str) -> bytes:
    return json.dumps({"instances": texts}, ensure_ascii=False).encode()


def _with_text(png: bytes, size: int) -> bytes:
    """A PNG with a compressed text chunk of so many zeros in front of its pixels."""
    data = b"zTXt" + b"Comment\0\0" + zlib.compress(bytes(size), 9)
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return png[:33] + chunk + png[33:]
