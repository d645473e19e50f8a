"""The compression benchmark's parts: its examples, its models, and what it compares with."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter

from benchmarks.compression import data, models
from model_export.recipe.user_code import import_object


def write_idx(path: Path, array: npt.NDArray[np.uint8]) -> None:
    lengths = np.array(array.shape, ">u4").tobytes()
    content = bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes()
    path.write_bytes(gzip.compress(content, compresslevel=1))


def tiny_subject(epochs: int = 1) -> models.Subject:
    return models.Subject("breast_cancer", data.breast_cancer, epochs, batch_size=64)


def test_fashion_mnist_is_read_from_its_files_and_split_by_class(tmp_path: Path) -> None:
    for part, count in (("train", 6_500), ("t10k", 20)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = np.broadcast_to(labels[:, None, None] * np.uint8(25), (count, 28, 28)).copy()
        images[:, 0, 0] = 255
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", labels)
    splits = data.fashion_mnist(tmp_path)
    assert {name: np.bincount(y).tolist() for name, (_, y) in splits.items()} == {
        "train": [50] * 10,
        "validation": [600] * 10,
        "test": [2] * 10,
    }
    for x, y in splits.values():
        assert x.shape == (len(y), 28, 28, 1)
        assert x.dtype == np.float32
        assert (x[:, 0, 0] == 1).all()
        np.testing.assert_allclose(x[:, 9, 9, 0], y * 25 / 255, rtol=1e-6)


def test_a_data_set_that_is_not_there_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(data.DataMissing, match="apt-get install dataset-fashion-mnist"):
        data.fashion_mnist(tmp_path)


def test_breast_cancer_is_standardised_by_what_is_trained_on() -> None:
    splits = data.breast_cancer()
    assert {name: len(y) for name, (_, y) in splits.items()} == {
        "train": 341,
        "validation": 57,
        "test": 171,
    }
    x, y = splits["train"]
    np.testing.assert_allclose(x.mean(axis=0), np.zeros(30), atol=1e-6)
    np.testing.assert_allclose(x.std(axis=0), np.ones(30), atol=1e-5)
    assert len(np.unique(np.concatenate([x for x, _ in splits.values()]), axis=0)) == 569
    assert set(y) == {0, 1}


@pytest.mark.parametrize("subject", models.SUBJECTS, ids=lambda subject: subject.name)
def test_every_model_has_a_network_and_examples_that_a_recipe_can_name(
    subject: models.Subject, tmp_path: Path
) -> None:
    from benchmarks.compression import networks

    assert subject.name == "digits" or callable(getattr(networks, subject.name))
    assert import_object(subject.source, tmp_path) is subject.data


def test_a_model_is_trained_once(tmp_path: Path) -> None:
    path = models.train_once(tiny_subject(), tmp_path, verbose=0)
    before = path.stat()
    assert models.train_once(tiny_subject(), tmp_path, verbose=0) == path
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert [file.name for file in tmp_path.iterdir()] == ["breast_cancer.keras"]


def test_a_trained_model_can_be_trained_further(tmp_path: Path) -> None:
    import keras

    model = keras.saving.load_model(models.train_once(tiny_subject(), tmp_path, verbose=0))
    before = np.asarray(model.layers[0].kernel)
    model.fit(*data.breast_cancer()["train"], verbose=0)
    assert np.abs(np.asarray(model.layers[0].kernel) - before).max() > 1e-3


def test_outliers_change_not_one_bit_of_the_scores() -> None:
    import keras

    from benchmarks.compression import networks
    from benchmarks.compression.rescale import rescale

    keras.utils.set_random_seed(0)
    model = networks.hopeless()
    hidden = keras.Model(model.inputs[0], model.layers[-2].output)
    x = np.random.default_rng(0).random((50, 28, 28, 1), dtype=np.float32)
    scores, activations = np.asarray(model(x)), np.asarray(hidden(x))
    rescale(model.layers[-11:], every=2)
    np.testing.assert_array_equal(np.asarray(model(x)), scores)
    np.testing.assert_array_equal(np.asarray(hidden(x))[:, ::2], activations[:, ::2] * 4096)
    np.testing.assert_array_equal(np.asarray(hidden(x))[:, 1::2], activations[:, 1::2])


def test_every_baseline_is_smaller_than_float32_and_keeps_float_edges(tmp_path: Path) -> None:
    import keras

    from benchmarks.compression.baselines import Kind, convert_baseline

    model = keras.saving.load_model(models.train_once(tiny_subject(), tmp_path, verbose=0))
    x, _ = data.breast_cancer()["train"]
    made = {kind: convert_baseline(model, kind, x) for kind in get_args(Kind)}
    for kind, baseline in made.items():
        interpreter = Interpreter(model_content=baseline.flatbuffer)
        edges = [*interpreter.get_input_details(), *interpreter.get_output_details()]
        assert {edge["dtype"] for edge in edges} == {np.float32}, kind
        assert baseline.seconds > 0
        if kind != "float32":
            assert len(baseline.flatbuffer) < 0.6 * len(made["float32"].flatbuffer), kind
