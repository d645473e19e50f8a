"""The manifest: the JSON document that describes one artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from tflite_serving.contract import versions
from tflite_serving.contract.codec import (
    ContractError,
    decode,
    format_json_value,
    parse_json,
    to_text,
)
from tflite_serving.contract.evidence import Compression, Provenance, Quality, Resources, Runtime
from tflite_serving.contract.tensors import InputSpec, OutputSpec, Task, Tensors

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the artifact.

    Attributes:
        sha256: SHA-256 of the content, in hex.
        bytes: Size in bytes.
        is_evidence: Whether the file only documents how the artifact was made. Measurements differ
            each time, so that such a file has no part in the content digest.
    """

    sha256: str
    bytes: int
    is_evidence: bool = False

    def __post_init__(self) -> None:
        versions.check_sha256(self.sha256, "sha256")
        if self.bytes < 0:
            raise ContractError("bytes", f"expected a size, got {self.bytes}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The description of an artifact.

    Attributes:
        schema_version: Schema version of this document; a newer one is refused.
        name: Name of the model.
        version: Id of the version; see `versions.version_id`.
        created_at: Time of the export, RFC 3339.
        content_digest: Digest of the files; see `versions.content_digest`. The end of `version`
            repeats its start.
        task: Task of the model: that of its first output.
        files: Files of the artifact but for the manifest itself, by path.
        inputs, outputs: Specifications of the values that clients send and get.
        tensors: Mapping of inputs and outputs to the flatbuffer's tensors.
        compression, quality, runtime, resources, provenance: Evidence about the artifact.
        golden: Path of the golden examples among `files`.
        preprocessing: Path of the preprocessing document; None if there are no steps between inputs
            and tensors.
        assets: Paths of further files that the steps need, such as a tokenizer.
    """

    name: str
    version: str
    created_at: str
    content_digest: str
    task: Task
    files: Mapping[str, FileEntry]
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    tensors: Tensors
    compression: Compression
    quality: Quality
    runtime: Runtime
    resources: Resources
    golden: str
    provenance: Provenance
    preprocessing: str | None = None
    assets: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        versions.check_name(self.name, "name")
        versions.check_version(self.version, "version")
        versions.check_timestamp(self.created_at, "created_at")
        self._check_files()
        # With steps in between, `Preprocessing.tensors` says which tensors there are.
        tensors = None if self.preprocessing else self.tensors.inputs
        _check_names("inputs", self.inputs, "tensors.inputs", tensors)
        _check_fields(self.inputs)
        _check_names("outputs", self.outputs, "tensors.outputs", self.tensors.outputs)
        if self.outputs[0].task != self.task:
            raise ContractError(
                "task",
                f"expected {self.outputs[0].task!r}, as the first output has it, got {self.task!r}",
            )

    @property
    def needed(self) -> tuple[str, ...]:
        """Paths of the files that serving needs."""
        others = (self.preprocessing,) if self.preprocessing else ()
        return (MODEL_FILE, self.golden, *others, *self.assets)

    def _check_files(self) -> None:
        for path in self.files:
            versions.check_file_path(path, f"files[{path!r}]")
            self._check_place(path)
        for path, why in (
            (MODEL_FILE, "the model"),
            (self.golden, "the golden examples"),
            *([(self.preprocessing, "the preprocessing")] if self.preprocessing else []),
            *((asset, "which the preprocessing takes") for asset in self.assets),
        ):
            if path not in self.files:
                raise ContractError("files", f"expected {path!r}, {why}, got none")
            if self.files[path].is_evidence:
                raise ContractError(f"files[{path!r}].is_evidence", f"expected false for {why}")
        digest = content_digest(self.files)
        if self.content_digest != digest:
            raise ContractError("content_digest", f"expected {digest}, got {self.content_digest!r}")
        if not self.version.endswith("-" + digest[:8]):
            raise ContractError(
                "version", f"expected it to end in {digest[:8]}, got {self.version!r}"
            )

    def _check_place(self, path: str) -> None:
        if path == MANIFEST_FILE:
            raise ContractError(f"files[{path!r}]", "expected every file but the manifest itself")
        for folder in map(str, PurePosixPath(path).parents):
            if folder in self.files:
                raise ContractError(
                    f"files[{path!r}]", f"expected a file in a folder, but {folder!r} is a file"
                )


def content_digest(files: Mapping[str, FileEntry]) -> str:
    """Content digest of all files but the evidence; see `versions.content_digest`."""
    return versions.content_digest(
        {path: entry.sha256 for path, entry in files.items() if not entry.is_evidence}
    )


MODEL_FILE = "model.tflite"
MANIFEST_FILE = "manifest.json"


def read_manifest(text: str | bytes) -> Manifest:
    """Parses and validates a manifest. Unknown fields are ignored.

    Raises:
        ContractError: A field is invalid, or the schema_version is newer than this program; with
            the field.
    """
    document = parse_json(text, "manifest")
    check_schema_version(document, "manifest", SCHEMA_VERSION)
    return decode(Manifest, _with_tasks(document), "manifest")


def write_manifest(manifest: Manifest) -> str:
    """Serializes a manifest as JSON text, which `read_manifest` reads."""
    return to_text(manifest)


def _with_tasks(document: Any) -> Any:
    """Where outputs have no tasks of their own, as in older manifests, the model's is theirs."""
    if "task" not in document or not isinstance(document.get("outputs"), list):
        return document
    outputs = [
        {"task": document["task"], **output} if isinstance(output, dict) else output
        for output in document["outputs"]
    ]
    return {**document, "outputs": outputs}


def check_schema_version(document: object, path: str, newest: int) -> None:
    """Raises `ContractError` when a document is of a newer schema, before its fields are read."""
    if not isinstance(document, Mapping):
        raise ContractError(path, f"expected an object, got {format_json_value(document)}")
    if "schema_version" not in document:
        raise ContractError(f"{path}.schema_version", "expected a value, got nothing")
    version = document["schema_version"]
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ContractError(
            f"{path}.schema_version",
            f"expected a whole number from 1 on, got {format_json_value(version)}",
        )
    if version > newest:
        raise ContractError(
            f"{path}.schema_version",
            f"expected at most {newest}, got {version}: this program is older than the {path}; "
            "use a newer release of it",
        )


def _check_names(
    path: str,
    specs: tuple[InputSpec, ...] | tuple[OutputSpec, ...],
    bindings_path: str,
    bindings: tuple[object, ...] | None,
) -> None:
    names = [spec.name for spec in specs]
    if not names:
        raise ContractError(path, "expected at least one, got none")
    if bindings is not None:
        bound = [getattr(binding, "name", None) for binding in bindings]
        if names != bound:
            raise ContractError(bindings_path, f"expected bindings for {names}, got {bound}")
    if len(set(names)) < len(names):
        raise ContractError(path, f"expected each name once, got {names}")


def _check_fields(inputs: tuple[InputSpec, ...]) -> None:
    """What clients send by name must not be taken for something else."""
    seen = {spec.name for spec in inputs}
    fields = (field.name for spec in inputs if spec.fields != (spec,) for field in spec.fields)
    for name in fields:
        if name in seen:
            raise ContractError(
                "inputs", f"expected each name of an input or a column once, got {name!r} twice"
            )
        seen.add(name)
