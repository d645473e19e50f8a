"""The manifest: written, read, and refused by field."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples.strategies import json_values, manifests, mutations
from tests.support.models.tiny import write_tiny_artifact
from tflite_serving.contract.codec import ContractError, encode
from tflite_serving.contract.manifest import Manifest, read_manifest, write_manifest
from tflite_serving.contract.versions import content_digest

Change = Callable[[dict[str, Any]], object]
SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=60)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("artifact")
    write_tiny_artifact(folder, variant="full_int8")
    return (folder / "manifest.json").read_text(encoding="utf-8")


def test_what_an_export_writes_is_read_back(tmp_path: Path) -> None:
    manifest = write_tiny_artifact(tmp_path, variant="full_int8")
    assert read_manifest((tmp_path / "manifest.json").read_bytes()) == manifest


@given(manifests())
@SLOW
def test_every_manifest_is_read_back_as_it_was_written(manifest: Manifest) -> None:
    text = write_manifest(manifest)
    assert read_manifest(text) == manifest
    assert read_manifest(text.encode()) == manifest
    assert write_manifest(read_manifest(text)) == text


def test_outputs_without_tasks_of_their_own_have_the_models(text: str) -> None:
    document = json.loads(text)
    (output,) = document["outputs"]
    for name in ("task", "thresholds", "units"):
        del output[name]
    assert read_manifest(json.dumps(document)) == read_manifest(text)
    document["task"], output["labels"] = "regression", None
    assert read_manifest(json.dumps(document)).outputs[0].task == "regression"


def test_the_quality_of_an_only_output_is_listed(text: str) -> None:
    document = json.loads(text)
    (candidate,) = document["compression"]["candidates"]
    (listed,) = candidate["outputs"]
    assert listed["output"] == document["outputs"][0]["name"]
    assert listed["drop"] == candidate["drop"]


@pytest.mark.parametrize("is_empty", [True, False])
def test_an_only_output_whose_quality_is_not_listed_has_the_candidates(
    text: str, *, is_empty: bool
) -> None:
    """Older manifests list the quality of each output only where there are several."""
    document = json.loads(text)
    (candidate,) = document["compression"]["candidates"]
    if is_empty:
        candidate["outputs"] = []
    else:
        del candidate["outputs"]
    read = read_manifest(json.dumps(document))
    (found,) = read.compression.chosen.outputs
    expected = read.compression.chosen
    assert (found.output, found.metric) == ("species", read.quality.metric)
    assert (found.reference, found.lower_is_better) == (read.quality.reference, False)
    for figure in ("quality", "drop", "drop_interval_95", "agreement", "calibration_error"):
        assert getattr(found, figure) == getattr(expected, figure)
    assert read_manifest(write_manifest(read)) == read


def test_a_candidate_of_several_outputs_must_list_the_quality_of_each(text: str) -> None:
    document = json.loads(text)
    for specs in (document["outputs"], document["tensors"]["outputs"]):
        specs.append({**specs[0], "name": "second"})
    document["compression"]["candidates"][0]["outputs"] = []
    with pytest.raises(ContractError) as caught:
        read_manifest(json.dumps(document))
    assert str(caught.value) == (
        "manifest.compression.candidates[0].outputs: expected at least one, got none"
    )


def message(text: str, change: Change) -> str:
    document = json.loads(text)
    change(document)
    with pytest.raises(ContractError) as caught:
        read_manifest(json.dumps(document))
    return str(caught.value)


def put(*path: str | int, value: object) -> Change:
    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return change


def put_all(*path: str | int, **values: object) -> Change:
    def change(document: Any) -> None:
        for step in path:
            document = document[step]
        document.update(values)

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            put("inputs", 0, "dtype", value="flot32"),
            (
                "manifest.inputs[0].dtype: expected one of 'float32', 'uint8', 'int32', 'int64', "
                "'bool', 'string', got 'flot32'"
            ),
        ),
        (
            put("inputs", 0, "preprocess", "kind", value="smell"),
            (
                "manifest.inputs[0].preprocess.kind: expected one of 'tensor', 'image', 'text', "
                "'record', got 'smell'"
            ),
        ),
        (
            put("task", value=None),
            (
                "manifest.task: expected one of 'classification', 'multi_label', 'regression', "
                "got null"
            ),
        ),
        (
            put("inputs", 0, "shape", value=[1, 4]),
            "manifest.inputs[0].shape: expected null first, for the batch, got [1, 4]",
        ),
        (
            put("inputs", 0, "shape", value=[]),
            "manifest.inputs[0].shape: expected null first, for the batch, got []",
        ),
        (
            put("outputs", 0, "shape", value=[None, 0]),
            "manifest.outputs[0].shape: expected positive sizes or null, got [null, 0]",
        ),
        (
            put("inputs", 0, "shape", value=[None, True]),
            "manifest.inputs[0].shape[1]: expected a whole number, got true",
        ),
        (
            put("inputs", 0, "name", value=""),
            "manifest.inputs[0].name: expected a printable name, got ''",
        ),
        (
            put("inputs", 0, "name", value="a\0"),
            "manifest.inputs[0].name: expected a printable name, got 'a\\x00'",
        ),
        (
            put("inputs", 0, "name", value="other"),
            "manifest.tensors.inputs: expected bindings for ['other'], got ['features']",
        ),
        (put("inputs", value=[]), "manifest.inputs: expected at least one, got none"),
        (
            lambda document: [
                specs.append(specs[0])
                for specs in (document["outputs"], document["tensors"]["outputs"])
            ],
            "manifest.outputs: expected each name once, got ['species', 'species']",
        ),
        (
            put("outputs", 0, "labels", value=["a", "b", "a"]),
            "manifest.outputs[0].labels: expected each label once, got 'a' twice",
        ),
        (
            put("outputs", 0, "labels", value=["a", "b"]),
            "manifest.outputs[0].labels: expected 3 labels for the shape [null, 3], got 2",
        ),
        (
            put("outputs", 0, "task", value="regression"),
            "manifest.outputs[0].labels: expected none for a regression, which has no classes",
        ),
        (
            put("task", value="regression"),
            (
                "manifest.task: expected 'classification', as the first output has it, got "
                "'regression'"
            ),
        ),
        (
            put("outputs", 0, "units", value="EUR"),
            (
                "manifest.outputs[0].units: expected none for classification, whose scores have "
                "none, got 'EUR'"
            ),
        ),
        (
            put("outputs", 0, "thresholds", value=[0.5]),
            (
                "manifest.outputs[0].thresholds: expected none for classification of the shape "
                "[null, 3], got 1"
            ),
        ),
        (
            put("outputs", 0, "task", value="multi_label"),
            "manifest.outputs[0].thresholds: expected 3 of them, got none",
        ),
        (
            put_all("outputs", 0, task="multi_label", thresholds=[0.5, 0.5]),
            (
                "manifest.outputs[0].thresholds: expected 3 for multi_label of the shape "
                "[null, 3], got 2"
            ),
        ),
        (
            put_all("outputs", 0, task="multi_label", thresholds=[0.5, 1.5, 0.5]),
            "manifest.outputs[0].thresholds[1]: expected 0 to 1, got 1.5",
        ),
        (
            put_all("outputs", 0, task="multi_label", shape=[None, None], labels=None),
            "manifest.outputs[0].shape: expected [null, labels], got [null, null]",
        ),
        (
            put_all("outputs", 0, task="multi_label", activation="softmax"),
            (
                "manifest.outputs[0].activation: expected 'sigmoid' or 'none' for multi_label, "
                "got 'softmax'"
            ),
        ),
        (
            put("outputs", 0, "shape", value=[None, None]),
            (
                "manifest.outputs[0].labels: expected none, or the shape [null, classes], "
                "got labels for [null, null]"
            ),
        ),
        (
            put("outputs", 0, "shape", value=[None]),
            (
                "manifest.outputs[0].labels: expected none, or the shape [null, classes], "
                "got labels for [null]"
            ),
        ),
        (
            put("outputs", 0, "labels", value=["a", "b", "\ud800"]),
            "manifest.outputs[0].labels[2]: expected Unicode text, got '\\ud800'",
        ),
        (
            put("tensors", "inputs", 0, "scale", value=None),
            "manifest.tensors.inputs[0].scale: expected scale and zero_point together or neither",
        ),
        (
            put("tensors", "inputs", 0, "scale", value=-1),
            (
                "manifest.tensors.inputs[0].scale: expected a positive number, "
                "1.175e-38 to 5.192e+33, got -1.0"
            ),
        ),
        (
            put("tensors", "inputs", 0, "scale", value=1e-50),
            (
                "manifest.tensors.inputs[0].scale: expected a positive number, "
                "1.175e-38 to 5.192e+33, got 1e-50"
            ),
        ),
        (
            put("tensors", "inputs", 0, "scale", value=3.4028235677973366e38),
            (
                "manifest.tensors.inputs[0].scale: expected a positive number, "
                "1.175e-38 to 5.192e+33, got 3.4028235677973366e+38"
            ),
        ),
        (
            put("tensors", "inputs", 0, "zero_point", value=128),
            "manifest.tensors.inputs[0].zero_point: expected -128 to 127 (int8), got 128",
        ),
        (
            put("tensors", "inputs", 0, "dtype", value="float32"),
            (
                "manifest.tensors.inputs[0].scale: expected one for int8, uint8, int16 alone, "
                "got one for float32"
            ),
        ),
        (
            put("version", value="latest"),
            "manifest.version: expected a version such as 20260131T235959Z-0123abcd, got 'latest'",
        ),
        (
            put("created_at", value="yesterday"),
            (
                "manifest.created_at: expected an RFC 3339 time such as 2026-01-31T23:59:59Z, "
                "got 'yesterday'"
            ),
        ),
        (
            put("name", value="a/b"),
            (
                "manifest.name: expected 1 to 63 letters, digits, '.', '_' or '-', starting with a "
                "letter or digit, got 'a/b'"
            ),
        ),
        (
            put("files", "../x", value={"sha256": "0" * 64, "bytes": 1}),
            (
                "manifest.files['../x']: expected a plain relative path inside the artifact, "
                "got '../x'"
            ),
        ),
        (
            put("files", "\ud800", value={"sha256": "0" * 64, "bytes": 1}),
            "manifest.files['\\ud800']: expected Unicode text, got '\\ud800'",
        ),
        (
            put("files", "manifest.json", value={"sha256": "0" * 64, "bytes": 1}),
            "manifest.files['manifest.json']: expected every file but the manifest itself",
        ),
        (
            put("files", "model.tflite/x", value={"sha256": "0" * 64, "bytes": 1}),
            (
                "manifest.files['model.tflite/x']: expected a file in a folder, "
                "but 'model.tflite' is a file"
            ),
        ),
        (
            put("files", "model.tflite", "bytes", value=-1),
            "manifest.files['model.tflite'].bytes: expected a size, got -1",
        ),
        (
            put("files", "model.tflite", "sha256", value="00"),
            "manifest.files['model.tflite'].sha256: expected 64 hex digits, got '00'",
        ),
        (
            lambda document: document["files"].pop("model.tflite"),
            "manifest.files: expected 'model.tflite', the model, got none",
        ),
        (
            put("golden", value="other.npz"),
            "manifest.files: expected 'other.npz', the golden examples, got none",
        ),
        (
            put("compression", "candidates", 0, "sparsity", value=1.5),
            "manifest.compression.candidates[0].sparsity: expected 0 to 1, got 1.5",
        ),
        (
            put("compression", "quantization", value="float64"),
            (
                "manifest.compression.candidates: expected 'float64' alone to be chosen, "
                "got ['full_int8']"
            ),
        ),
        (
            put("quality", "drop_interval_95", value=[0.1]),
            "manifest.quality.drop_interval_95: expected 2 items, got 1",
        ),
        (
            put("quality", "drop", value=True),
            "manifest.quality.drop: expected a number, got true",
        ),
        (
            lambda document: document["resources"]["recommended"].pop("memory_mib"),
            "manifest.resources.recommended.memory_mib: expected a value, got nothing",
        ),
        (
            put("provenance", "packages", "numpy", value=2),
            "manifest.provenance.packages['numpy']: expected a string, got 2",
        ),
    ],
)
def test_a_complaint_names_the_field(text: str, change: Change, expected: str) -> None:
    assert message(text, change) == expected


@pytest.mark.parametrize(
    "field", sorted({*Manifest.__dataclass_fields__} - {"preprocessing", "assets"})
)
def test_every_field_is_required(text: str, field: str) -> None:
    assert message(text, lambda document: document.pop(field)) == (
        f"manifest.{field}: expected a value, got nothing"
    )


def test_an_asset_is_a_file_of_the_artifact(text: str) -> None:
    document = json.loads(text)
    document["assets"] = ["tokenizer.json"]
    with pytest.raises(ContractError, match=r"expected 'tokenizer\.json', which the preprocessing"):
        read_manifest(json.dumps(document))


def test_the_digest_is_of_the_files(text: str) -> None:
    document = json.loads(text)
    digest = document["content_digest"]
    other = {**document["files"], "new.txt": {"sha256": "0" * 64, "bytes": 0}}
    found = content_digest(
        {path: entry["sha256"] for path, entry in other.items() if path != "report.html"}
    )
    assert message(text, put("files", value=other)) == (
        f"manifest.content_digest: expected {found}, got {digest!r}"
    )


def test_evidence_has_no_part_in_the_digest(text: str) -> None:
    document = json.loads(text)
    assert [path for path, entry in document["files"].items() if entry["is_evidence"]] == [
        "report.html"
    ]
    document["files"]["report.html"]["sha256"] = "0" * 64
    document["files"]["notes.txt"] = {"sha256": "1" * 64, "bytes": 1, "is_evidence": True}
    read = read_manifest(json.dumps(document))
    assert read.content_digest == read_manifest(text).content_digest


@pytest.mark.parametrize(
    ("path", "why"), [("model.tflite", "the model"), ("golden.npz", "the golden examples")]
)
def test_what_is_served_is_no_evidence(text: str, path: str, why: str) -> None:
    assert message(text, put("files", path, "is_evidence", value=True)) == (
        f"manifest.files[{path!r}].is_evidence: expected false for {why}"
    )


def test_the_version_ends_in_the_digest(text: str) -> None:
    digest = json.loads(text)["content_digest"]
    assert message(text, put("version", value="20260102T030405Z-00000000")) == (
        f"manifest.version: expected it to end in {digest[:8]}, got '20260102T030405Z-00000000'"
    )


def test_unknown_fields_are_ignored_at_every_level(text: str) -> None:
    document = json.loads(text)
    document["later"] = document["inputs"][0]["later"] = document["files"]["model.tflite"][
        "later"
    ] = {"deep": [1]}
    assert read_manifest(json.dumps(document)) == read_manifest(text)


def test_a_newer_schema_is_refused_by_name_before_its_fields_are_read() -> None:
    with pytest.raises(ContractError) as caught:
        read_manifest('{"schema_version": 2, "name": 7}')
    assert str(caught.value) == (
        "manifest.schema_version: expected at most 1, got 2: this program is older than the "
        "manifest; use a newer release of it"
    )


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ('{"schema_version": 0}', "schema_version: expected a whole number from 1 on, got 0"),
        ('{"schema_version": true}', "schema_version: expected a whole number from 1 on, got true"),
        ('{"schema_version": "1"}', "schema_version: expected a whole number from 1 on, got '1'"),
        ("{}", "schema_version: expected a value, got nothing"),
    ],
)
def test_the_schema_version_is_a_positive_whole_number(document: str, expected: str) -> None:
    with pytest.raises(ContractError) as caught:
        read_manifest(document)
    assert str(caught.value) == f"manifest.{expected}"


@pytest.mark.parametrize(("document", "kind"), [("[]", "a list"), ("null", "null"), ("1", "1")])
def test_a_manifest_is_an_object(document: str, kind: str) -> None:
    with pytest.raises(ContractError) as caught:
        read_manifest(document)
    assert str(caught.value) == f"manifest: expected an object, got {kind}"


@given(st.data())
@settings(SLOW, max_examples=400)
def test_a_manifest_changed_at_random_is_valid_or_refused(text: str, data: st.DataObject) -> None:
    try:
        manifest = read_manifest(data.draw(mutations(text)))
    except ContractError as error:
        assert error.path.startswith("manifest")  # noqa: PT017  # anything else fails the test
    else:
        assert read_manifest(write_manifest(manifest)) == manifest


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_manifest_or_refused(data: bytes) -> None:
    with pytest.raises(ContractError, match=r"^manifest"):
        read_manifest(data)


def test_encoding_names_every_field(text: str) -> None:
    document = json.loads(text)
    assert encode(read_manifest(text)) == document
    assert set(document) == set(Manifest.__dataclass_fields__)


def test_the_preprocessing_must_be_among_the_files(text: str) -> None:
    assert message(text, lambda document: document.update(preprocessing="steps.json")) == (
        "manifest.files: expected 'steps.json', the preprocessing, got none"
    )
