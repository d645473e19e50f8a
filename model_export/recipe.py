"""The recipe: a TOML file that says how one model is exported."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from model_export.errors import UsageError
from tflite_serving.contract.codec import ContractError, decode, encode
from tflite_serving.contract.versions import check_name

Variant = Literal["float32", "float16", "weight_int8", "dynamic_int8", "static_int8", "full_int8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSection:
    """``[model]``: what is exported.

    Attributes:
        name: of the model, in the registry and in URLs.
        source: a ``.keras`` or ``.h5`` file or a SavedModel folder, relative to the recipe.
        task: what the model is for.
        labels: of the classes, in the order of the scores; or a text file with one a line. None
            names them by their index.
        custom_objects: ``module:name`` of a dict that Keras needs to load the model.
        unsafe_load: whether to load models that carry Python code. Only for your own models.
    """

    name: str
    source: str
    task: Literal["classification"] = "classification"
    labels: tuple[str, ...] | str | None = None
    custom_objects: str | None = None
    unsafe_load: bool = False

    def __post_init__(self) -> None:
        check_name(self.name, "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSection:
    """``[inputs.NAME]``: what people should know about an input; goes into the manifest."""

    description: str = ""
    units: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSection:
    """``[data]``: the examples.

    Attributes:
        source: ``package.module:function`` or a ``.npz`` file, relative to the recipe; see
            `model_export.data`.
    """

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneSection:
    """``[prune]``: which weights become zero.

    Attributes:
        method: "magnitude" sets each layer's smallest weights to zero.
        sparsity: fraction of zeros in each pruned layer.
        schedule: "constant" prunes at once, "polynomial" step by step while it trains.
        epochs: of fine-tuning on the training split.
        include, exclude: globs of layer names. The last layer is excluded by default.
    """

    method: Literal["none", "magnitude"] = "none"
    sparsity: float = 0.5
    schedule: Literal["constant", "polynomial"] = "constant"
    epochs: int = 2
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.sparsity < 1:
            raise ContractError("sparsity", f"expected between 0 and 1, got {self.sparsity}")
        if self.epochs < 0:
            raise ContractError("epochs", f"expected 0 or more, got {self.epochs}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeSection:
    """``[quantize]``: the variants that become candidates."""

    variants: tuple[Variant, ...] = ("float32", "static_int8")

    def __post_init__(self) -> None:
        if not self.variants or len(set(self.variants)) < len(self.variants):
            raise ContractError(
                "variants", f"expected each variant once, at least one, got {list(self.variants)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSection:
    """``[gate]``: the budget that a candidate must keep.

    Attributes:
        metric: of quality, on the test split.
        max_drop: largest drop of the metric against the Keras model.
        confidence: when set, the upper end of this interval of the drop must keep the budget,
            not the drop itself.
        prefer: what the published candidate is best at, among those that pass.
        max_bytes, max_latency_ms: further budgets: size of the flatbuffer, p50 of one instance.
    """

    metric: Literal["accuracy"] = "accuracy"
    max_drop: float = 0.01
    confidence: float | None = None
    prefer: Literal["latency", "size", "quality"] = "latency"
    max_bytes: int | None = None
    max_latency_ms: float | None = None

    def __post_init__(self) -> None:
        if self.confidence is not None and not 0.5 <= self.confidence < 1:
            raise ContractError("confidence", f"expected 0.5 to 1, got {self.confidence}")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole recipe; ``folder``, where it lies, is what its paths are relative to."""

    model: ModelSection
    data: DataSection
    inputs: Mapping[str, InputSection] = field(default_factory=dict)
    prune: PruneSection = PruneSection()
    quantize: QuantizeSection = QuantizeSection()
    gate: GateSection = GateSection()
    publish: PublishSection = PublishSection()

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
