"""The result of an export: shown as the table of its candidates, and ready to be served."""

from __future__ import annotations

from dataclasses import dataclass

import tomli_w
from rich.table import Table

from model_export.api.display import WIDTH, as_html, as_text
from model_export.console.candidates import candidates_table, outcome
from model_export.errors import UsageError
from model_export.pipeline import Export
from model_export.recipe.recipe import Recipe, recipe_document
from model_export.verification.local_server import LocalFunction
from tflite_serving.contract import layout

_REPORT = "report.html"


@dataclass(frozen=True, slots=True, repr=False)
class ExportResult(Export):
    """What an export published; a notebook shows it as the table of its candidates.

    Attributes:
        manifest: Manifest of the version.
        registry: URI of the registry that has it; None after a dry run.
        alias: Alias that names the version now; None if none was moved.
        recipe: Recipe of the export, from its file or from keyword arguments.
    """

    recipe: Recipe

    @property
    def version(self) -> str:
        """Id of the version."""
        return self.manifest.version

    @property
    def report(self) -> str | None:
        """Path or URI of the report, an HTML page; None after a dry run."""
        if self.registry is None:
            return None
        folder = layout.version_folder(self.manifest.name, self.version)
        return f"{self.registry.removeprefix('file://')}/{folder}/{_REPORT}"

    def serve(self) -> LocalFunction:
        """Starts the function on this machine, with the version.

        Returns:
            The function, with its ``url``. It ends with this process, when ``stop`` is called, or
            with a ``with`` block.

        Raises:
            UsageError: nothing was published.
            RegistryError: the function does not start.
        """
        if self.registry is None:
            raise UsageError(
                "serve(): expected a published version, got that of a dry run; export with "
                "registry=… and without dry_run"
            )
        return LocalFunction.start(self.registry, f"{self.manifest.name}@{self.version}")

    def recipe_toml(self) -> str:
        """The recipe as a TOML file, with the keys that are not the defaults."""
        return tomli_w.dumps(recipe_document(self.recipe))

    def __repr__(self) -> str:
        return as_text(*self._shown())

    def _repr_html_(self) -> str:
        return as_html(*self._shown())

    def _shown(self) -> tuple[Table, str]:
        compression = self.manifest.compression
        table = candidates_table(compression.candidates, WIDTH, compression.failed)
        return table, outcome(self)
