"""Turns a trained Keras model into a versioned artifact that the function serves.

What is listed here is for everybody: notebooks, scripts, our own deliveries, examples and
benchmarks. Every module below it may change with any release::

    import model_export

    result = model_export.export("recipe.toml", registry="gs://my-models")
    with result.serve() as function:
        print(function.url)

Each name is imported when it is first used: the command line must answer without TensorFlow, and
the processes that measure candidates must hold nothing but what the function holds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model_export.api.draft import draft_recipe
    from model_export.api.export import export
    from model_export.api.result import ExportResult
    from model_export.artifact.provenance import host_cpu
    from model_export.bundle.build import write_bundle
    from model_export.console.candidates import print_candidates
    from model_export.console.console import open_console
    from model_export.console.native_logs import native_logs_held_back
    from model_export.errors import (
        ConflictError,
        ConversionError,
        ExportError,
        GateError,
        Interrupted,
        LoadError,
        ParityError,
        RegistryError,
        UsageError,
    )
    from model_export.progress import Progress
    from model_export.recipe.model import DataSection, ModelSection
    from model_export.recipe.recipe import Recipe, read_recipe
    from model_export.registry.address import find_artifact, find_document
    from model_export.registry.operations import (
        AliasMove,
        ListedVersion,
        alias_names,
        change_alias,
        list_versions,
        move_alias,
        open_registry,
        publish,
        read_named_alias,
        read_version,
        registry_errors,
    )
    from model_export.registry.release import Release, promote, rollback, standing_versions
    from model_export.registry.store import WritableStore
    from model_export.steps.sensitivity import Sensitivity, measure_sensitivity
    from model_export.steps.unchanged import find_unchanged
    from model_export.verification.client import ask, body_of, instances_of, over_http
    from model_export.verification.comparison import Parity, compare, differences
    from model_export.verification.examples import (
        Questions,
        golden_examples,
        golden_questions,
        model_questions,
    )
    from model_export.verification.local_server import LocalFunction, local_function
    from model_export.verification.predictions import Answers, OtherVersionError, answers_of
    from model_export.verification.verify import Reference, Target, Tolerance, verify

__all__ = [
    "AliasMove",
    "Answers",
    "ConflictError",
    "ConversionError",
    "DataSection",
    "ExportError",
    "ExportResult",
    "GateError",
    "Interrupted",
    "ListedVersion",
    "LoadError",
    "LocalFunction",
    "ModelSection",
    "OtherVersionError",
    "Parity",
    "ParityError",
    "Progress",
    "Questions",
    "Recipe",
    "Reference",
    "RegistryError",
    "Release",
    "Sensitivity",
    "Target",
    "Tolerance",
    "UsageError",
    "WritableStore",
    "alias_names",
    "answers_of",
    "ask",
    "body_of",
    "change_alias",
    "compare",
    "differences",
    "draft_recipe",
    "export",
    "find_artifact",
    "find_document",
    "find_unchanged",
    "golden_examples",
    "golden_questions",
    "host_cpu",
    "instances_of",
    "list_versions",
    "local_function",
    "measure_sensitivity",
    "model_questions",
    "move_alias",
    "native_logs_held_back",
    "open_console",
    "open_registry",
    "over_http",
    "print_candidates",
    "promote",
    "publish",
    "read_named_alias",
    "read_recipe",
    "read_version",
    "registry_errors",
    "rollback",
    "standing_versions",
    "verify",
    "write_bundle",
]

_MODULES = {
    "alias_names": "registry.operations",
    "AliasMove": "registry.operations",
    "Answers": "verification.predictions",
    "answers_of": "verification.predictions",
    "ask": "verification.client",
    "body_of": "verification.client",
    "change_alias": "registry.operations",
    "compare": "verification.comparison",
    "ConflictError": "errors",
    "ConversionError": "errors",
    "DataSection": "recipe.model",
    "differences": "verification.comparison",
    "draft_recipe": "api.draft",
    "export": "api.export",
    "ExportError": "errors",
    "ExportResult": "api.result",
    "find_artifact": "registry.address",
    "find_document": "registry.address",
    "find_unchanged": "steps.unchanged",
    "GateError": "errors",
    "golden_examples": "verification.examples",
    "golden_questions": "verification.examples",
    "host_cpu": "artifact.provenance",
    "instances_of": "verification.client",
    "Interrupted": "errors",
    "list_versions": "registry.operations",
    "ListedVersion": "registry.operations",
    "LoadError": "errors",
    "local_function": "verification.local_server",
    "LocalFunction": "verification.local_server",
    "measure_sensitivity": "steps.sensitivity",
    "model_questions": "verification.examples",
    "ModelSection": "recipe.model",
    "move_alias": "registry.operations",
    "native_logs_held_back": "console.native_logs",
    "open_console": "console.console",
    "open_registry": "registry.operations",
    "OtherVersionError": "verification.predictions",
    "over_http": "verification.client",
    "Parity": "verification.comparison",
    "ParityError": "errors",
    "print_candidates": "console.candidates",
    "Progress": "progress",
    "promote": "registry.release",
    "publish": "registry.operations",
    "Questions": "verification.examples",
    "read_named_alias": "registry.operations",
    "read_recipe": "recipe.recipe",
    "read_version": "registry.operations",
    "Recipe": "recipe.recipe",
    "Reference": "verification.verify",
    "registry_errors": "registry.operations",
    "RegistryError": "errors",
    "Release": "registry.release",
    "rollback": "registry.release",
    "Sensitivity": "steps.sensitivity",
    "standing_versions": "registry.release",
    "Target": "verification.verify",
    "Tolerance": "verification.verify",
    "UsageError": "errors",
    "verify": "verification.verify",
    "WritableStore": "registry.store",
    "write_bundle": "bundle.build",
}
"""The module of each name, within this package."""


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
