"""Defaults of MODEL_REGISTRY and MODELS for a bundle that carries its own models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tflite_serving.errors import SettingsError

REGISTRY_FOLDER = "registry"
"""The baked registry, beside main.py; laid out like any other."""

MODELS_FILE = "MODELS"
"""In the baked registry: what the variable MODELS would say, as one line of UTF-8."""


def with_baked(environ: Mapping[str, str], source: Path) -> dict[str, str]:
    """The environment, and what is baked in place of what it leaves open.

    The environment always wins; an empty variable counts as absent. A registry that somebody sets
    is another one: what is baked says nothing about the models there.

    Args:
        environ: the environment.
        source: the folder that main.py is in.

    Raises:
        SettingsError: models are baked, but their list is damaged.
    """
    registry = source / REGISTRY_FOLDER
    if _is_set(environ, "MODEL_REGISTRY") or not registry.is_dir():
        return dict(environ)
    baked = {"MODEL_REGISTRY": str(registry)}
    if not _is_set(environ, "MODELS"):
        baked["MODELS"] = _models(registry / MODELS_FILE)
    return {**environ, **baked}


def _is_set(environ: Mapping[str, str], variable: str) -> bool:
    return bool(environ.get(variable, "").strip())


def _models(path: Path) -> str:
    expected = "MODELS: expected the models that are baked into the bundle"
    advice = "make the bundle again, or set MODELS"
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise SettingsError(f"{expected}, but {path} cannot be read ({why}); {advice}") from None
    if not text:
        raise SettingsError(f"{expected}, but {path} is empty; {advice}")
    return text
