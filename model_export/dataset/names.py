"""Error messages for input or output names that differ from the model's."""

from __future__ import annotations

from collections.abc import Collection


def by_name(names: Collection[str], value: str = "…") -> str:
    """How a dict of these names is written."""
    return "{" + ", ".join(f'"{name}": {value}' for name in names) + "}"


def others_than(what: str, expected: Collection[str], got: Collection[str]) -> str:
    """What was expected, and in which names what came differs from it."""
    missing = [name for name in expected if name not in got]
    besides = [name for name in got if name not in expected]
    told = [f"no {', '.join(missing)}"] if missing else []
    told += [f"also {', '.join(besides)}"] if besides else []
    return f"expected {what} {', '.join(expected)}, got {' but '.join(told)}"
