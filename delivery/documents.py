"""JSON documents that a step left for a later one, and that Terraform prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

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
    return of_fields(read_document(path), path, cls)


def of_fields(document: Any, path: Path, cls: type[T]) -> T:
    """A dataclass whose fields a part of a JSON file holds, all of them scalars.

    Args:
        document: The part.
        path: Path of the file that it was read from.
        cls: The dataclass; a ValueError of its own says what a field must be.

    Raises:
        DocumentError: it has other fields, or a value that one cannot have.
    """
    types = get_type_hints(cls)
    names = ", ".join(field.name for field in fields(cls))  # type: ignore[arg-type]
    if not isinstance(document, Mapping):
        raise DocumentError(path, f"expected the fields {names}, got {document}"[:300])
    try:
        found = cls(**document)
    except TypeError:
        got = ", ".join(document) or "none"
        raise DocumentError(path, f"expected the fields {names}, got {got[:200]}") from None
    except ValueError as error:
        raise DocumentError(path, str(error)) from None
    for name, value in document.items():
        if not isinstance(value, types[name]):
            raise DocumentError(path, f"{name}: expected {_named(types[name])}, got {value}"[:300])
    return found


def _named(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)


def check_file(path: Path) -> Path:
    """The path of a file that is there.

    Raises:
        DocumentError: it is not.
    """
    if not path.is_file():
        raise DocumentError(path, "expected a file, got none")
    return path


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """A context in which a document of Terraform's is taken apart.

    Args:
        path: Path of the file that it was read from.

    Raises:
        DocumentError: it has another form than Terraform's.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError) as error:
        raise DocumentError(
            path, f"expected a document of Terraform's, got one with {error}"
        ) from None


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
