"""Parses the media type and parameters of a Content-Type header."""

from __future__ import annotations

from tflite_serving.errors import UnsupportedMediaType

_UTF_8 = ("utf-8", "utf8", "us-ascii", "ascii")


def media_type(content_type: str) -> str:
    """The type in lower case, without parameters; "" if there is none."""
    return content_type.partition(";")[0].strip().lower()


def check_parameters(content_type: str) -> None:
    """Refuses what would make another text of the same bytes, or another table.

    Args:
        content_type: of a text or a table, with the parameters of RFC 2046 and RFC 4180.

    Raises:
        UnsupportedMediaType: it is not in UTF-8, or a table without a header.
    """
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        name, value = name.strip().lower(), value.strip().strip('"').lower()
        if name == "charset" and value not in _UTF_8:
            raise _refusal(f"charset=utf-8, got {value[:40]!r}; send the body in UTF-8")
        if name == "header" and value != "present":
            raise _refusal(
                f"header=present, got {value[:40]!r}; send the names of the columns in the first "
                "line"
            )


def _refusal(told: str) -> UnsupportedMediaType:
    return UnsupportedMediaType("unsupported_content_type", f"Content-Type: expected {told}")
