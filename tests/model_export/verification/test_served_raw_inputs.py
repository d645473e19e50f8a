"""Models whose first layers are strings: exported, served, and asked with what people write."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import requests
import tensorflow as tf
from click.testing import Result

from model_export.errors import RegistryError
from model_export.registry.open import open_writable
from model_export.registry.operations import publish
from model_export.verification.client import in_process
from tests.support.server.serving import Function, running
from tflite_serving.contract.golden import read_golden
from tflite_serving.contract.manifest import (
    FileEntry,
    Manifest,
    content_digest,
    read_manifest,
    write_manifest,
)
from tflite_serving.contract.preprocessing import read_preprocessing

Cli = Callable[..., Result]
Array = npt.NDArray[Any]

GOOD, BAD = ("good", "great", "fine", "lovely"), ("bad", "awful", "poor", "sad")
OTHER = ("the", "film", "was", "it", "is", "a", "Very", "so,", "!", "é")
TOLERANCE = 1e-5

# What a recipe names: the module that makes the examples is written beside it.
DATA = """
import json
from pathlib import Path

import numpy as np


def splits():
    document = json.loads((Path(__file__).parent / "data.json").read_text())
    return {
        name: ({key: np.array(values) for key, values in x.items()}, np.array(y))
        for name, (x, y) in document.items()
    }
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """A model that was exported, and what it came from.

    Attributes:
        model: the Keras model.
        registry: that it was published to.
        manifest: of the version.
        folder: of the version.
        test: inputs of the test split, as Keras takes them.
    """

    model: keras.Model
    registry: Path
    manifest: Manifest
    folder: Path
    test: dict[str, Array]


def sentences(count: int, seed: int) -> tuple[dict[str, list[Any]], list[int]]:
    rng = np.random.default_rng(seed)
    texts, classes = [], []
    for _ in range(count):
        kind = int(rng.integers(2))
        words = [*rng.choice(OTHER, int(rng.integers(1, 7))), *rng.choice((BAD, GOOD)[kind], 2)]
        texts.append(" ".join(rng.permutation(words)))
        classes.append(kind)
    return {"text": texts}, classes


def text_model(x: dict[str, Array], y: Array) -> keras.Model:
    vectorize = keras.layers.TextVectorization(
        max_tokens=30, output_sequence_length=9, name="words"
    )
    vectorize.adapt(x["text"])
    text = keras.Input((), dtype="string", name="text")
    prepared = keras.Sequential([vectorize], name="prepared")  # As many tutorials have it.
    vectors = keras.layers.Embedding(30, 8, name="vectors")(prepared(text))
    hidden = keras.layers.Conv1D(16, 3, activation="relu", name="hidden")(vectors)
    pooled = keras.layers.GlobalMaxPooling1D()(hidden)
    answer = keras.layers.Dense(2, activation="softmax", name="mood")(pooled)
    return fitted(keras.Model(text, answer), x["text"], y, "sparse_categorical_crossentropy")


def people(count: int, seed: int) -> tuple[dict[str, list[Any]], list[int]]:
    rng = np.random.default_rng(seed)
    ages, jobs = rng.integers(18, 80, count), rng.choice(["cook", "clerk", "judge"], count)
    level = rng.integers(1, 4, count)
    classes = ((ages > 45) ^ (jobs == "cook")).astype(int)
    x = {"age": ages.astype(float).tolist(), "job": jobs.tolist(), "level": level.tolist()}
    return x, classes.tolist()


def record_model(x: dict[str, Array], y: Array) -> keras.Model:
    age = keras.Input((1,), name="age")
    job = keras.Input((1,), name="job", dtype="string")
    level = keras.Input((1,), name="level", dtype="int64")
    normal = keras.layers.Normalization(name="normal")
    normal.adapt(x["age"][:, np.newaxis])
    jobs = keras.layers.StringLookup(name="jobs", output_mode="one_hot")
    jobs.adapt(x["job"])
    levels = keras.layers.IntegerLookup(
        vocabulary=[1, 2, 3], num_oov_indices=0, output_mode="one_hot", name="levels"
    )
    joined = keras.layers.Concatenate()([normal(age), jobs(job), levels(level)])
    hidden = keras.layers.Dense(32, activation="relu", name="hidden")(joined)
    answer = keras.layers.Dense(1, activation="sigmoid", name="answer")(hidden)
    model = keras.Model([age, job, level], answer)
    columns = tuple(x[name][:, np.newaxis] for name in ("age", "job", "level"))
    return fitted(model, columns, y, "binary_crossentropy")


def fitted(model: keras.Model, x: Any, y: Array, loss: str) -> keras.Model:
    model.compile(keras.optimizers.Adam(0.02), loss, jit_compile=False)
    # Keras takes strings in no other form.
    model.fit(
        tf.data.Dataset.from_tensor_slices((x, y)).batch(32), epochs=15, shuffle=False, verbose=0
    )
    return model


def exported(
    name: str,
    make: Callable[[int, int], tuple[dict[str, list[Any]], list[int]]],
    build: Callable[[dict[str, Array], Array], keras.Model],
    folder: Path,
    cli: Cli,
) -> Exported:
    sizes = {"train": 300, "validation": 80, "test": 120}
    data = {split: make(count, seed) for seed, (split, count) in enumerate(sizes.items())}
    (folder / "data.json").write_text(json.dumps(data))
    (folder / f"{name}_data.py").write_text(DATA)
    x, y = data["train"]
    keras.utils.set_random_seed(0)
    model = build({key: np.array(values) for key, values in x.items()}, np.array(y))
    model.save(folder / "model.keras")
    (folder / "recipe.toml").write_text(
        f"""
        model = {{name = "{name}", source = "model.keras", labels = ["no", "yes"]}}
        data = {{source = "{name}_data:splits"}}
        quantize = {{variants = ["float32", "dynamic_int8"]}}
        gate = {{max_drop = 0.1}}
        measure = {{starts = 1, rounds = 2}}
        publish = {{registry = "registry", alias = "production"}}
        """
    )
    result = cli("export", folder / "recipe.toml")
    assert result.exit_code == 0, result.stderr
    (path,) = (folder / "registry").glob("models/*/versions/*/manifest.json")
    test = {key: np.array(values) for key, values in data["test"][0].items()}
    manifest = read_manifest(path.read_text())
    return Exported(model, folder / "registry", manifest, path.parent, test)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Cli], Exported]:
    made: dict[str, Exported] = {}
    kinds: dict[str, Any] = {
        "mood": (sentences, text_model),
        "person": (people, record_model),
    }

    def give(name: str, cli: Cli) -> Exported:
        if name not in made:
            make, build = kinds[name]
            made[name] = exported(name, make, build, tmp_path_factory.mktemp(name), cli)
        return made[name]

    return give


@pytest.fixture
def text(once: Callable[[str, Cli], Exported], cli: Cli) -> Exported:
    return once("mood", cli)


@pytest.fixture
def record(once: Callable[[str, Cli], Exported], cli: Cli) -> Exported:
    return once("person", cli)


@pytest.fixture(params=["predict", "predict_wsgi"])
def serve(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[Exported], Function]]:
    contexts = []

    def start(what: Exported) -> Function:
        settings = {"MODEL_REGISTRY": str(what.registry), "MODELS": what.manifest.name}
        contexts.append(running(request.param, settings, tmp_path))
        return contexts[-1].__enter__()

    yield start
    for context in contexts:
        context.__exit__(None, None, None)


def test_what_is_left_of_such_a_model_is_pruned(text: Exported, cli: Cli, tmp_path: Path) -> None:
    pruning = ('prune.method="magnitude"', "prune.sparsity=0.3", "prune.epochs=1")
    settings = [part for each in pruning for part in ("--set", each)]
    recipe = text.registry.parent / "recipe.toml"
    result = cli("export", recipe, "--registry", tmp_path / "registry", *settings, "--json")
    assert result.exit_code == 0, result.stderr
    layers = json.loads(result.stdout)["compression"]["pruning"]["layers"]
    assert "hidden" in [layer["name"] for layer in layers]


def test_the_manifest_says_what_clients_send(text: Exported, record: Exported) -> None:
    (spec,) = text.manifest.inputs
    assert (spec.name, spec.dtype, spec.shape, spec.preprocess.kind) == (
        *("text", "string", (None,), "text"),
    )
    assert [binding.name for binding in text.manifest.tensors.inputs] == ["words"]
    found = [(s.name, s.dtype, s.shape, s.preprocess.kind) for s in record.manifest.inputs]
    assert found == [
        ("age", "float32", (None,), "record"),
        ("job", "string", (None,), "record"),
        ("level", "int64", (None,), "record"),
    ]
    for each in (text, record):
        assert each.manifest.preprocessing == "preprocessing.json"
        read_preprocessing((each.folder / "preprocessing.json").read_bytes())


@pytest.mark.parametrize("name", ["mood", "person"])
def test_such_a_model_is_verified_from_raw_inputs_on(
    name: str, once: Callable[[str, Cli], Exported], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = once(name, cli)
    monkeypatch.chdir(exported.registry.parent)
    against = ("--against", "model.keras", "--data", f"{name}_data:splits")
    result = cli("verify", f"registry/models/{name}", *against, "--json")
    assert result.exit_code == 0, result.stderr
    parity = json.loads(result.stdout)
    assert parity["questions"] == 120
    exact = exported.manifest.compression.quantization == "float32"
    assert parity["label_agreement"] >= (0.995 if exact else 0.97)
    assert parity["largest"] <= (TOLERANCE if exact else 0.1)


def test_golden_examples_are_what_people_write(text: Exported) -> None:
    golden = read_golden((text.folder / text.manifest.golden).read_bytes())
    assert set(golden.inputs["text"].tolist()) <= set(text.test["text"].tolist())


def test_texts_are_answered_as_keras_answers_them(
    text: Exported, serve: Callable[[Exported], Function]
) -> None:
    function = serve(text)
    asked = [
        *text.test["text"].tolist()[:40],
        "",
        "GREAT, great!",
        "日本 \u2028 ünknown",
        "a" * 9000,
    ]
    given = np.array(asked, dtype=object)
    expected = np.asarray(text.model(keras.ops.convert_to_tensor(given)))
    slack = TOLERANCE if text.manifest.compression.quantization == "float32" else 0.05
    answer = function.post("/predict", {"instances": asked}).json()["predictions"]
    scores = np.array([[row["scores"][label] for label in ("no", "yes")] for row in answer])
    assert np.abs(scores - expected).max() <= slack
    path = f"/v1/models/{text.manifest.name}:predict"
    rows = function.post(path, {"instances": [{"text": each} for each in asked]}).json()
    assert np.abs(np.array(rows["predictions"]) - scores).max() <= TOLERANCE
    columns = function.post(path, {"inputs": asked}).json()
    assert columns["outputs"] == rows["predictions"]


def test_a_text_may_be_the_whole_body(
    text: Exported, serve: Callable[[Exported], Function]
) -> None:
    function = serve(text)
    alone = function.post("/predict", {"instances": ["it is great, lovely"]}).json()
    body = b"it is great, lovely"
    plain = requests.post(
        f"{function.url}/predict",
        data=body,
        headers={"Content-Type": "text/plain; charset=utf-8"},
        timeout=60,
    )
    assert plain.json() == alone


def test_a_record_is_an_object_with_a_value_for_each_feature(
    record: Exported, serve: Callable[[Exported], Function]
) -> None:
    function = serve(record)
    rows = [
        {"age": float(age), "job": str(job), "level": int(level)}
        for age, job, level in zip(*record.test.values(), strict=True)
    ][:50]
    rows[3]["job"] = "astronaut"  # which the layer has an index for
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    expected = np.asarray(
        record.model(
            [
                keras.ops.convert_to_tensor(columns["age"][:, np.newaxis].astype(np.float32)),
                keras.ops.convert_to_tensor(columns["job"].astype(object)[:, np.newaxis]),
                keras.ops.convert_to_tensor(columns["level"][:, np.newaxis]),
            ]
        )
    )[:, 0]
    answer = function.post("/predict", {"instances": rows}).json()["predictions"]
    scores = np.array([row["scores"]["yes"] for row in answer])
    slack = TOLERANCE if record.manifest.compression.quantization == "float32" else 0.05
    assert np.abs(scores - expected).max() <= slack
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    table = function.post(
        "/predict", "\r\n".join(lines).encode(), headers={"Content-Type": "text/csv"}
    )
    assert table.json()["predictions"] == answer
    lists = {name: values.tolist() for name, values in columns.items()}
    found = function.post(f"/v1/models/{record.manifest.name}:predict", {"inputs": lists}).json()
    assert np.abs(np.array(found["outputs"])[:, 0] - scores).max() <= TOLERANCE


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"instances": [{"age": 30, "job": "cook"}]}, "missing_input", "instances[0].level"),
        (
            {"instances": [{"age": 30, "jop": "cook", "level": 1, "job": "cook"}]},
            "unknown_input",
            "did you mean 'job'?",
        ),
        (
            {"instances": [{"age": "old", "job": "cook", "level": 1}]},
            "wrong_dtype",
            "instances[0].age",
        ),
        (
            {"instances": [{"age": 30, "job": 5, "level": 1}]},
            "wrong_dtype",
            "instances[0].job: expected a string, got 5",
        ),
        (
            {"instances": [{"age": 30, "job": "cook", "level": 1.5}]},
            "wrong_dtype",
            "instances[0].level: expected a whole number",
        ),
        (
            {"instances": [{"age": 30, "job": "cook", "level": 7}]},
            "unknown_value",
            "instances[0].level: expected a value that the model knows, got 7",
        ),
        (
            {"instances": [{"age": [30, 31], "job": "cook", "level": 1}]},
            "wrong_shape",
            "instances[0].age",
        ),
    ],
)
def test_what_is_wrong_in_a_record_is_named(
    record: Exported, tmp_path: Path, body: dict[str, Any], code: str, message: str
) -> None:
    settings = {"MODEL_REGISTRY": str(record.registry), "MODELS": record.manifest.name}
    with running("predict", settings, tmp_path) as function:
        response = function.post("/predict", body)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert message in response.json()["error"]


HOSTILE: dict[str, tuple[str, bytes, int, str]] = {
    "half a surrogate pair": (
        "application/json",
        b'{"instances": ["\\ud800"]}',
        400,
        "malformed_json",
    ),
    "bytes that are no UTF-8": (
        "application/json",
        b'{"instances": ["\xff"]}',
        400,
        "malformed_json",
    ),
    "plain bytes that are no UTF-8": ("text/plain", b"\xc3(", 400, "malformed_text"),
    "a number for a text": ("application/json", b'{"instances": [1]}', 400, "wrong_dtype"),
    "nothing for a text": ("application/json", b'{"instances": [null]}', 400, "wrong_dtype"),
    "a list for a text": ("application/json", b'{"instances": [["a"]]}', 400, "wrong_dtype"),
    "an object for a text": (
        "application/json",
        b'{"instances": [{"a": 1}]}',
        400,
        "unknown_input",
    ),
    "a text for the list": ("application/json", b'{"instances": "abc"}', 400, "wrong_shape"),
    "no texts": ("application/json", b'{"instances": []}', 400, "empty_batch"),
    "an array of NumPy's": ("application/x-npy", b"\x93NUMPY", 415, "unsupported_content_type"),
    "a table without the column": ("text/csv", b"other\na\n", 400, "unknown_input"),
    "a table with the column twice": ("text/csv", b"text,text\na,b\n", 400, "malformed_csv"),
    "a table without rows": ("text/csv", b"text\n", 400, "empty_batch"),
    "nothing at all": ("application/json", b"", 400, "malformed_json"),
}
ODD: dict[str, str] = {
    "empty": "",
    "white space": " \t\n\x0b\x0c\r\u2028\u00a0\u3000",
    "a megabyte without a space": "a" * 2**20,
    "a megabyte of words": "it is " * 2**18,
    "zeros": "\x00\x00 a\x00b",
    "from right to left": "\u202eabc שלום",
    "marks upon marks": "e" + "\u0301" * 1000,
    "beyond the first plane": "😀𝕋" * 100,
    "quotes and brackets": '"}]{[\\"\\\\',
}


def test_hostile_texts_are_refused_or_answered_as_keras_answers_them(
    text: Exported, tmp_path: Path
) -> None:
    settings = {"MODEL_REGISTRY": str(text.registry), "MODELS": text.manifest.name}
    expected = np.asarray(
        text.model(keras.ops.convert_to_tensor(np.array(list(ODD.values()), dtype=object)))
    )
    slack = TOLERANCE if text.manifest.compression.quantization == "float32" else 0.05
    with running("predict", settings, tmp_path) as function:
        for name, (kind, body, status, code) in HOSTILE.items():
            response = function.post("/predict", body, headers={"Content-Type": kind})
            assert (response.status_code, response.json()["code"]) == (status, code), name
        for (name, odd), scores in zip(ODD.items(), expected, strict=True):
            response = function.post("/predict", {"instances": [odd]})
            assert response.status_code == 200, name
            found = list(response.json()["predictions"][0]["scores"].values())
            assert np.abs(np.array(found) - scores).max() <= slack, name
        assert function.get("/v2/health/live").status_code == 200


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda text: text[:-20], "preprocessing: expected JSON"),
        (lambda text: text.replace('"text"\n      ]', '"txt"\n      ]'), "no step puts out 'txt'"),
        (
            lambda text: text.replace('"words"\n      ]', '"word"\n      ]'),
            "preprocessing puts out ['word'], and the model takes ['words']",
        ),
        # The words are there, but each is another one.
        (lambda text: text.replace('"first": 2', '"first": 3'), "golden example"),
    ],
)
def test_preprocessing_that_is_not_the_models_is_refused(
    text: Exported, tmp_path: Path, spoil: Callable[[str], str], problem: str
) -> None:
    artifact = shutil.copytree(text.folder, tmp_path / "artifact")
    document = (artifact / "preprocessing.json").read_text()
    data = spoil(document).encode()
    assert data.decode() != document
    (artifact / "preprocessing.json").write_bytes(data)
    entry = FileEntry(hashlib.sha256(data).hexdigest(), len(data))
    files = {**text.manifest.files, "preprocessing.json": entry}
    digest = content_digest(files)
    version = f"{text.manifest.version.rpartition('-')[0]}-{digest[:8]}"
    manifest = replace(text.manifest, files=files, content_digest=digest, version=version)
    (artifact / "manifest.json").write_text(write_manifest(manifest))
    publish(open_writable(str(tmp_path / "registry")), manifest, artifact)
    with pytest.raises(RegistryError) as caught:
        in_process(str(tmp_path / "registry"), manifest, tmp_path / "cache")
    assert problem in str(caught.value)
