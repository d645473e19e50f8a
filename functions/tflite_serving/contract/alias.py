"""The alias document: a mutable pointer to the version that is served."""

from __future__ import annotations

from dataclasses import dataclass, fields
from difflib import get_close_matches

from tflite_serving.contract import versions
from tflite_serving.contract.codec import ContractError, Json, decode, parse_json, to_text
from tflite_serving.contract.manifest import check_schema_version

ALIAS_SCHEMA_VERSION = 1
_HISTORY_LIMIT = 100
_SLIP = 0.8
"""How alike two names are, of 1, if one is a slip of the other."""


@dataclass(frozen=True, slots=True)
class Share:
    """A second version beside the served one, and its percentage of the requests."""

    version: str
    percent: float

    def __post_init__(self) -> None:
        versions.check_version(self.version, "version")
        if not 0 <= self.percent <= 100:
            raise ContractError("percent", f"expected 0 to 100, got {self.percent}")


@dataclass(frozen=True, slots=True)
class AliasChange:
    """One state of an alias, past or present: version, time, user and command."""

    version: str
    at: str
    by: str
    action: str

    def __post_init__(self) -> None:
        versions.check_version(self.version, "version")
        versions.check_timestamp(self.at, "at")


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasDocument:
    """Content of `models/<name>/aliases/<alias>.json`.

    Attributes:
        model, alias: Name of the model and of the alias.
        version: Version that is served.
        canary: Version that serves some of the requests instead.
        shadow: Version that predicts for some of the requests in addition; its predictions are not
            sent.
        history: Changes, oldest first; the last one is the present state.
        schema_version: Schema version of this document; a newer one is refused.
    """

    model: str
    alias: str
    version: str
    canary: Share | None = None
    shadow: Share | None = None
    history: tuple[AliasChange, ...] = ()
    schema_version: int = ALIAS_SCHEMA_VERSION

    def __post_init__(self) -> None:
        versions.check_name(self.model, "model")
        versions.check_name(self.alias, "alias")
        versions.check_version(self.version, "version")

    @property
    def shares(self) -> dict[str, Share]:
        """Canary and shadow, by the name of their field."""
        named = {"canary": self.canary, "shadow": self.shadow}
        return {field: share for field, share in named.items() if share is not None}

    def moved(self, change: AliasChange) -> AliasDocument:
        """The document after `change`: without canary and shadow, with one more line of history."""
        return AliasDocument(
            model=self.model,
            alias=self.alias,
            version=change.version,
            history=(*self.history, change)[-_HISTORY_LIMIT:],
        )


def read_alias(text: str | bytes) -> AliasDocument:
    """Parses and validates an alias document.

    Unknown fields are ignored, but not misspelled ones: what changes which version is served
    comes with a higher `schema_version`, which older programs refuse.

    Raises:
        ContractError: A field is invalid, or the schema_version is newer than this program; with
            the field.
    """
    document = parse_json(text, "alias")
    check_schema_version(document, "alias", ALIAS_SCHEMA_VERSION)
    _check_names(document)
    return decode(AliasDocument, document, "alias")


def _check_names(document: Json) -> None:
    """Refuses fields that are nearly one of ours: a "canry" would be a canary that nobody sees."""
    known = [field.name for field in fields(AliasDocument)]
    for key in document if isinstance(document, dict) else ():
        near = get_close_matches(key.lower(), known, n=1, cutoff=_SLIP)
        if key not in known and near:
            raise ContractError(f"alias.{key}", f"unknown field; did you mean {near[0]!r}?")


def write_alias(alias: AliasDocument) -> str:
    """The alias document as JSON text; `read_alias` gives the same document back."""
    return to_text(alias)
