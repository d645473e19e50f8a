"""Puts an artifact together in a folder: files first, then the manifest that describes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.data import Split, classes_in_turn
from tflite_serving.contract.evidence import Compression, Provenance, Quality, Resources, Runtime
from tflite_serving.contract.golden import GOLDEN_FILE, GoldenExamples, write_golden
from tflite_serving.contract.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    FileEntry,
    Manifest,
    Task,
    write_manifest,
)
from tflite_serving.contract.tensors import InputSpec, OutputSpec, Tensors
from tflite_serving.contract.versions import content_digest, version_id

Arrays = Mapping[str, npt.NDArray[Any]]
_GOLDEN_EXAMPLES = 10
# Another processor rounds differently. Beyond what quantization was measured to change on these
# very examples, this much may differ; a wrong model differs by far more.
_GOLDEN_SLACK = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Everything in a manifest that is known before its files are."""

    name: str
    task: Task
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    tensors: Tensors
    compression: Compression
    quality: Quality
    runtime: Runtime
    resources: Resources
    provenance: Provenance

    @property
    def verdict(self) -> str:
        """One sentence: what was chosen, and what it cost."""
        quality = self.quality
        chosen = next(c for c in self.compression.candidates if c.chosen)
        return (
            f"{self.compression.quantization}: {chosen.bytes:,} bytes, "
            f"p50 {chosen.latency_ms.p50:.3f} ms, {quality.metric} {quality.published:.4f} "
            f"({quality.reference:.4f} before, on {quality.examples} examples)."
        )


def choose_golden(test: Split, reference: Arrays, published: Arrays) -> GoldenExamples:
    """A few examples of the test split, all classes in turn, with the reference's answers.

    Args:
        test: the test split.
        reference, published: by output name, [examples, …], both models' answers to it in natural
            units.
    """
    in_turn = classes_in_turn(test.classes, np.arange(len(test)))
    rows = np.sort(in_turn[:_GOLDEN_EXAMPLES])
    return GoldenExamples(
        ids=tuple(f"test[{row}]" for row in rows),
        inputs={name: array[rows] for name, array in test.inputs.items()},
        outputs={name: array[rows] for name, array in reference.items()},
        tolerance={
            name: float(np.abs(published[name][rows] - array[rows]).max()) + _GOLDEN_SLACK
            for name, array in reference.items()
        },
    )


def write_artifact(
    folder: Path,
    description: Description,
    flatbuffer: bytes,
    golden: GoldenExamples,
    created_at: datetime,
    extra_files: Mapping[str, bytes],
) -> Manifest:
    """Writes an artifact.

    Args:
        folder: an empty folder, not yet in a registry.
        description: of the artifact.
        flatbuffer: the chosen candidate.
        golden: see `choose_golden`.
        created_at: now, in any time zone.
        extra_files: by path, what else travels along, such as the report.

    Returns:
        the manifest, as it was written.
    """
    contents = {MODEL_FILE: flatbuffer, GOLDEN_FILE: write_golden(golden), **extra_files}
    files = {
        path: FileEntry(hashlib.sha256(data).hexdigest(), len(data))
        for path, data in sorted(contents.items())
    }
    digest = content_digest({path: entry.sha256 for path, entry in files.items()})
    manifest = Manifest(
        name=description.name,
        version=version_id(created_at, digest),
        created_at=created_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        content_digest=digest,
        task=description.task,
        files=files,
        inputs=description.inputs,
        outputs=description.outputs,
        tensors=description.tensors,
        compression=description.compression,
        quality=description.quality,
        runtime=description.runtime,
        resources=description.resources,
        golden=GOLDEN_FILE,
        provenance=description.provenance,
    )
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    (folder / MANIFEST_FILE).write_text(write_manifest(manifest), encoding="utf-8")
    return manifest
