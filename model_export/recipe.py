"""The recipe: a TOML file that says how one model is exported."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from model_export.errors import UsageError
from tflite_serving.contract.codec import ContractError, decode, encode
from tflite_serving.contract.image import Library, Method, Resize
from tflite_serving.contract.tensors import Activation
from tflite_serving.contract.versions import check_name

Variant = Literal[
    "float32",
    "sparse_float32",
    "float16",
    "weight_int8",
    "weight_int4",
    "dynamic_int8",
    "static_int8",
    "full_int8",
]


ModelTask = Literal["classification", "multi_label", "regression"]


_FEWEST_TOKENS = 3  # a start, a token and an end


def _check(name: str, value: object, expected: str, holds: bool) -> None:  # noqa: FBT001
    if not holds:
        raise ContractError(name, f"expected {expected}, got {value}")


def _check_own_metric(metric: str | None, lower_is_better: bool | None) -> None:  # noqa: FBT001
    if (lower_is_better is not None) != (":" in (metric or "")):
        raise ContractError(
            "lower_is_better",
            "expected true or false for a metric of your own (module:function), and nothing "
            f"for others, got {lower_is_better} for {metric or 'the usual one'}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSection:
    """``[model]``: what is exported.

    Attributes:
        name: of the model, in the registry and in URLs.
        source: a ``.keras`` or ``.h5`` file or a SavedModel folder, relative to the recipe.
        task: what the model is for; None infers it from the model and its examples. For a model
            with several outputs, they say it themselves, and the labels, too.
        labels: of the classes, in the order of the scores; or a text file with one a line. None
            names them by their index.
        custom_objects: ``module:name`` of a dict that Keras needs to load the model.
        unsafe_load: whether to load models that carry Python code. Only for your own models.
    """

    name: str
    source: str
    task: ModelTask | None = None
    labels: tuple[str, ...] | str | None = None
    custom_objects: str | None = None
    unsafe_load: bool = False

    def __post_init__(self) -> None:
        check_name(self.name, "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeSection:
    """``inputs.NAME.resize``: how pictures got the size that the model takes, before it did.

    Attributes:
        by: "keras" is `tf.image.resize`, as in `keras.utils.image_dataset_from_directory`; "pil",
            `keras.utils.load_img` with a target size.
        method: of interpolation, in the words of either.
        antialias: whether a smaller picture averages all pixels; Pillow always does.
        fit: what becomes of another ratio of width to height: "stretch", "crop" or "pad".
        fill: value of the borders' pixels, 0 to 255.
    """

    by: Library = "keras"
    method: Method = "bilinear"
    antialias: bool = False
    fit: Literal["stretch", "crop", "pad"] = "stretch"
    fill: float = 0.0

    def __post_init__(self) -> None:
        self.to(1, 1)

    def to(self, height: int, width: int) -> Resize:
        """The same, to a size in pixels."""
        return Resize(
            height=height,
            width=width,
            by=self.by,
            method=self.method,
            antialias=self.antialias,
            fit=self.fit,
            fill=self.fill,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSection:
    """``[inputs.NAME]``: how clients send an input, or a column of one; goes into the manifest.

    Attributes:
        description: what it is, for people.
        units: of its values, for people.
        columns: what each value of a row of numbers is called; none where the examples say it.
        missing: what stands for a value that is missing: "refuse", "mean", "median",
            "most_frequent", "mask", or the value itself; of an input with columns, for all that
            say nothing else. None is "mask" where all layers that take the input have one.
        kind: "image" lets clients send pictures, "tensor" numbers alone; None tells it from the
            model.
        scale, offset: the model is fed ``pixel * scale + offset``, of pixels from 0 to 255.
            Numbers, or fractions such as "1/255"; None is 1, if nothing speaks against it.
        exif_orientation: whether pictures are turned the way that their EXIF data say.
        resize: how pictures of other sizes were resized; None refuses them.
    """

    description: str = ""
    units: str = ""
    columns: tuple[str, ...] = ()
    missing: bool | int | float | str | None = None
    kind: Literal["image", "tensor"] | None = None
    scale: float | str | None = None
    offset: float | str = 0.0
    exif_orientation: bool = True
    resize: ResizeSection | None = None

    def __post_init__(self) -> None:
        for name in ("scale", "offset"):
            value = getattr(self, name)
            _check(name, value, 'a number, or a fraction such as "1/255"', _is_number(value))
        _check("scale", self.scale, "another number than 0", self.scale_factor != 0)
        others = (self.scale, self.offset_value, self.exif_orientation, self.resize)
        if self.kind == "tensor" and others != (None, 0.0, True, None):
            raise ContractError("kind", "expected 'image' beside keys of pictures, got 'tensor'")

    @property
    def scale_factor(self) -> float:
        """The scale as a number."""
        return 1.0 if self.scale is None else _number(self.scale)

    @property
    def offset_value(self) -> float:
        """The offset as a number."""
        return _number(self.offset)


def _number(value: float | str) -> float:
    over, _, under = str(value).partition("/")
    return float(Fraction(over) / Fraction(under or 1))


def _is_number(value: float | str | None) -> bool:
    try:
        return value is None or math.isfinite(_number(value))
    except (ValueError, OverflowError, ZeroDivisionError):
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSection:
    """``[outputs.NAME]``: what an output is for, and its budget; what is not said is inferred.

    Attributes:
        task, labels: as in ``[model]``, for this output.
        activation: what makes scores of its values; None reads it off the model.
        threshold: the least score that counts as yes: of a single score one, of several labels one
            for all or one for each. None chooses the best on the validation split.
        description: what it is, for people.
        units: of a regression's values, for people.
        metric, lower_is_better, max_drop: as in ``[gate]``, for this output.
    """

    task: ModelTask | None = None
    labels: tuple[str, ...] | str | None = None
    activation: Activation | None = None
    threshold: float | tuple[float, ...] | None = None
    description: str = ""
    units: str = ""
    metric: str | None = None
    lower_is_better: bool | None = None
    max_drop: float | None = None

    def __post_init__(self) -> None:
        given = self.threshold
        for each in given if isinstance(given, tuple) else () if given is None else (given,):
            _check("threshold", each, "0 to 1", 0 <= each <= 1)
        _check_own_metric(self.metric, self.lower_is_better)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSection:
    """``[data]``: the examples.

    Attributes:
        source: ``package.module:function`` or a ``.npz`` file, relative to the recipe; see
            `model_export.data`.
    """

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillSection:
    """``prune.distill``: fine-tuning learns from the unpruned model, too.

    Hinton et al., "Distilling the Knowledge in a Neural Network" (2015),
    https://arxiv.org/abs/1503.02531.

    Attributes:
        temperature: by which both models' logits are divided before they are compared.
        weight: of the comparison in the loss, 0 to 1; the rest is the loss on the right answers.
    """

    temperature: float = 4.0
    weight: float = 0.5

    def __post_init__(self) -> None:
        _check("temperature", self.temperature, "more than 0", self.temperature > 0)
        _check("weight", self.weight, "more than 0, up to 1", 0 < self.weight <= 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceSection:
    """``[sequence]``: lengths that sequences of tokens are filled up to.

    Attributes:
        buckets: the lengths, rising; None finds those with the least padding in the training split.
            The preprocessor's own sequence_length is always one.
        max_buckets: how many to find.
    """

    buckets: tuple[int, ...] | None = None
    max_buckets: int = 4

    def __post_init__(self) -> None:
        if self.buckets is not None:
            sizes = list(self.buckets)
            rising = sizes == sorted(set(sizes)) and all(size >= _FEWEST_TOKENS for size in sizes)
            _check("buckets", sizes, "lengths from 3 on, rising", rising)
        _check("max_buckets", self.max_buckets, "1 or more", self.max_buckets >= 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneSection:
    """``[prune]``: which weights become zero.

    Attributes:
        method: "magnitude" sets the smallest weights to zero.
        sparsity: fraction of zeros among the weights of the pruned layers.
        scope: "layer" gives every layer that sparsity; "global" takes the smallest weights of all
            of them together.
        block: weights that are pruned together, outputs by inputs: [1, 4] is what the runtime's
            sparse kernels take; see docs/5-compression.md.
        schedule: "constant" prunes at once, "polynomial" step by step while it trains.
        epochs: of fine-tuning on the training split.
        batch_size: of fine-tuning.
        learning_rate: of fine-tuning; None keeps the optimizer's own.
        optimizer: Keras's name of one; None keeps the model's own, or else Adam.
        stop_early: whether to stop as soon as the metric on the validation split is back where it
            was before pruning.
        distill: learn from the unpruned model; None learns from the right answers alone.
        include, exclude: globs of layer names, or of paths such as "attention/query". The last
            layer and embeddings are pruned only if a glob other than "*" names them.
    """

    method: Literal["none", "magnitude"] = "none"
    sparsity: float = 0.5
    scope: Literal["layer", "global"] = "layer"
    block: tuple[int, ...] = (1, 1)
    schedule: Literal["constant", "polynomial"] = "constant"
    epochs: int = 2
    batch_size: int = 32
    learning_rate: float | None = None
    optimizer: str | None = None
    stop_early: bool = True
    distill: DistillSection | None = None
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("sparsity", self.sparsity, "between 0 and 1", 0 < self.sparsity < 1)
        block = list(self.block)
        _check("block", block, "[1, inputs]", len(block) == 2 and block[0] == 1 and block[1] >= 1)
        _check(
            "block", block, 'scope = "layer" beside it', self.scope == "layer" or block == [1, 1]
        )
        _check("epochs", self.epochs, "0 or more", self.epochs >= 0)
        _check("batch_size", self.batch_size, "1 or more", self.batch_size >= 1)
        rate = self.learning_rate
        _check("learning_rate", rate, "more than 0", rate is None or rate > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSection:
    """``[calibration]``: how the ranges of activations are found.

    Attributes:
        examples: how many of the training split, all classes alike.
        method: "min_max" takes the true range; "moving_average" averages the range of each
            example, which clips what only few of them reach.
    """

    examples: int = 200
    method: Literal["min_max", "moving_average"] = "min_max"

    def __post_init__(self) -> None:
        _check("examples", self.examples, "1 or more", self.examples >= 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeSection:
    """``[quantize]``: the variants that become candidates.

    Attributes:
        variants: which.
        float_where_faster: whether convolutions that int8 makes slower stay in float: those that
            read an image of few channels, and depthwise ones in dynamic_int8.
        max_tries: how many mixtures of int8 and float are tried for each int8 variant that misses
            the budget of quality; 0 tries none.
    """

    variants: tuple[Variant, ...] = ("float32", "static_int8")
    float_where_faster: bool = True
    max_tries: int = 8

    def __post_init__(self) -> None:
        if not self.variants or len(set(self.variants)) < len(self.variants):
            raise ContractError(
                "variants", f"expected each variant once, at least one, got {list(self.variants)}"
            )
        _check("max_tries", self.max_tries, "0 or more", self.max_tries >= 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSection:
    """``[measure]``: how candidates are timed.

    Attributes:
        batch: instances in the larger of the two batches that are timed; the other is one.
        threads: of the interpreter, as the function's INTERPRETER_THREADS will be.
        rounds: in each, every candidate has its turn.
        starts: fresh processes that load each candidate; the median counts.
    """

    batch: int = 8
    threads: int = 1
    rounds: int = 20
    starts: int = 3

    def __post_init__(self) -> None:
        for name in ("batch", "threads", "rounds", "starts"):
            _check(name, getattr(self, name), "1 or more", getattr(self, name) >= 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSection:
    """``[gate]``: the budget that a candidate must keep.

    Attributes:
        metric: of quality, on the test split: "accuracy", "top_<k>", "macro_f1", "roc_auc",
            "log_loss", "mae", "rmse", or ``module:function`` of your own; see `find_metric`. None
            is the usual one of the task.
        lower_is_better: what a metric of your own means; None for the others, which know.
        max_drop: by how much the metric may be worse than the Keras model's.
        confidence: when set, the upper end of this interval of the drop must keep the budget,
            not the drop itself.
        max_class_drop: by how much the recall of any single class may be worse.
        prefer: what the published candidate is best at, among those that pass.
        max_bytes, max_latency_ms, max_rss_mib: further budgets: size of the flatbuffer, p50 of one
            instance, peak memory of a process that loads it and answers.
    """

    metric: str | None = None
    lower_is_better: bool | None = None
    max_drop: float = 0.01
    confidence: float | None = None
    max_class_drop: float | None = None
    prefer: Literal["latency", "size", "quality"] = "latency"
    max_bytes: int | None = None
    max_latency_ms: float | None = None
    max_rss_mib: float | None = None

    def __post_init__(self) -> None:
        confidence = self.confidence
        _check("confidence", confidence, "0.5 to 1", confidence is None or 0.5 <= confidence < 1)
        _check_own_metric(self.metric, self.lower_is_better)


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
    outputs: Mapping[str, OutputSection] = field(default_factory=dict)
    sequence: SequenceSection = SequenceSection()
    prune: PruneSection = PruneSection()
    calibration: CalibrationSection = CalibrationSection()
    quantize: QuantizeSection = QuantizeSection()
    measure: MeasureSection = MeasureSection()
    gate: GateSection = GateSection()
    publish: PublishSection = PublishSection()

    def __post_init__(self) -> None:
        if "sparse_float32" not in self.quantize.variants:
            return
        if self.prune.method == "none" or list(self.prune.block) != [1, 4]:
            raise ContractError(
                "quantize.variants", "sparse_float32 needs prune.method and prune.block = [1, 4]"
            )
        if "float32" not in self.quantize.variants:
            raise ContractError(
                "quantize.variants", "sparse_float32 needs float32 beside it, to compare with"
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
