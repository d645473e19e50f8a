"""Catalog of the served models: finds the loaded model for a request."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from tflite_serving.artifacts.store import Store
from tflite_serving.catalog.entry import CatalogEntry, LoadFailure
from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.catalog.loader import Loader
from tflite_serving.errors import ModelUnavailable, NotFound
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Log


class Catalog:
    """The models that this function serves.

    Attributes:
        entries: One for each entry of `MODELS`.
        built_from: The commit and the sha256 of the bundle, by name, as far as somebody told.
    """

    def __init__(self, settings: Settings, store: Store, log: Log) -> None:
        loader = Loader(store, settings, log)
        self.entries = tuple(
            CatalogEntry(ref, loader, settings.alias_refresh_seconds, log)
            for ref in settings.models
        )
        self._default = self.entries[:1]
        told = {"commit": settings.commit, "bundle_digest": settings.bundle_digest}
        self.built_from = {name: value for name, value in told.items() if value}

    def find(
        self,
        name: str | None,
        version: str | None,
        alias: str | None,
        wait_seconds: float,
    ) -> LoadedModel:
        """The model that answers a request.

        Args:
            name: of the model; None for the default one.
            version: None for whichever answers now.
            alias: None for the first one that the model is served under.
            wait_seconds: see `CatalogEntry.get`.

        Raises:
            NotFound: this function does not serve it.
            ModelUnavailable, DeadlineExceeded: see `CatalogEntry.get`.
        """
        entries = self._meant(name, version, alias)
        if not entries and alias is not None and self._named(name, None):
            raise NotFound(
                "unknown_version", f"model {_short(name)!r}: no label {_short(alias)!r} here"
            )
        if not entries:
            names = ", ".join(dict.fromkeys(entry.ref.name for entry in self.entries))
            raise NotFound(
                "unknown_model", f"model {_short(name)!r}: not served here; served: {names}"
            )
        if version is None:
            return entries[0].get(wait_seconds)
        versions = []
        unavailable: ModelUnavailable | None = None
        for entry in entries:
            try:
                model = entry.get(wait_seconds)
            except ModelUnavailable as error:
                unavailable = error  # another slot may have the version
                continue
            if model.manifest.version == version:
                return model
            versions.append(model.manifest.version)
        if unavailable is not None:
            raise unavailable
        raise NotFound(
            "unknown_version",
            f"model {_short(name)!r}, version {_short(version)!r}: not served here; "
            f"served: {', '.join(versions)}",
        )

    def peek(self, name: str | None, version: str | None, alias: str | None) -> LoadedModel | None:
        """What `find` would give without waiting; None where it would wait or refuse."""
        for entry in self._meant(name, version, alias):
            current = entry.peek()
            if version is None or (current is not None and current.manifest.version == version):
                return current
        return None

    def loads(
        self, name: str | None, version: str | None, alias: str | None
    ) -> list[Future[LoadedModel | LoadFailure]]:
        """The loads that `find` would wait for, started if need be."""
        entries = self._meant(name, version, alias)
        return [entry.start() for entry in entries if entry.current is None]

    def _meant(
        self, name: str | None, version: str | None, alias: str | None
    ) -> Sequence[CatalogEntry]:
        """The slots that may answer: the first, or for a version those pinned to it, or all."""
        if name is None and version is None and alias is None:
            return self._default
        entries = self._named(name, alias)
        if version is None:
            return entries[:1]
        return [entry for entry in entries if entry.ref.version == version] or entries

    def _named(self, name: str | None, alias: str | None) -> list[CatalogEntry]:
        return [
            entry
            for entry in self.entries
            if name in (None, entry.ref.name) and alias in (None, entry.ref.alias)
        ]


def _short(text: str | None) -> str | None:
    return text[:100] if text else text
