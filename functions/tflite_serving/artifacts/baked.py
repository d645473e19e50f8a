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
    """Adds the settings of a baked registry to the environment, where it does not set them.

    The environment always wins; an empty variable counts as absent. If it sets MODEL_REGISTRY, the
    list of baked models is ignored: it describes the baked registry alone.

    Args:
        environ: Environment variables.
        source: Folder that contains main.py.

    Raises:
        SettingsError: Models are baked, but their list is missing or damaged.
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
