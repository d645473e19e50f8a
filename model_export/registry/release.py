"""Releasing a published version, and taking a release back: aliases move, nothing is deployed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_export.errors import UsageError
from model_export.registry.operations import AliasMove, change_alias, read_named_alias
from model_export.registry.store import WritableStore
from tflite_serving.contract import versions
from tflite_serving.contract.alias import AliasChange, AliasDocument

_ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Release:
    """What a command did to an alias.

    Attributes:
        alias: as it is now.
        before: the version that it named before; None if it is new.
        ended: The canary and the shadow that it ended, for people; empty if there was none.
    """

    alias: AliasDocument
    before: str | None
    ended: str = ""

    @property
    def is_change(self) -> bool:
        """Whether another version answers now."""
        return self.alias.version != self.before


def promote(store: WritableStore, name: str, source: str, alias: str) -> Release:
    """Points an alias to the version that another alias names, or to a version.

    Args:
        store: the registry.
        name: of the model.
        source: an alias such as "staging", or a version.
        alias: is made if there is none. A canary or shadow beside it ends.

    Raises:
        UsageError: a name is none.
        RegistryError: there is no such alias or version, or the registry did not answer.
        ConflictError: somebody else moved the alias meanwhile; it is as they left it.
    """
    version = source
    if not versions.is_version(source):
        version = read_named_alias(store, name, source).version

    def choose(document: AliasDocument | None) -> str | None:
        is_done = document is not None and document.version == version and not document.shares
        return None if is_done else version

    return _release(change_alias(store, name, alias, choose, "promote"))


def rollback(store: WritableStore, name: str, alias: str) -> Release:
    """Points an alias to the version that it named before; again, to the one before that.

    Args:
        store: the registry.
        name: of the model.
        alias: must be there. A canary or shadow beside it ends.

    Raises:
        UsageError: a name is none, or the alias has named no other version.
        RegistryError: there is no such alias, its former version is gone, or the registry did not
            answer.
        ConflictError: somebody else moved the alias meanwhile; it is as they left it.
    """

    def choose(document: AliasDocument | None) -> str | None:
        if document is None:
            read_named_alias(store, name, alias)  # says that there is none
            raise AssertionError(alias)
        standing = standing_versions(document.history)
        if standing and standing[-1] == document.version:
            standing.pop()
        if not standing:
            raise UsageError(
                f"{name}@{alias}: expected a version before {document.version}, and its history "
                "has none; `promote` points it to any version"
            )
        return standing[-1]

    return _release(change_alias(store, name, alias, choose, _ROLLBACK))


def _release(move: AliasMove) -> Release:
    return Release(move.alias, None if move.former is None else move.former.version, move.ended)


def standing_versions(history: Sequence[AliasChange]) -> list[str]:
    """The versions that were released and not taken back since, oldest first.

    Args:
        history: Changes of one alias, oldest first.
    """
    standing: list[str] = []
    for change in history:
        if change.action == _ROLLBACK and change.version in standing:
            while standing[-1] != change.version:
                standing.pop()
        elif not standing or standing[-1] != change.version:
            standing.append(change.version)
    return standing
