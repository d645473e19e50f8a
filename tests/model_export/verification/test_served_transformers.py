"""Text classifiers of KerasHub: exported, served, and asked with texts."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import requests
from click.testing import Result

from model_export.errors import LoadError
from model_export.registry.open import open_writable
from model_export.tf.load import load_source
from model_export.tf.source import KerasSource
from model_export.tf.task_source import TaskSource
from tests.support.models.tiny import publish_tiny
from tests.support.models.transformers import CLASSES, LENGTH, LINES, classifier
from tests.support.places import ROOT
from tests.support.server.serving import Function, running
from tflite_serving.artifacts.opening import open_store
from tflite_serving.catalog.catalog import Catalog
from tflite_serving.contract.golden import read_golden
from tflite_serving.contract.manifest import Manifest, read_manifest
from tflite_serving.contract.preprocessing import read_preprocessing
from tflite_serving.contract.tokens import TokensSpec
from tflite_serving.http.messages import RequestHead
from tflite_serving.service.service import Service
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Log

Cli = Callable[..., Result]

TOLERANCE = 1e-5

WORDS = " ".join(LINES).split()


@dataclass(frozen=True, slots=True)
class Exported:
    """A classifier that was exported.

    Attributes:
        source: the whole Keras model.
        registry: that it was published to.
        manifest: of the version.
        folder: of the version.
    """

    source: TaskSource
    registry: Path
    manifest: Manifest
    folder: Path

    @property
    def tokens(self) -> TokensSpec:
        steps = read_preprocessing((self.folder / "preprocessing.json").read_bytes()).steps
        assert steps[0].tokens is not None
        return steps[0].tokens

    def scores(self, texts: list[str]) -> npt.NDArray[Any]:
        """What Keras answers."""
        logits = self.source.predict({"text": np.array([*texts, ""], dtype=object)[:-1]})["logits"]
        return np.asarray(keras.ops.softmax(logits))


def texts_of(count: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, int(rng.integers(1, 9)))) for _ in range(count)]


def export(kind: str, folder: Path, cli: Cli, *settings: str) -> Exported:
    sizes = {"train": 60, "validation": 12, "test": 24}
    arrays: dict[str, Any] = {}
    for seed, (split, count) in enumerate(sizes.items()):
        arrays[f"x_{split}"] = np.array(texts_of(count, seed))
        arrays[f"y_{split}"] = np.arange(count) % CLASSES
    np.savez(folder / "data.npz", **arrays)
    classifier(kind).save(folder / "model.keras")
    (folder / "recipe.toml").write_text(
        f"""
        model = {{name = "{kind}", source = "model.keras"}}
        data = {{source = "data.npz"}}
        gate = {{max_drop = 0.5}}
        measure = {{starts = 1, rounds = 1}}
        publish = {{registry = "registry", alias = "production"}}
        """
    )
    options = [part for each in settings for part in ("--set", each)]
    result = cli("export", folder / "recipe.toml", *options)
    assert result.exit_code == 0, result.stderr
    (path,) = (folder / "registry").glob("models/*/versions/*/manifest.json")
    source = load_source(folder / "model.keras")
    assert isinstance(source, TaskSource)
    manifest = read_manifest(path.read_text())
    return Exported(source, folder / "registry", manifest, path.parent)


@pytest.fixture(scope="module")
def made() -> dict[str, Exported]:
    return {}


@pytest.fixture
def bert(made: dict[str, Exported], tmp_path_factory: pytest.TempPathFactory, cli: Cli) -> Exported:
    if not made:
        variants = 'quantize.variants=["float32"]'
        folder = tmp_path_factory.mktemp("bert")
        made["bert"] = export("bert", folder, cli, variants, "sequence.buckets=[8,16]")
    return made["bert"]


@pytest.fixture(scope="module")
def functions() -> Iterator[dict[str, Any]]:
    contexts: dict[str, Any] = {}
    yield contexts
    for context, _ in contexts.values():
        context.__exit__(None, None, None)


@pytest.fixture(params=["predict", "predict_wsgi", "in batches"])
def function(
    request: pytest.FixtureRequest,
    bert: Exported,
    functions: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Function:
    if request.param not in functions:
        settings = {"MODEL_REGISTRY": str(bert.registry), "MODELS": "bert"}
        if request.param == "in batches":
            settings["BATCH_WINDOW_MS"] = "2"
        target = "predict_wsgi" if request.param == "predict_wsgi" else "predict"
        context = running(target, settings, tmp_path_factory.mktemp("function"))
        functions[request.param] = (context, context.__enter__())
    found: Function = functions[request.param][1]
    return found


LONG = " ".join(["the lock is free"] * 20)

ASKED = [LINES[0], "", "Lock", LONG, "Öffne die Datei\u0301", *LINES[1:], "日本", LONG + "!"]


def test_the_artifact_carries_the_tokenizer(bert: Exported) -> None:
    assert bert.manifest.assets == ("tokenizer.json",)
    assert not bert.manifest.files["tokenizer.json"].is_evidence
    json.loads((bert.folder / "tokenizer.json").read_bytes())
    (spec,) = bert.manifest.inputs
    assert (spec.name, spec.dtype, spec.shape, spec.preprocess.kind) == (
        *("text", "string", (None,), "text"),
    )
    assert bert.tokens.buckets == (8, 16, LENGTH)
    assert [each.tokens for each in bert.manifest.resources.by_length] == [8, 16, LENGTH]


def test_golden_examples_are_texts(bert: Exported) -> None:
    golden = read_golden((bert.folder / bert.manifest.golden).read_bytes())
    assert set(golden.inputs["text"].tolist()) <= set(texts_of(24, 2))


def test_texts_of_all_lengths_are_answered_as_keras_answers_them(
    bert: Exported, function: Function
) -> None:
    answer = function.post("/predict", {"instances": ASKED}).json()["predictions"]
    scores = np.array([list(row["scores"].values()) for row in answer])
    assert np.abs(scores - bert.scores(ASKED)).max() <= TOLERANCE
    columns = function.post("/v1/models/bert:predict", {"inputs": ASKED}).json()["outputs"]
    assert np.abs(np.array(columns) - scores).max() <= TOLERANCE


def test_what_was_cut_off_is_told(bert: Exported, function: Function) -> None:
    response = function.post("/predict", {"instances": ASKED})
    answer = response.json()["predictions"]
    cut = [index for index, row in enumerate(answer) if row.get("truncated")]
    lengths = [len(bert.source.preprocessor.tokenizer(text)) + 2 for text in ASKED]
    assert cut == [index for index, length in enumerate(lengths) if length > LENGTH]
    assert {3, len(ASKED) - 1} <= set(cut)
    assert response.headers["X-Truncated"] == str(len(cut))
    path = "/v1/models/bert:predict"
    assert function.post(path, {"instances": ASKED}).headers["X-Truncated"] == str(len(cut))
    assert "X-Truncated" not in function.post(path, {"instances": ["Lock"]}).headers


def test_a_text_may_be_the_whole_body_or_a_column(function: Function) -> None:
    expected = function.post("/predict", {"instances": [LINES[1]]}).json()
    for kind, body in (("text/plain", LINES[1]), ("text/csv", f'text\r\n"{LINES[1]}"\r\n')):
        response = requests.post(
            f"{function.url}/predict",
            data=body.encode(),
            headers={"Content-Type": kind},
            timeout=60,
        )
        assert response.json() == expected, kind


def test_it_is_verified_against_the_keras_model(
    bert: Exported, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bert.registry.parent)
    against = ("--against", "model.keras", "--data", "data.npz")
    result = cli("verify", "registry/models/bert", *against, "--json")
    assert result.exit_code == 0, result.stderr
    parity = json.loads(result.stdout)
    assert parity["label_agreement"] == 1
    assert parity["largest"] <= TOLERANCE


def test_what_has_no_sequences_of_any_length_has_one(tmp_path: Path, cli: Cli) -> None:
    exported = export("deberta", tmp_path, cli, 'quantize.variants=["float32"]')
    assert exported.tokens.buckets == (LENGTH,)
    assert exported.manifest.tensors.inputs[0].shape == (None, LENGTH)


def test_a_byte_pair_model_is_quantized_too_and_refuses_a_word_without_end(
    tmp_path: Path, cli: Cli
) -> None:
    variants = 'quantize.variants=["dynamic_int8", "static_int8"]'
    exported = export("roberta", tmp_path, cli, variants, "sequence.max_buckets=2")
    assert len(exported.tokens.buckets) == 2
    settings = Settings.from_env({"MODEL_REGISTRY": str(exported.registry), "MODELS": "roberta"})
    log = Log(io.BytesIO(), "ERROR")
    catalog = Catalog(settings, open_store(str(exported.registry)), log)
    with Service(settings, catalog, log).open(RequestHead("POST", "/predict")) as exchange:
        body = json.dumps({"instances": ["Lock", "a" * 20_000]}).encode()
        exchange.admit(len(body))
        response = exchange.answer(body)
    told = json.loads(response.body)
    assert (response.status, told["code"]) == (400, "word_too_long")
    assert told["error"].startswith(
        "instances[1]: expected no word, or row of spaces, of more than"
    )


def test_a_task_without_preprocessor_takes_tensors(tmp_path: Path) -> None:
    task = classifier("bert")
    bare = type(task)(task.backbone, num_classes=CLASSES)
    bare.save(tmp_path / "bare.keras")
    source = load_source(tmp_path / "bare.keras")
    assert isinstance(source, KerasSource)
    assert [info.name for info in source.inputs] == ["padding_mask", "segment_ids", "token_ids"]


def test_without_keras_hub_it_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier("bert").save(tmp_path / "model.keras")
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(LoadError, match="install keras-hub and tensorflow-text"):
        load_source(tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["iris", "bert"])
def test_tokenizers_are_imported_for_a_model_that_needs_them(
    name: str, bert: Exported, tmp_path: Path
) -> None:
    registry = bert.registry
    if name == "iris":
        registry = tmp_path / "registry"
        publish_tiny(open_writable(str(registry)), tmp_path / "iris", name=name)
    program = f"""if True:
        import io, json, os, sys
        from tflite_serving.artifacts.opening import open_store
        from tflite_serving.catalog.catalog import Catalog
        from tflite_serving.settings import Settings
        from tflite_serving.telemetry import Log

        names = {{"MODEL_REGISTRY": {str(registry)!r}, "MODELS": {name!r}}}
        settings, log = Settings.from_env(names), Log(io.BytesIO(), "ERROR")
        catalog = Catalog(settings, open_store(names["MODEL_REGISTRY"], environ=os.environ), log)
        catalog.entries[0].get(60)
        print(json.dumps(sorted(sys.modules)))
    """
    output = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT / "functions",
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    modules = set(json.loads(output))
    assert ("tokenizers" in modules) == (name == "bert")
    assert not {"sentencepiece", "huggingface_hub", "tensorflow"} & modules
