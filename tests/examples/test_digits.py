"""The digits demo, run as its page says: the whole road, again, and after a change."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from examples.digits import demo, train
from model_export.recipe.recipe import read_recipe
from model_export.recipe.variants import DENSE
from tests.support.places import ROOT
from tests.support.programs.commands import apart, here
from tflite_serving.contract.manifest import Manifest, read_manifest

# Two of the variants, measured once: how many there are is nothing to the demo.
VARIANTS = ("float32", "static_int8")
QUICK = (
    *("--count", 2, "--set", f"quantize.variants={list(VARIANTS)}"),
    *("--set", "measure.rounds=2", "--set", "measure.starts=1"),
)


def again(folder: Path, *, epochs: int = 2) -> str:
    """What it says on stdout."""
    result = here(demo.main, "--folder", folder, "--epochs", epochs, *QUICK)
    assert result.exit_code == 0, result.output
    return result.stdout


def manifests(folder: Path) -> list[Manifest]:
    paths = sorted(folder.glob("registry/models/digits/versions/*/manifest.json"))
    return [read_manifest(path.read_text()) for path in paths]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which the demo ran once, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    process = apart("examples.digits.demo", "--folder", folder, "--epochs", 2, *QUICK)
    assert process.returncode == 0, process.stdout + process.stderr
    return folder, process.stdout


def test_the_demo_trains_exports_serves_and_asks(first: tuple[Path, str]) -> None:
    folder, told = first
    headings = [line for line in told.splitlines() if line.isalpha() and line.islower()]
    assert headings == ["train", "export", "serve", "stopped", "done"]
    assert (folder / "digits.keras").is_file()
    (manifest,) = manifests(folder)
    assert manifest.name == "digits"
    assert manifest.compression.pruning is not None
    assert {c.variant for c in manifest.compression.candidates} == set(VARIANTS)
    # Two digits, drawn, with the answer, the truth and the time that it took.
    assert len(re.findall(r"\d  \(0\.\d{3}\) +\d +[✓✗] +\d+\.\d ms", told)) == 2
    assert "40 more, one after the other: p50 " in told
    assert f"{manifest.quality.published:.4f} (Keras: {manifest.quality.reference:.4f})" in told
    assert manifest.version in told
    assert "\x1b" not in told


def test_a_second_run_reuses_what_has_not_changed(first: tuple[Path, str]) -> None:
    folder, _ = first
    before = manifests(folder)
    told = again(folder)
    assert re.search(r"reused .*digits\.keras: train\.py has not changed", told)
    assert f"reused {before[0].version}: same model, recipe, data and packages" in told
    assert manifests(folder) == before


def test_a_run_with_another_training_trains_and_exports_anew(first: tuple[Path, str]) -> None:
    folder, _ = first
    before = manifests(folder)
    told = again(folder, epochs=3)
    assert "reused" not in told
    assert len(manifests(folder)) == len(before) + 1


def test_the_splits_share_no_digit_and_have_every_class() -> None:
    splits = train.splits()
    assert {name: len(y) for name, (_, y) in splits.items()} == {
        "train": 1078,
        "validation": 179,
        "test": 540,
    }
    images = np.concatenate([x.reshape(len(x), -1) for x, _ in splits.values()])
    assert len(np.unique(images, axis=0)) == 1797
    for x, y in splits.values():
        assert set(y) == set(range(10))
        assert x.dtype == np.float32
        assert (float(x.min()), float(x.max())) == (0, 1)


def test_the_recipe_is_valid() -> None:
    recipe = read_recipe(ROOT / "examples" / "digits" / "recipe.toml")
    assert recipe.model.name == "digits"
    assert recipe.publish.alias == "production"
    assert recipe.quantize.variants == DENSE
