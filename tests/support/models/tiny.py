"""A real TensorFlow Lite classifier, small and quick to make: softmax(x · W), without TensorFlow.

Four features, three classes. The flatbuffer is written with LiteRT's own schema, so it is what a
converter would give; its int8 form comes from the pipeline's quantizer.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from model_export.artifact.write import ManifestDraft, choose_golden, write_artifact
from model_export.dataset.splits import Split
from model_export.flatbuffer.inspect import bindings, inspect
from model_export.quantization.quantize import calibrate, quantize
from model_export.recipe.variants import VARIANTS, VariantName
from model_export.registry.operations import move_alias, publish
from model_export.registry.store import WritableStore
from tflite_serving.contract.evidence import (
    Candidate,
    Compression,
    Latency,
    OutputQuality,
    Provenance,
    Quality,
    Recommended,
    Resources,
    Runtime,
)
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import InputSpec, OutputSpec, Tensors

FEATURES, CLASSES = 4, 3
LABELS = ("setosa", "versicolor", "virginica")
WEIGHTS = np.array(
    [[2.0, -1.0, 0.5, 0.0], [-1.0, 2.0, 0.0, 0.5], [0.0, 0.5, -1.0, 2.0]], dtype=np.float32
)
"""[classes, features]"""


def scores(x: npt.ArrayLike, weights: npt.NDArray[np.float32] = WEIGHTS) -> npt.NDArray[Any]:
    """What the model answers, computed by numpy: [batch, classes]."""
    logits = np.asarray(x, dtype=np.float32) @ weights.T
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def examples(count: int = 60, seed: int = 0) -> Split:
    """Random rows in 0 to 1, each of the class that the model gives it."""
    x = np.random.default_rng(seed).random((count, FEATURES), dtype=np.float32)
    return Split({"features": x}, scores(x).argmax(axis=1).astype(np.int64))


def flatbuffer(
    weights: npt.NDArray[np.float32] = WEIGHTS, shape: tuple[int, ...] = (FEATURES,)
) -> bytes:
    """The float32 model; instances of another shape are read as if they were rows."""
    model = schema.ModelT()
    model.version = 3
    model.operatorCodes = [
        _code(schema.BuiltinOperator.FULLY_CONNECTED),
        _code(schema.BuiltinOperator.SOFTMAX),
    ]
    model.buffers = [schema.BufferT(), schema.BufferT()]
    model.buffers[1].data = list(weights.tobytes())
    graph = schema.SubGraphT()
    graph.name = "main"
    graph.tensors = [
        _tensor("input", [1, *shape], [-1, *shape], 0),
        _tensor("weights", list(weights.shape), None, 1),
        _tensor("logits", [1, len(weights)], [-1, len(weights)], 0),
        _tensor("scores", [1, len(weights)], [-1, len(weights)], 0),
    ]
    graph.inputs, graph.outputs = [0], [3]
    dense = _operator(0, [0, 1, -1], [2])
    dense.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    dense.builtinOptions = schema.FullyConnectedOptionsT()
    softmax = _operator(1, [2], [3])
    softmax.builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
    softmax.builtinOptions = schema.SoftmaxOptionsT()
    softmax.builtinOptions.beta = 1.0
    graph.operators = [dense, softmax]
    model.subgraphs = [graph]
    signature = schema.SignatureDefT()
    signature.signatureKey = b"serving_default"
    signature.inputs = [_map("input_0", 0)]
    signature.outputs = [_map("output_0", 3)]
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def quantized(
    variant: VariantName, float32: bytes | None = None, test: Split | None = None
) -> bytes:
    """A variant of a flatbuffer, of the tiny one by default, calibrated on the tiny examples."""
    float32 = flatbuffer() if float32 is None else float32
    needed = VARIANTS[variant].needs_calibration
    ranges = calibrate(float32, examples() if test is None else test) if needed else {}
    return quantize(float32, variant, ranges)


def candidate(
    name: str,
    *,
    size: int = 1000,
    p50: float = 0.01,
    drop: float = 0.0,
    chosen: bool = False,
    why_not: str | None = None,
) -> Candidate:
    """A candidate as the manifest has it."""
    latency = Latency(p50, 2 * p50)
    return Candidate(
        name=name,
        variant=name,
        bytes=size,
        gzip_bytes=size // 2,
        sparsity=0.25,
        quality=0.9 - drop,
        drop=drop,
        drop_interval_95=(drop - 0.1, drop + 0.1),
        agreement=1.0,
        worst_class_drop=0.0,
        calibration_error=0.02,
        latency_ms=latency,
        batch_latency_ms=latency,
        cold_load_ms=30.0,
        peak_rss_mib=40.0,
        chosen=chosen,
        why_not=why_not,
        outputs=(
            OutputQuality(
                output="species",
                metric="accuracy",
                lower_is_better=False,
                reference=0.9,
                quality=0.9 - drop,
                drop=drop,
                drop_interval_95=(drop - 0.1, drop + 0.1),
                agreement=1.0,
                worst_class_drop=0.0,
                calibration_error=0.02,
            ),
        ),
    )


def write_tiny_artifact(
    folder: Path,
    *,
    name: str = "iris",
    variant: VariantName = "float32",
    weights: npt.NDArray[np.float32] = WEIGHTS,
    golden_weights: npt.NDArray[np.float32] | None = None,
    created_at: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
) -> Manifest:
    """Writes a whole artifact to `folder`.

    Args:
        folder: made if it is not there.
        name: of the model.
        variant: float32, or one that the quantizer makes of it.
        weights: of the model.
        golden_weights: of the reference that the golden examples hold, if another one.
        created_at: the version begins with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    test = examples()
    made = quantized(variant, flatbuffer(weights), test)
    reference = scores(
        test.inputs["features"], weights if golden_weights is None else golden_weights
    )
    spec = InputSpec("features", "float32", (None, FEATURES), units="cm")
    golden = choose_golden(test, {"species": reference}, {"species": reference})
    return write_artifact(
        folder,
        described(name, variant, made, spec),
        made,
        golden,
        created_at,
        lambda version: {"report.html": version.encode()},
    )


def described(name: str, variant: VariantName, made: bytes, spec: InputSpec) -> ManifestDraft:
    """What the manifest of a model of `LABELS` says.

    Args:
        name: of the model.
        variant: of the flatbuffer.
        made: the flatbuffer.
        spec: of its only input.
    """
    latency = Latency(0.01, 0.02)
    return ManifestDraft(
        preprocessing=None,
        name=name,
        task="classification",
        inputs=(spec,),
        outputs=(OutputSpec("species", "float32", (None, len(LABELS)), labels=LABELS),),
        tensors=Tensors(*bindings(made, (spec.name,), ("species",))),
        compression=Compression(
            variant, (candidate(variant, size=len(made), chosen=True),), 1000, 8
        ),
        quality=Quality(
            metric="accuracy",
            lower_is_better=False,
            dataset="tiny",
            examples=60,
            reference=1.0,
            published=1.0,
            drop=0.0,
            drop_interval_95=(-0.01, 0.01),
            interval_method="by hand",
        ),
        runtime=Runtime("ai-edge-litert", "2.3.0", inspect(made).kinds),
        resources=Resources(5.0, 40.0, latency, Recommended(256, 1, 8, 1)),
        provenance=Provenance("0" * 64, "1" * 64, "2" * 64, {"numpy": "2"}, None, "a cpu"),
    )


def publish_tiny(
    store: WritableStore, folder: Path, *, alias: str | None = "production", **options: Any
) -> Manifest:
    """Writes an artifact to `folder`, publishes it, and points `alias` to it."""
    manifest = write_tiny_artifact(folder, **options)
    publish(store, manifest, folder)
    if alias is not None:
        move_alias(store, manifest.name, alias, manifest.version, "publish")
    return manifest


def _code(number: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = number
    code.version = 1
    return code


def _tensor(name: str, shape: list[int], signature: list[int] | None, buffer: int) -> Any:
    tensor = schema.TensorT()
    tensor.name = name.encode()
    tensor.shape = shape
    tensor.shapeSignature = signature
    tensor.type = schema.TensorType.FLOAT32
    tensor.buffer = buffer
    return tensor


def _operator(code: int, inputs: list[int], outputs: list[int]) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = code
    operator.inputs, operator.outputs = inputs, outputs
    return operator


def _map(name: str, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name = name.encode()
    entry.tensorIndex = index
    return entry
