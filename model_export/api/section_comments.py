"""Sections of a recipe as comments: each key with its default, its choices and its meaning."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

import tomli_w

_WIDTH = 100
_KEYS = re.compile(r"^(\w+(?:, \w+)*): ")


def comment_lines(section: type, given: Collection[str] = (), prefix: str = "") -> Iterator[str]:
    """The keys of a section that are not given, as lines of comments.

    Args:
        section: Dataclass of the section, whose docstring describes the keys.
        given: Keys to leave out, because they are written already.
        prefix: Path of the section within its table, such as ``distill.``.
    """
    hints, meanings = typing.get_type_hints(section), _meanings(section)
    for field in dataclasses.fields(section):
        if field.name in given:
            continue
        inner = _without_none(hints[field.name])
        if isinstance(inner, type) and dataclasses.is_dataclass(inner):
            yield from comment_lines(inner, prefix=f"{prefix}{field.name}.")
            continue
        choices = _choices(hints[field.name])
        value = "…" if field.default is None else toml_value(field.default)
        others = [toml_value(choice) for choice in choices if choice != field.default]
        notes = [meanings.get(field.name, ""), f"or {', '.join(others)}" if others else ""]
        note = "; ".join(filter(None, notes))
        yield from commented(f"{prefix}{field.name} = {value}", note)


def commented(line: str, note: str = "") -> list[str]:
    """A line of TOML as a comment, with a note behind it, or before it where it is long."""
    whole = f"# {line}" + (f"  # {note}" if note else "")
    if len(whole) <= _WIDTH:
        return [whole]
    return [
        *textwrap.wrap(note, _WIDTH, initial_indent="#   ", subsequent_indent="#   "),
        f"# {line}",
    ]


def toml_value(value: Any) -> str:
    """One value as TOML writes it, on one line."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_value, value))}]"
    return tomli_w.dumps({"v": value}).removeprefix("v = ").strip()


def toml_key(name: str) -> str:
    """A name as a key of TOML, quoted where it must be."""
    return tomli_w.dumps({name: 0}).partition(" = ")[0]


def _choices(hint: Any) -> tuple[Any, ...]:
    """The values of a key that can be listed; none of one that is free."""
    inner = _without_none(hint)
    if typing.get_origin(inner) is Literal:
        return typing.get_args(inner)
    return (True, False) if inner is bool else ()


def _without_none(hint: Any) -> Any:
    if not isinstance(hint, types.UnionType) and typing.get_origin(hint) is not typing.Union:
        return hint
    rest = [each for each in typing.get_args(hint) if each is not type(None)]
    return rest[0] if len(rest) == 1 else hint


def _meanings(section: type) -> Mapping[str, str]:
    """The first clause of what the docstring says of each key."""
    _, _, listed = inspect.cleandoc(section.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    keys: list[str] = []
    for line in textwrap.dedent(listed).splitlines():
        start = _KEYS.match(line)
        if start:
            keys = start[1].split(", ")
        for key in keys:
            found[key] = f"{found.get(key, '')} {line[start.end() :] if start else line.strip()}"
    return {key: _first_clause(text.strip()) for key, text in found.items()}


def _first_clause(text: str) -> str:
    first = re.split(r"\. |; |\.$", text)[0]
    whole = first if " " in first else text.rstrip(".")
    return whole.replace("``", "`")
