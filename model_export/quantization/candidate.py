"""Candidates: pruned or quantized forms of the model, with predictions and cost."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from model_export.dataset.sequence_buckets import in_groups
from model_export.errors import ConversionError
from model_export.flatbuffer.block_sparse import encode_blocks
from model_export.flatbuffer.deduplicate import slim
from model_export.flatbuffer.input_convolutions import stem_operators
from model_export.flatbuffer.input_scaling import scaling_operators
from model_export.flatbuffer.inspect import FlatbufferFacts, bindings, check_zeros, inspect
from model_export.flatbuffer.layer_names import is_stable
from model_export.measure.process import Process, Servable
from model_export.measure.timing import Timing
from model_export.quality.comparison import Comparison
from model_export.quality.gate import Weighed
from model_export.quantization.quantize import STATIC, Ranges, quantize
from model_export.recipe.quantize import Variant
from model_export.signature.signature import ModelSignature
from tflite_serving.contract import evidence
from tflite_serving.contract.evidence import FloatOperator, OutputQuality, PrunedLayer
from tflite_serving.contract.tensors import Arrays, Tensors
from tflite_serving.runtime.length_buckets import merge_outputs

_ENDLESS = 1e30
_NODE = re.compile(r"Node number (\d+) \((\w+)\)")
_DEPTHWISE = "DEPTHWISE_CONV_2D"
# Weight-only forms compute in float anyway, and full_int8 promises integers throughout.
_FLOAT_WHERE_FASTER: frozenset[Variant] = frozenset({"dynamic_int8", "static_int8"})


@dataclass(frozen=True, slots=True)
class Form:
    """One form of the model.

    Attributes:
        name: the variant, with "_mixed" if parts of it stayed in float.
        variant: of quantization.
        flatbuffer: of it.
        tensors: how inputs and outputs map onto it.
        facts: what it said of itself before names were taken out of it.
        kept_in_float: operators that were not quantized, where the rest was.
    """

    name: str
    variant: Variant
    flatbuffer: bytes
    tensors: Tensors
    facts: FlatbufferFacts
    kept_in_float: tuple[FloatOperator, ...] = ()

    def servable(self, signature: ModelSignature) -> Servable:
        """What a measuring process needs."""
        return Servable(self.name, self.flatbuffer, self.tensors, signature.outputs)

    def located(self, problem: str) -> str:
        """What the runtime says of an operator's number, with the layer that it belongs to."""
        found = _NODE.search(problem)
        operators = self.facts.operators
        if found is None or int(found[1]) >= len(operators):
            return problem
        operator = operators[int(found[1])]
        # A delegate has numbers of its own.
        known = operator.layer is not None and operator.kind == found[2]
        return f"{problem} (layer {operator.layer!r})" if known else problem


@dataclass(frozen=True, slots=True)
class Answered:
    """A form with its answers to the test split.

    Attributes:
        form: of the model.
        outputs: by name, [examples, …], in natural units.
        comparisons: of the quality of each output with the reference's, by name.
    """

    form: Form
    outputs: Arrays
    comparisons: Mapping[str, Comparison]

    @property
    def first(self) -> Comparison:
        """Of the first output."""
        return next(iter(self.comparisons.values()))


@dataclass(frozen=True)
class FormMaker:
    """Makes forms of one float32 flatbuffer.

    Attributes:
        float32: the flatbuffer.
        ranges: of its tensors, for the static variants; or why they could not be found.
        signature: what clients see.
        layers: names of the Keras model's layers.
        pruned: what must be zero in every form.
        float_where_faster: see `QuantizeSection`.
    """

    float32: bytes
    ranges: Ranges | ConversionError
    signature: ModelSignature
    layers: frozenset[str]
    pruned: Sequence[PrunedLayer] = ()
    float_where_faster: bool = True

    @cached_property
    def facts(self) -> FlatbufferFacts:
        """What the float32 flatbuffer says of itself."""
        return inspect(self.float32, self.layers)

    def ranges_for(self, variant: Variant) -> Ranges:
        """What the quantizer needs to know of the tensors.

        Raises:
            ConversionError: the variant needs ranges, and they could not be found.
        """
        if not isinstance(self.ranges, ConversionError):
            return self.ranges
        if variant in STATIC:
            raise ConversionError(f"{variant}: {self.ranges}") from self.ranges
        return {}

    def left_in_float(self, variant: Variant) -> tuple[FloatOperator, ...]:
        """The operators that are not quantized, whatever the quality."""
        scaling = scaling_operators(self.float32) if variant in STATIC else ()
        early = tuple(
            FloatOperator(operator.name, operator.layer, operator.kind, "range", None)
            for operator in self.facts.operators
            if operator.name in scaling
        )
        slower = self._slower_in_int8(variant)
        return (*early, *(operator for operator in slower if operator.name not in scaling))

    def _slower_in_int8(self, variant: Variant) -> tuple[FloatOperator, ...]:
        if not self.float_where_faster or variant not in _FLOAT_WHERE_FASTER:
            return ()
        stem = stem_operators(self.float32)
        # Depthwise convolutions have no accelerated kernel for dynamic int8 at all.
        kinds = {_DEPTHWISE} if variant == "dynamic_int8" else set()
        is_static = variant in STATIC
        return tuple(
            FloatOperator(operator.name, operator.layer, operator.kind, "speed", None)
            for operator in self.facts.operators
            if operator.name in stem
            or operator.kind in kinds
            or (is_static and is_stable(operator.name))
        )

    def make(self, variant: Variant, kept_in_float: tuple[FloatOperator, ...] = ()) -> Form:
        """One form, checked.

        Args:
            variant: of quantization.
            kept_in_float: operators to leave as they are, beside `left_in_float`.

        Raises:
            ConversionError: it cannot be quantized or bound, needs operators that the function
                lacks, or lost zeros.
        """
        name = f"{variant}_mixed" if kept_in_float else variant
        kept_in_float = (*self.left_in_float(variant), *kept_in_float)
        kept = [operator.name for operator in kept_in_float]
        if variant == "sparse_float32":
            made = encode_blocks(self.float32)
        else:
            has_rows = any(operator.why == "range" for operator in kept_in_float)
            made = quantize(
                self.float32,
                variant,
                self.ranges_for(variant),
                but=kept,
                float_inputs=has_rows,
            )
        facts = inspect(made, self.layers)
        if facts.custom:
            raise ConversionError(
                f"{variant}: it needs operators that the function lacks: {', '.join(facts.custom)}"
            )
        check_zeros(facts, self.pruned, variant)
        slimmed = slim(made, facts)
        return Form(name, variant, slimmed, self.bind(slimmed), facts, kept_in_float)

    def bind(self, flatbuffer: bytes) -> Tensors:
        """How inputs and outputs map onto a flatbuffer made from `float32`."""
        return Tensors(
            *bindings(
                flatbuffer,
                self.signature.tensors or tuple(spec.name for spec in self.signature.inputs),
                tuple(spec.name for spec in self.signature.outputs),
            )
        )


def answer(form: Form, signature: ModelSignature, inputs: Arrays, threads: int) -> Arrays:
    """What a form answers, from a fresh process; see `answer_all`."""
    return answer_all(form, signature, [inputs], threads)[0]


def answer_all(
    form: Form, signature: ModelSignature, several: Sequence[Arrays], threads: int
) -> list[Arrays]:
    """What a form answers, all from one fresh process.

    Args:
        form: of the model.
        signature: what clients see.
        several: one or more, each by input name, [examples, …], in natural units.
        threads: of the interpreter.

    Returns:
        for each, by output name, [examples, …], in natural units.

    Raises:
        ConversionError: the runtime cannot run it.
    """
    grouped = [in_groups(inputs, signature.sequence) for inputs in several]
    with Process(threads) as process:
        process.load(form.servable(signature), grouped[0][0].inputs)
        return [
            merge_outputs(groups, [process.answer(group.inputs) for group in groups])
            for groups in grouped
        ]


def weigh(answered: Answered, timing: Timing) -> Weighed:
    """A candidate as the gate wants it."""
    form, comparison = answered.form, answered.first
    return Weighed(
        evidence.Candidate(
            name=form.name,
            variant=form.variant,
            bytes=len(form.flatbuffer),
            # Level 6 is what HTTP and storage would use; mtime 0 keeps the size the same each time.
            gzip_bytes=len(gzip.compress(form.flatbuffer, 6, mtime=0)),
            sparsity=form.facts.sparsity,
            quality=finite(comparison.candidate),
            drop=finite(comparison.drop),
            drop_interval_95=(
                finite(comparison.interval_95[0]),
                finite(comparison.interval_95[1]),
            ),
            agreement=comparison.agreement,
            worst_class_drop=comparison.worst_class_drop,
            calibration_error=comparison.calibration_error,
            latency_ms=timing.latency_ms,
            batch_latency_ms=timing.batch_latency_ms,
            cold_load_ms=timing.cold_load_ms,
            peak_rss_mib=timing.peak_rss_mib,
            kept_in_float=form.kept_in_float,
            outputs=tuple(output_quality(*each) for each in answered.comparisons.items())
            if len(answered.comparisons) > 1
            else (),
        ),
        answered.comparisons,
    )


def output_quality(name: str, found: Comparison) -> OutputQuality:
    """What a comparison says of the output `name`, as the manifest and the report have it."""
    return OutputQuality(
        output=name,
        metric=found.metric,
        lower_is_better=found.lower_is_better,
        reference=finite(found.reference),
        quality=finite(found.candidate),
        drop=finite(found.drop),
        drop_interval_95=(finite(found.interval_95[0]), finite(found.interval_95[1])),
        agreement=found.agreement,
        worst_class_drop=found.worst_class_drop,
        calibration_error=found.calibration_error,
    )


def finite(value: float) -> float:
    """The value, or the largest one that people still read as endless: JSON has no infinity."""
    return max(-_ENDLESS, min(_ENDLESS, value))
