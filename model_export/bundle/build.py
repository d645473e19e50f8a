"""The bundle of the function, and of the models that are to be baked into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from model_export.bundle.baked_models import find_models, read_models
from model_export.bundle.zip import ANY_SIZE, PLATFORM, bundle
from model_export.errors import UsageError

_FUNCTIONS = Path(__file__).resolve().parent.parent.parent / "functions"


def write_bundle(
    output: Path,
    models: Sequence[str] = (),
    registry: str | None = None,
    *,
    any_size: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> Path:
    """Writes the zip that is deployed, byte for byte the same each time.

    Args:
        output: Folder for the zip.
        models: Models that the bundle carries: ``name``, ``name@alias`` or ``name@version`` each.
            With them, the function needs neither a registry nor settings.
        registry: URI of the registry that these are read from.
        any_size: Whether the zip may be larger than the platform takes.
        log: Receives a line for each baked model, and for what was left out.

    Returns:
        ``output/function-<first 12 hex of its sha256>.zip``.

    Raises:
        UsageError: a model cannot be named like this, or the bundle is too large.
        RegistryError: the registry does not have a model, or did not answer.
    """
    if bool(models) != (registry is not None):
        raise UsageError("expected models and registry together, got one of them")
    limits = ANY_SIZE if any_size else PLATFORM
    if registry is None:
        return bundle(_FUNCTIONS, output, {}, limits)
    store, found = find_models(models, registry)
    limits.check_unpacked(sum(model.bytes for model in found))  # before anything large is read
    files = read_models(store, found)
    for model in found:
        log(f"baked {model.ref}: {model.manifest.version}, {model.bytes:,} bytes")
        if model.left_behind:
            others = " and ".join(model.left_behind)
            log(f"{model.ref}: {others} left out: a bundle serves one version")
    return bundle(_FUNCTIONS, output, files, limits)
