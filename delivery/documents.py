"""JSON documents that a step left for a later one, and that Terraform prints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

T = TypeVar("T")


class DocumentError(click.ClickException):
    """A document is absent, or is not what the step before leaves; ends a command with code 1."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}; run the step again that leaves it")


def read_document(path: Path) -> Mapping[str, Any]:
    """The object that a JSON file holds.

    Args:
        path: Path of the file.

    Raises:
        DocumentError: it cannot be read, or is no JSON object.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DocumentError(path, f"expected a file, got {error.strerror}") from None
    except ValueError:
        raise DocumentError(path, "expected JSON") from None
    except RecursionError:
        raise DocumentError(path, "expected JSON of a few levels") from None
    if not isinstance(document, dict):
        raise DocumentError(path, f"expected an object, got {type(document).__name__}")
    return document


def read_fields(path: Path, cls: type[T]) -> T:
    """A dataclass whose fields a JSON file holds, all of them scalars.

    Args:
        path: Path of the file.
        cls: The dataclass.

    Raises:
        DocumentError: it cannot be read, or has other fields.
    """
    document = read_document(path)
    try:
        return cls(**document)
    except TypeError:
        names = ", ".join(field.name for field in fields(cls))  # type: ignore[arg-type]
        got = ", ".join(document) or "none"
        raise DocumentError(path, f"expected the fields {names}, got {got[:200]}") from None


def part(document: Mapping[str, Any], path: Path, *keys: str) -> Any:
    """What stands at nested keys of a document.

    Args:
        document: The document.
        path: Path of the file that it was read from.
        keys: From the outermost to the innermost.

    Raises:
        DocumentError: one of them is not there.
    """
    value: Any = document
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            raise DocumentError(path, f"expected {'.'.join(keys)}, got none")
        value = value[key]
    return value
