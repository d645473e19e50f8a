"""Puts an artifact together in a folder: files first, then the manifest that describes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.image_encoding import as_golden
from model_export.dataset.splits import Split
from model_export.dataset.stratified import classes_in_turn
from model_export.quality.rounding import ROUNDING
from model_export.recipe.variants import VARIANTS, VariantName
from tflite_serving.contract.evidence import Compression, Provenance, Quality, Resources, Runtime
from tflite_serving.contract.golden import GOLDEN_FILE, GoldenExamples, write_golden
from tflite_serving.contract.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    FileEntry,
    Manifest,
    content_digest,
    write_manifest,
)
from tflite_serving.contract.preprocessing import (
    PREPROCESSING_FILE,
    Preprocessing,
    write_preprocessing,
)
from tflite_serving.contract.tensors import Arrays, InputSpec, OutputSpec, Task, Tensors
from tflite_serving.contract.versions import rfc3339, version_id

_GOLDEN_EXAMPLES, _FEWEST = 10, 3
_GOLDEN_BYTES = 2_000_000  # of pictures
# Another processor rounds differently. Beyond what quantization was measured to change on these
# very examples, this much may differ; a wrong model differs by far more.
_GOLDEN_SLACK = 0.02
# Where nothing was quantized. What was measured there is rounding: `float32_check` stops at more.
_FLOAT_SLACK = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestDraft:
    """Everything in a manifest that is known before its files are."""

    name: str
    task: Task
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    tensors: Tensors
    preprocessing: Preprocessing | None
    compression: Compression
    quality: Quality
    runtime: Runtime
    resources: Resources
    provenance: Provenance
    assets: Mapping[str, bytes] = field(default_factory=dict)


def choose_golden(
    test: Split,
    reference: Arrays,
    published: Arrays,
    outputs: tuple[OutputSpec, ...] = (),
    pictures: Collection[str] = (),
    variant: VariantName = "static_int8",
) -> GoldenExamples:
    """A few examples of the test split, all classes in turn, with the reference's answers.

    Of pictures, the smallest of each class, and fewer if they are large: every cold start fetches
    and decodes them.

    Args:
        test: the test split.
        reference, published: by output name, [examples, …], both models' answers to it in natural
            units.
        outputs: of the model; a regression's values have a scale of their own.
        pictures: names of the inputs that are.
        variant: of the published model.
    """
    slack = _FLOAT_SLACK if VARIANTS[variant].method is None else _GOLDEN_SLACK
    values = {output.name for output in outputs if output.task == "regression"}
    sizes = _picture_bytes(test, pictures)
    in_turn = classes_in_turn(test.strata, np.argsort(sizes, kind="stable"))[:_GOLDEN_EXAMPLES]
    few = int(np.sum(np.cumsum(sizes[in_turn]) <= _GOLDEN_BYTES))
    rows = np.sort(in_turn[: max(few, _FEWEST)])
    return GoldenExamples(
        ids=tuple(f"test[{row}]" for row in rows),
        inputs={
            name: as_golden(array[rows]) if name in pictures else _plain(array[rows])
            for name, array in test.inputs.items()
        },
        missing={name: missing[rows] for name, missing in test.missing.items()},
        outputs={name: array[rows] for name, array in reference.items()},
        tolerance={
            name: _tolerance(array, published[name], rows, slack, has_scale=name in values)
            for name, array in reference.items()
        },
    )


def _tolerance(
    reference: npt.NDArray[Any],
    published: npt.NDArray[Any],
    rows: npt.NDArray[np.int64],
    slack: float,
    *,
    has_scale: bool,
) -> npt.NDArray[Any]:
    """Of scores, one for all; of values with scales of their own, one for each."""
    if not has_scale:
        return np.asarray(np.abs(published[rows] - reference[rows]).max() + slack)
    measured = np.abs(published[rows] - reference[rows]).max(axis=0)
    # Values that hardly vary may be large: their rounding is a part of their size.
    rounding = ROUNDING * np.abs(reference[rows]).max(axis=0)
    return np.asarray(measured + slack * reference.std(axis=0) + rounding)


def _picture_bytes(test: Split, pictures: Collection[str]) -> npt.NDArray[np.int64]:
    """[examples]: of all pictures of each."""
    total = np.zeros(len(test), dtype=np.int64)
    for name in pictures:
        total += [
            len(each) if isinstance(each, bytes) else each.nbytes for each in test.inputs[name]
        ]
    return total


def _plain(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Texts as an npz takes them."""
    return array.astype(np.str_) if array.dtype == object else array


def write_artifact(
    folder: Path,
    draft: ManifestDraft,
    flatbuffer: bytes,
    golden: GoldenExamples,
    created_at: datetime,
    make_evidence: Callable[[str], Mapping[str, bytes]],
) -> Manifest:
    """Writes an artifact.

    Args:
        folder: an empty folder, not yet in a registry.
        draft: Manifest of the artifact, without its files.
        flatbuffer: the chosen candidate.
        golden: see `choose_golden`.
        created_at: now, in any time zone.
        make_evidence: given the version, gives what else travels along, by path: the report.

    Returns:
        the manifest, as it was written.
    """
    content = {MODEL_FILE: flatbuffer, GOLDEN_FILE: write_golden(golden)}
    if draft.preprocessing is not None:
        content[PREPROCESSING_FILE] = write_preprocessing(draft.preprocessing)
    content |= draft.assets
    digest = content_digest(_entries(content))
    version = version_id(created_at, digest)
    evidence = make_evidence(version)
    files = _entries(content) | _entries(evidence, is_evidence=True)
    manifest = Manifest(
        name=draft.name,
        version=version,
        created_at=rfc3339(created_at),
        content_digest=digest,
        task=draft.task,
        files=dict(sorted(files.items())),
        inputs=draft.inputs,
        outputs=draft.outputs,
        tensors=draft.tensors,
        compression=draft.compression,
        quality=draft.quality,
        runtime=draft.runtime,
        resources=draft.resources,
        golden=GOLDEN_FILE,
        preprocessing=PREPROCESSING_FILE if draft.preprocessing is not None else None,
        assets=tuple(sorted(draft.assets)),
        provenance=draft.provenance,
    )
    for path, data in {**content, **evidence}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    (folder / MANIFEST_FILE).write_text(write_manifest(manifest), encoding="utf-8")
    return manifest


def _entries(contents: Mapping[str, bytes], *, is_evidence: bool = False) -> dict[str, FileEntry]:
    return {
        path: FileEntry(hashlib.sha256(data).hexdigest(), len(data), is_evidence)
        for path, data in contents.items()
    }
