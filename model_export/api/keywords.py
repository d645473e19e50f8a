"""A recipe from keyword arguments, checked by the code that checks a recipe's file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model_export.errors import UsageError
from model_export.recipe.recipe import Recipe
from tflite_serving.contract.codec import ContractError, decode, encode

_KEYWORDS = {
    "model.source": "model",
    "model.name": "name",
    "model.task": "task",
    "model.labels": "labels",
    "model.custom_objects": "custom_objects",
    "model.unsafe_load": "unsafe_load",
    "data.source": "data",
    "publish.registry": "registry",
    "publish.alias": "alias",
}
"""Keys of a recipe that are keyword arguments by themselves, not parts of their section's."""


def recipe_of(base: Recipe | None, sections: Mapping[str, Any]) -> Recipe:
    """A recipe with keys from keyword arguments.

    Args:
        base: Recipe that has all other keys; None for the defaults.
        sections: Keys by section, as a recipe's file has them; None is no key. Tuples, paths and
            NumPy's scalars and arrays stand for lists, strings and numbers.

    Raises:
        UsageError: a key is unknown or has another type; the message has the keyword argument,
            what was expected and what came.
    """
    document = {} if base is None else encode(base)
    assert isinstance(document, dict)
    try:
        return decode(Recipe, _merged(document, _plain(sections)), "recipe", unknown="refuse")
    except ContractError as error:
        key = error.path.removeprefix("recipe.")
        raise UsageError(f"export({_KEYWORDS.get(key, key)}): {error.problem}") from None


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, change in changes.items():
        before: Any = merged.get(key)
        nested = isinstance(before, Mapping) and isinstance(change, Mapping)
        merged[key] = _merged(before, change) if nested else change
    return merged


def _plain(value: Any) -> Any:
    """A value as TOML would give it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return str(value) if isinstance(value, Path) else value
