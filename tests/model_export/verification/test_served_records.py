"""Models of records: exported, served, and asked about what people know of somebody."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from click.testing import Result

from tests.support.models.parity import source, strings
from tests.support.server.serving import running
from tflite_serving.contract.golden import read_golden
from tflite_serving.contract.manifest import Manifest, read_manifest
from tflite_serving.preprocess.pipeline import in_shapes

Cli = Callable[..., Result]
Array = npt.NDArray[Any]
layers = keras.layers

# What a recipe names: the module that makes the examples is written beside it.
DATA = """
import json
from pathlib import Path

import numpy as np


def splits():
    document = json.loads((Path(__file__).parent / "data.json").read_text())
    x = {name: np.array(values) for name, values in document["x"].items()}
    return dict.fromkeys(("train", "validation", "test"), (x, np.array(document["y"])))
"""
RECIPE = """
model = {{name = "people", source = "model.keras", labels = ["no", "yes"]}}
data = {{source = "people_data:splits"}}
quantize = {{variants = ["float32"]}}
measure = {{starts = 1, rounds = 2}}
publish = {{registry = "registry", alias = "production"}}
{inputs}
"""
ROWS = 60


@dataclass(frozen=True, slots=True)
class Published:
    """A model that was exported.

    Attributes:
        model: the Keras model.
        manifest: of the version.
        folder: of the version.
        settings: of a function that serves it.
    """

    model: keras.Model
    manifest: Manifest
    folder: Path
    settings: dict[str, str]


def people() -> dict[str, list[Any]]:
    """Some of whom nobody knows the income, or the job."""
    rng = np.random.default_rng(0)
    income = (rng.gamma(2.0, 2e4, ROWS)).round().tolist()
    jobs = rng.choice(["cook", "clerk", "judge"], ROWS).tolist()
    return {
        "age": rng.integers(18, 80, ROWS).astype(float).tolist(),
        "income": [None if row % 7 == 3 else value for row, value in enumerate(income)],
        "job": [None if row % 9 == 4 else job for row, job in enumerate(jobs)],
        "city": rng.choice(["Ulm", "Köln", "日本"], ROWS).tolist(),
        "level": rng.integers(1, 4, ROWS).tolist(),
    }


def publish(
    folder: Path, cli: Cli, model: keras.Model, x: Mapping[str, list[Any]], inputs: str
) -> Published:
    (folder / "people_data.py").write_text(DATA)
    (folder / "data.json").write_text(
        json.dumps({"x": x, "y": [int(age > 45) for age in x["age"]]})
    )
    model.save(folder / "model.keras")
    (folder / "recipe.toml").write_text(RECIPE.format(inputs=inputs))
    result = cli("export", folder / "recipe.toml")
    assert result.exit_code == 0, result.stderr
    (place,) = (folder / "registry/models/people/versions").iterdir()
    settings = {"MODEL_REGISTRY": str(folder / "registry"), "MODELS": "people"}
    manifest = read_manifest((place / "manifest.json").read_bytes())
    return Published(model, manifest, place, settings)


def records(x: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """One after the other; of every other one, what is missing is not even named."""
    rows = [dict(zip(x, row, strict=True)) for row in zip(*x.values(), strict=True)]
    return [
        {name: value for name, value in row.items() if value is not None or index % 2}
        for index, row in enumerate(rows)
    ]


def csv(x: Mapping[str, list[Any]]) -> bytes:
    lines = [
        ",".join("" if value is None else str(value) for value in row)
        for row in zip(*x.values(), strict=True)
    ]
    return "\r\n".join([",".join(x), *lines]).encode()


def scores(answer: Any) -> Array:
    return np.array([each["scores"]["yes"] for each in answer.json()["predictions"]])


def row() -> keras.Model:
    """One input of two numbers, made alike, and a probability."""
    keras.utils.set_random_seed(0)
    entry = keras.Input((2,), name="features")
    normal = layers.Normalization(mean=[45.0, 4e4], variance=[300.0, 1e9])(entry)
    hidden = layers.Dense(8, activation="relu")(normal)
    return keras.Model(entry, layers.Dense(1, activation="sigmoid")(hidden))


def test_a_row_of_numbers_is_asked_about_by_the_names_of_its_columns(
    cli: Cli, tmp_path: Path
) -> None:
    model, x = row(), {name: people()[name] for name in ("age", "income")}
    published = publish(
        tmp_path,
        cli,
        model,
        x,
        '[inputs.features]\ncolumns = ["age", "income"]\nmissing = "median"\n'
        '[inputs.age]\nunits = "years"\nmissing = "refuse"',
    )
    (spec,) = published.manifest.inputs
    assert {field.name: field.units for field in spec.fields} == {"age": "years", "income": ""}
    median = float(np.median([value for value in x["income"] if value is not None]))
    given = np.array([[a, median if i is None else i] for a, i in zip(*x.values(), strict=True)])
    expected = np.asarray(model(given.astype(np.float32)))[:, 0]
    golden = read_golden((published.folder / "golden.npz").read_bytes())
    assert golden.missing["features"].any(axis=0).tolist() == [False, True]
    with running("predict", published.settings, tmp_path) as function:
        answers = [
            function.post("/predict", {"instances": records(x)}),
            function.post("/predict", csv(x), headers={"Content-Type": "text/csv"}),
            function.post("/predict", {"instances": [list(each) for each in given.tolist()]}),
        ]
        columns = function.post("/v1/models/people:predict", {"inputs": x}).json()["outputs"]
        told = function.post("/predict", {"instances": [{"income": 3}]})
        shown = cli("verify", tmp_path / "registry/models/people", "--json")
    for answer in answers:
        np.testing.assert_allclose(scores(answer), expected, atol=1e-5)
    np.testing.assert_allclose(np.array(columns)[:, 0], expected, atol=1e-5)
    assert (told.status_code, told.json()["code"]) == (400, "missing_input")
    assert told.json()["error"] == (
        "instances[0].age: expected a value, got nothing; what may be missing, the model's recipe "
        "says: inputs.age.missing"
    )
    assert json.loads(shown.stdout)["largest"] <= 1e-5


def feature_space() -> keras.Model:
    """A model of Keras's own utility: bins, lookups, hashes, crossings, and numbers made alike."""
    keras.utils.set_random_seed(0)
    space = keras.utils.FeatureSpace(
        features={
            "age": keras.utils.FeatureSpace.float_discretized(num_bins=4),
            "income": "float_normalized",
            "job": keras.utils.FeatureSpace.string_categorical(num_oov_indices=2),
            "level": "integer_categorical",
            "city": keras.utils.FeatureSpace.string_hashed(num_bins=8),
        },
        crosses=[("age", "job"), ("city", "level")],
        crossing_dim=16,
    )
    known = {
        name: ["cook" if name == "job" else 4e4 if value is None else value for value in values]
        if None in values
        else values
        for name, values in people().items()
    }
    space.adapt(tf.data.Dataset.from_tensor_slices(known))
    hidden = layers.Dense(16, activation="relu")(space.get_encoded_features())
    return keras.Model(space.get_inputs(), layers.Dense(1, activation="sigmoid")(hidden))


def test_a_feature_space_is_served_as_it_is(cli: Cli, tmp_path: Path) -> None:
    model = feature_space()
    x = people()
    published = publish(
        tmp_path, cli, model, x, '[inputs.income]\nmissing = 4e4\n[inputs.job]\nmissing = "cook"'
    )
    kinds = {spec.name: (spec.dtype, spec.preprocess.kind) for spec in published.manifest.inputs}
    assert kinds["level"] == ("int32", "record")
    assert kinds["city"] == ("string", "record")
    given = {
        "age": np.array(x["age"], np.float32),
        "income": np.array([4e4 if i is None else i for i in x["income"]], np.float32),
        "job": strings(*("cook" if job is None else job for job in x["job"])),
        "city": strings(*x["city"]),
        "level": np.array(x["level"], np.int32),
    }
    keras_model = source(model)
    shapes = {info.name: info.shape for info in keras_model.inputs}
    (expected,) = keras_model.predict(in_shapes(given, shapes)).values()
    with running("predict", published.settings, tmp_path) as function:
        answer = function.post("/predict", {"instances": records(x)})
        table = function.post("/predict", csv(x), headers={"Content-Type": "text/csv"})
    np.testing.assert_allclose(scores(answer), expected[:, 0], atol=1e-5)
    np.testing.assert_allclose(scores(table), expected[:, 0], atol=1e-5)
