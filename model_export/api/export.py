"""The export of one model as a function: of a recipe, of keyword arguments, or of both."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from model_export import pipeline
from model_export.api.display import open_progress, show_candidates
from model_export.api.keywords import recipe_of
from model_export.api.result import ExportResult
from model_export.console.native_logs import native_logs_held_back
from model_export.errors import ExportError, GateError, UsageError
from model_export.progress import Progress
from model_export.recipe.recipe import Recipe, read_recipe

Section = Mapping[str, Any]
"""Keys of one section of a recipe, such as ``{"max_drop": 0.02}``."""

_IN_MEMORY = "data"
"""Source of examples that are in memory: what messages about them begin with."""


def export(
    recipe: Recipe | Path | str | None = None,
    *,
    model: Any = None,
    data: Any = None,
    name: str | None = None,
    labels: Sequence[str] | str | None = None,
    task: str | None = None,
    custom_objects: Mapping[str, Any] | str | None = None,
    unsafe_load: bool | None = None,
    inputs: Mapping[str, Section] | None = None,
    outputs: Mapping[str, Section] | None = None,
    sequence: Section | None = None,
    prune: Section | None = None,
    calibration: Section | None = None,
    quantize: Section | None = None,
    measure: Section | None = None,
    gate: Section | None = None,
    registry: Path | str | None = None,
    alias: str | None = None,
    dry_run: bool = False,
    resume: bool = False,
    folder: Path | str | None = None,
    work: Path | str | None = None,
    command: str = "",
    progress: Progress | None = None,
    **unknown: Any,
) -> ExportResult:
    """Prunes, converts, quantizes, measures, judges and publishes one model.

    Either of a recipe, ``export("recipe.toml")``, or without one::

        export(
            model=model,
            data={"train": (x, y), "validation": (xv, yv), "test": (xt, yt)},
            name="flowers",
            labels=["setosa", "versicolor", "virginica"],
            registry="registry",
            gate={"max_drop": 0.01},
        )

    A keyword argument beside a recipe changes that key alone. docs/2-recipe.md describes all keys.

    Args:
        recipe: Recipe, or the path of its file.
        model: Trained Keras model, or the path of a saved one.
        data: Examples: ``train``, ``validation`` and ``test``, each ``(x, y)`` of arrays or of
            dicts of these by name, or a `tf.data.Dataset`; or ``module:function``, or the path of
            an ``.npz`` file.
        name: Name of the model, in the registry and in URLs.
        labels: Names of the classes in the order of the scores, or the path of a text file.
        task: "classification", "multi_label" or "regression"; read off the model by default.
        custom_objects: Classes and functions of the model that are not Keras's, by name.
        unsafe_load: Whether to load a model that carries Python code.
        inputs, outputs: Keys of inputs and outputs, by their name.
        sequence, prune, calibration, quantize, measure, gate: Keys of these sections.
        registry: URI or folder of the registry to publish to.
        alias: Alias to move to the new version.
        dry_run: Whether to publish nothing.
        resume: Whether to go on with what an interrupted export of the same things finished.
        folder: Folder that paths and modules are looked up in; by default that of the recipe's
            file, or the working directory.
        work: Folder for unfinished work; `folder` by default.
        command: Shell command that repeats the export, for the report.
        progress: Where steps are reported; by default a display that suits the notebook or the
            terminal, without what TensorFlow logs.
        unknown: Any other keyword argument is an error that names the nearest known one.

    Returns:
        The published version, or what would be published.

    Raises:
        UsageError: an argument, the recipe or the data are wrong.
        LoadError, ConversionError: the model cannot be loaded or converted.
        GateError: no candidate keeps the budget; a display has shown them all.
        RegistryError: the registry refused, or did not answer.
    """
    in_memory = model is not None and not isinstance(model, (str, Path))
    held = None if data is None or isinstance(data, (str, Path)) else data
    own = custom_objects if isinstance(custom_objects, Mapping) else {}
    sections = {
        "model": {
            "name": name,
            "source": f"{name}.keras" if in_memory else model,
            "task": task,
            "labels": labels,
            "custom_objects": None if own else custom_objects,
            "unsafe_load": unsafe_load,
        },
        "data": {"source": data if held is None else _IN_MEMORY},
        "inputs": inputs,
        "outputs": outputs,
        "sequence": sequence,
        "prune": prune,
        "calibration": calibration,
        "quantize": quantize,
        "measure": measure,
        "gate": gate,
        "publish": {"alias": alias},
        **unknown,
    }
    base, home = _opened(recipe, folder)
    parsed = recipe_of(base, sections) if base is None or _says(sections) else base
    target = None if dry_run else _registry(registry, parsed, home)
    with (
        _reporting(progress) as report,
        _loadable(model if in_memory else None, parsed, own) as file,
    ):
        request = pipeline.Request(
            recipe=parsed,
            folder=home,
            registry=target,
            resume=resume,
            work=None if work is None else Path(work),
            command=command,
            model_file=file,
            examples=held,
        )
        done = pipeline.export(request, report)
    return ExportResult(done.manifest, done.registry, done.alias, parsed)


def _opened(
    recipe: Recipe | Path | str | None, folder: Path | str | None
) -> tuple[Recipe | None, Path]:
    """The recipe, and the folder that its paths are relative to."""
    if isinstance(recipe, (str, Path)):
        path = Path(recipe)
        return read_recipe(path), Path(folder or path.resolve().parent).resolve()
    if recipe is not None and not isinstance(recipe, Recipe):
        raise UsageError(
            f"export(recipe): expected the path of a recipe, got {type(recipe).__name__}; "
            "a model is given as export(model=…)"
        )
    return recipe, Path(folder or Path.cwd()).resolve()


def _says(sections: Mapping[str, Any]) -> bool:
    """Whether any key is given."""
    return any(
        _says(value) if isinstance(value, Mapping) else value is not None
        for value in sections.values()
    )


@contextmanager
def _loadable(
    model: Any, recipe: Recipe, custom_objects: Mapping[str, Any]
) -> Iterator[Path | None]:
    """The file of a model that is in memory, while Keras knows its classes; None for no model."""
    if model is None and not custom_objects:
        yield None
        return
    # Not at the top: it imports TensorFlow, which takes seconds.
    from model_export.tf.unsaved import given_objects, saved

    with given_objects(custom_objects):
        if model is None:
            yield None
            return
        with saved(model, recipe.model) as path:
            try:
                yield path
            except ExportError as error:
                # Nobody knows the file, which is gone when the message is read.
                error.args = (str(error).replace(str(path), "export(model)"),)
                raise


def _registry(given: Path | str | None, recipe: Recipe, folder: Path) -> str:
    if given is not None:
        return str(given)
    named = recipe.publish.registry
    if named is None:
        raise UsageError(
            "export(registry): expected the URI or the folder of a registry, got nothing; "
            "dry_run=True publishes nothing"
        )
    return named if "://" in named else str((folder / named).resolve())


@contextmanager
def _reporting(progress: Progress | None) -> Iterator[Progress]:
    """The progress that was given; or a display of our own, without native logs."""
    if progress is not None:
        yield progress
        return
    with native_logs_held_back() as stderr, _only_warnings_of("tensorflow"):
        display = open_progress(stderr)
        try:
            yield display
        except GateError as error:
            show_candidates(error, stderr)
            raise


@contextmanager
def _only_warnings_of(library: str) -> Iterator[None]:
    """Keeps out what a library logs through Python, which a notebook shows in its cell."""
    logger = logging.getLogger(library)
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        logger.setLevel(level)
