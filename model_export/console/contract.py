"""Describes a version's inputs, preprocessing, outputs and request formats in words."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from model_export.console.preprocessing import image_in_words, listed, step_in_words
from model_export.registry.operations import registry_errors
from model_export.registry.store import WritableStore
from model_export.verification.client import body_of, instances_of
from model_export.verification.examples import golden_examples
from tflite_serving.contract import layout
from tflite_serving.contract.golden import GoldenExamples
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.preprocessing import Preprocessing, read_preprocessing
from tflite_serving.contract.record import Value
from tflite_serving.contract.tensors import InputSpec, OutputSpec
from tflite_serving.dialects.answers import dumps, label_names

_LONGEST_BODY = 2000  # characters of a request that is shown whole


@dataclass(frozen=True, slots=True)
class ContractInWords:
    """The contract of one version, a line for each thing.

    Attributes:
        sends: name and words of each value that a client sends.
        steps: what the function does before the model sees it, in order.
        answers: name and words of each output.
        request: a shell command that asks about a golden example.
        forms: others than JSON in which an instance, or several, may be sent: the content type or
            the path, and what goes there.
    """

    sends: tuple[tuple[str, str], ...]
    steps: tuple[str, ...]
    answers: tuple[tuple[str, str], ...]
    request: str
    forms: tuple[tuple[str, str], ...]


def contract_in_words(
    manifest: Manifest, preprocessing: Preprocessing | None, golden: GoldenExamples
) -> ContractInWords:
    """Describes what a version takes and gives.

    Args:
        manifest: of the version.
        preprocessing: its document; None where it has none.
        golden: its examples; the first one becomes the request.
    """
    fields = [field for spec in manifest.inputs for field in spec.fields]
    pictures = [
        f"{spec.name}: {image_in_words(spec.preprocess.image)}"
        for spec in manifest.inputs
        if spec.preprocess.image is not None
    ]
    steps = preprocessing.steps if preprocessing else ()
    return ContractInWords(
        tuple((field.name, input_in_words(field)) for field in fields),
        (*pictures, *map(step_in_words, steps)),
        tuple((spec.name, output_in_words(spec)) for spec in manifest.outputs),
        _request(manifest, golden),
        forms_in_words(manifest),
    )


def read_contract(store: WritableStore, manifest: Manifest) -> ContractInWords:
    """Describes a version of a registry.

    Raises:
        RegistryError: a document of it is damaged, or cannot be read.
    """
    preprocessing = None
    if manifest.preprocessing is not None:
        path = layout.file_path(manifest.name, manifest.version, manifest.preprocessing)
        with registry_errors():
            size = manifest.files[manifest.preprocessing].bytes
            preprocessing = read_preprocessing(store.read(path, size).data)
    return contract_in_words(manifest, preprocessing, golden_examples(store, manifest))


def input_in_words(spec: InputSpec) -> str:
    """What a client sends for one value of an instance."""
    about = "".join(f", {text}" for text in (spec.units,) if text)
    described = f": {spec.description}" if spec.description else ""
    return f"{_kind_in_words(spec)}{about}{described}"


def output_in_words(spec: OutputSpec) -> str:
    """What comes back of one output."""
    match spec.task:
        case "classification":
            names = label_names(spec)
            if not spec.is_binary:
                return f"the best of {listed(names)}, its score, and all scores"
            least = f"{(spec.thresholds or (0.5,))[0]:g}"
            return f"{names[1]} if its score is {least} or more, else {names[0]}, and both scores"
        case "multi_label":
            from_on = [
                f"{name} ({threshold:g})"
                for name, threshold in zip(label_names(spec), spec.thresholds or (), strict=True)
            ]
            return f"each of {listed(from_on)} whose score is as much or more, and all scores"
        case "regression":
            count = spec.shape[-1]
            units = f" in {spec.units}" if spec.units else ""
            return f"a number{units}" if count == 1 else f"{count} numbers{units}"
        case "embedding" | "question_answering":
            return f"{_sizes(spec.shape[1:])} numbers"
        case _:
            assert_never(spec.task)


def forms_in_words(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """Which other forms than JSON the function reads, and what each holds."""
    kinds = {spec.preprocess.kind for spec in manifest.inputs}
    forms = []
    if len(manifest.inputs) == 1:
        if kinds == {"text"}:
            forms.append(("text/plain", "one text as the body"))
        if kinds == {"image"}:
            forms.append(("image/jpeg, image/png, image/webp", "one picture as the body"))
        if manifest.inputs[0].dtype != "string":
            forms.append(("application/x-npy", "a file of NumPy's, the batch as its first axis"))
    if kinds <= {"text", "record"}:
        forms.append(("text/csv", "a table, the names in its first line"))
    path = f"/v1/models/{manifest.name}:predict"
    return (*forms, (path, "as clients of TensorFlow Serving send it"))


def _kind_in_words(spec: InputSpec) -> str:
    kinds = {"float32": "a number", "bool": "true or false", "string": "a string"}
    match spec.preprocess.kind:
        case "text":
            return "a text"
        case "image":
            height, width = spec.shape[1:3]
            size = "" if height == width is None else f" of {_sizes((width, height))} pixels"
            return (
                f"a picture{size}: JPEG, PNG or WebP as the body or in base64, or values 0 to 255"
            )
        case "record":
            record = spec.preprocess.record
            missing = None if record is None else record.missing
            stands = "" if missing is None else f", {_as_sent(missing, spec)} if it is left out"
            return f"{kinds.get(spec.dtype, 'a whole number')}{stands}"
        case "tensor":
            one = kinds.get(spec.dtype, "a whole number")
            return f"{_sizes(spec.instance_shape)} {spec.dtype}" if spec.instance_shape else one
        case _:
            assert_never(spec.preprocess.kind)


def _as_sent(value: Value, spec: InputSpec) -> str:
    """A value as JSON has it."""
    return dumps(np.float32(value) if spec.dtype == "float32" else value).decode()


def _sizes(shape: tuple[int | None, ...]) -> str:
    return "×".join("any" if size is None else str(size) for size in shape)


def _request(manifest: Manifest, golden: GoldenExamples) -> str:
    """A command that asks about the first golden example; what is long is a file's name."""
    first = {name: values[:1] for name, values in golden.inputs.items()}
    (instance,) = instances_of(manifest, first)
    body = body_of([instance]).decode()
    path = f"$URL/models/{manifest.name}/predict"
    kind, data = "application/json", f"-d {shlex.quote(body)}"
    if len(body) > _LONGEST_BODY:
        if manifest.inputs[0].preprocess.kind == "image" and len(manifest.inputs) == 1:
            kind, data = "image/jpeg", "--data-binary @picture.jpg"
        else:
            data = "-d @request.json"
    return f"curl -H 'Content-Type: {kind}' {data} {path}"
