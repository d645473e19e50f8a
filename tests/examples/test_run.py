"""Each example in its small form, and what its data are."""

from __future__ import annotations

import ast
import importlib
import os
import re
from pathlib import Path

import numpy as np
import pytest

from examples import run
from examples.fashion_mnist import FOLDER, DataMissing, fashion_mnist
from examples.sentences.train import TOPICS
from examples.standard_library import modules
from model_export.recipe.recipe import read_recipe
from tests.support.places import ROOT
from tests.support.programs.commands import apart, here
from tflite_serving.contract.manifest import read_manifest

NAMES = ("bert", "breast_cancer", "sentences", "wide_deep")
needs_fashion = pytest.mark.skipif(
    not FOLDER.is_dir() and not os.environ.get("CI"),
    reason="needs Debian's package dataset-fashion-mnist, or FASHION_MNIST",
)
FASHION = pytest.param("fashion", marks=needs_fashion)


@pytest.mark.parametrize("name", [*NAMES, FASHION])
def test_the_function_answers_as_keras_does(name: str, tmp_path: Path) -> None:
    result = here(run.main, name, "--folder", tmp_path, "--quick")
    told = result.stdout
    assert result.exit_code == 0, result.output
    headings = [line for line in told.splitlines() if line.isalpha() and line.islower()]
    assert headings == ["train", "export", "serve", "stopped", "compare", "done"]
    (path,) = tmp_path.glob(f"registry/models/{name}/versions/*/manifest.json")
    manifest = read_manifest(path.read_text())
    assert manifest.compression.quantization == "float32"
    (agreement,) = re.findall(r"same label as Keras +([\d.]+)%", told)
    assert float(agreement) >= 99.5
    (largest,) = re.findall(r"largest difference of a probability +(\S+)", told)
    assert float(largest) < 1e-5
    assert f"make serve MODEL={name} " in told
    assert (tmp_path / "example.json").is_file()


def test_a_name_that_is_no_example_is_refused_with_those_that_are() -> None:
    process = apart("examples.run", "cats_and_dogs")
    assert process.returncode == 2
    for name in (*NAMES, "digits", "fashion"):
        assert f"'{name}'" in process.stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_class_is_in_each_split(name: str) -> None:
    splits = importlib.import_module(f"examples.{name}.train").splits()
    assert list(splits) == ["train", "validation", "test"]
    classes = set(splits["train"][1].tolist())
    assert all(set(y.tolist()) == classes == set(range(len(classes))) for _, y in splits.values())
    total = sum(len(y) for _, y in splits.values())
    assert len(splits["test"][1]) == pytest.approx(0.3 * total, abs=2)


def test_the_standard_library_is_read_in_one_order_without_what_is_packed_apart() -> None:
    names = frozenset({"asyncio", "json", "turtle", "unittest"})
    found, again = (
        [(name, ast.unparse(tree)[:200]) for name, tree in modules(names)] for _ in range(2)
    )
    assert found == again
    assert sorted({name for name, _ in found}) == ["asyncio", "json", "unittest"]


def test_no_sentence_is_in_two_splits() -> None:
    example = importlib.import_module("examples.sentences.train")
    texts = np.concatenate([x for x, _ in example.splits().values()])
    assert len(set(texts.tolist())) == len(texts) > 2000
    assert not any(re.search(r"\s\s|\n", text) for text in texts)


def test_a_record_has_the_names_and_kinds_of_json() -> None:
    record = first_record("breast_cancer")
    assert len(record) == 30
    assert all(name.isidentifier() for name in record)
    assert {type(value) for value in record.values()} == {float}
    assert {name: type(value) for name, value in first_record("wide_deep").items()} == {
        **dict.fromkeys(("module", "kind", "visibility"), str),
        "decorator": type(None),
        "arguments": int,
        **dict.fromkeys(("statements", "branches", "calls"), float),
    }


def first_record(name: str) -> dict[str, object]:
    columns = importlib.import_module(f"examples.{name}.train").splits()["test"][0]
    return {feature: values[:1].tolist()[0] for feature, values in columns.items()}


@needs_fashion
def test_the_garments_are_pixels_as_clients_send_them() -> None:
    example = importlib.import_module("examples.fashion.train")
    splits = example.small_splits()
    for x, y in splits.values():
        assert (x.shape, x.dtype, x.max()) == ((2000, 28, 28, 1), np.uint8, 255)
        assert set(y.tolist()) == set(range(10))


def test_how_to_get_the_garments_is_told_where_they_are_missing(tmp_path: Path) -> None:
    with pytest.raises(DataMissing) as caught:
        fashion_mnist("train", tmp_path)
    assert "apt-get install dataset-fashion-mnist" in str(caught.value)
    assert "set FASHION_MNIST to it" in str(caught.value)


@pytest.mark.parametrize("name", [*NAMES, FASHION])
def test_the_recipe_is_valid_and_names_the_example(name: str) -> None:
    recipe = read_recipe(ROOT / "examples" / name / "recipe.toml")
    assert (recipe.model.name, recipe.publish.alias) == (name, "production")
    example = importlib.import_module(f"examples.{name}.train")
    names = recipe.model.labels
    assert isinstance(names, tuple)
    assert len(names) == len(set(example.splits()["test"][1].tolist()))


def test_the_recipe_of_sentences_has_the_topics_in_their_order() -> None:
    recipe = read_recipe(ROOT / "examples" / "sentences" / "recipe.toml")
    assert recipe.model.labels == tuple(TOPICS)
