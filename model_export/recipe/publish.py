"""``[publish]``: the registry and the alias to publish to."""

from __future__ import annotations

from dataclasses import dataclass

from tflite_serving.contract.versions import check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishSection:
    """``[publish]``: where the artifact goes.

    Attributes:
        registry: URI; a relative path is relative to the recipe.
        alias: the alias to move to the new version; None moves none.
    """

    registry: str | None = None
    alias: str | None = None

    def __post_init__(self) -> None:
        if self.alias is not None:
            check_name(self.alias, "alias")
