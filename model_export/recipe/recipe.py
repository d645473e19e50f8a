"""The recipe: a TOML file that says how one model is exported."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from model_export.errors import UsageError
from model_export.recipe.gate import GateSection
from model_export.recipe.inputs import InputSection
from model_export.recipe.measure import MeasureSection
from model_export.recipe.model import DataSection, ModelSection
from model_export.recipe.outputs import OutputSection
from model_export.recipe.prune import PruneSection
from model_export.recipe.publish import PublishSection
from model_export.recipe.quantize import CalibrationSection, QuantizeSection
from model_export.recipe.sequence import SequenceSection
from model_export.recipe.variants import VARIANTS, Variant
from tflite_serving.contract.codec import ContractError, decode, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole recipe; ``folder``, where it lies, is what its paths are relative to."""

    model: ModelSection
    data: DataSection
    inputs: Mapping[str, InputSection] = field(default_factory=dict)
    outputs: Mapping[str, OutputSection] = field(default_factory=dict)
    sequence: SequenceSection = field(default_factory=SequenceSection)
    prune: PruneSection = field(default_factory=PruneSection)
    calibration: CalibrationSection = field(default_factory=CalibrationSection)
    quantize: QuantizeSection = field(default_factory=QuantizeSection)
    measure: MeasureSection = field(default_factory=MeasureSection)
    gate: GateSection = field(default_factory=GateSection)
    publish: PublishSection = field(default_factory=PublishSection)

    def __post_init__(self) -> None:
        for name in self.quantize.variants:
            self._check_variant(VARIANTS[name])

    def _check_variant(self, variant: Variant) -> None:
        block = variant.block
        if block and (self.prune.method == "none" or tuple(self.prune.block) != block):
            raise ContractError(
                "quantize.variants",
                f"{variant.name} needs prune.method and prune.block = {list(block)}",
            )
        if variant.compared_with not in (None, *self.quantize.variants):
            raise ContractError(
                "quantize.variants",
                f"{variant.name} needs {variant.compared_with} beside it, to compare with",
            )

    @property
    def sha256(self) -> str:
        """Of what the artifact depends on: all but where it is published."""
        content = encode(self)
        assert isinstance(content, dict)
        content.pop("publish")
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe.

    Args:
        path: of the TOML file.
        overrides: ``section.key=value`` each; the value is TOML, or else a string.

    Raises:
        UsageError: with the key, what was expected and what came; an unknown key names the
            nearest known one.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: expected TOML: {error}") from None
    for override in overrides:
        _apply(document, override)
    try:
        return decode(Recipe, document, "recipe", unknown="refuse")
    except ContractError as error:
        raise UsageError(f"{path}: {error}") from None


def recipe_document(recipe: Recipe) -> dict[str, Any]:
    """The keys of a recipe that are not the defaults, as its TOML file has them."""
    document = _unusual(recipe)
    assert isinstance(document, dict)
    return document


def _unusual(value: Any) -> Any:
    """A value as TOML has it, without what is empty or the default."""
    if isinstance(value, Mapping):
        return {name: _unusual(each) for name, each in value.items()}
    if not is_dataclass(value):
        return encode(value)
    kept = {}
    for each in fields(value):
        own = getattr(value, each.name)
        usual = each.default if each.default_factory is MISSING else each.default_factory()
        if own != usual:
            kept[each.name] = _unusual(own)
    return kept


def _apply(document: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    *sections, name = key.strip().split(".")
    if not equals or not name or not sections:
        raise UsageError(f"--set {override}: expected section.key=value")
    table = document
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise UsageError(f"--set {override}: {section!r} is no table")
    try:
        table[name] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        table[name] = text
