"""An export that is stopped goes on where it was, and comes to the same."""

from __future__ import annotations

import contextlib
import io
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.support.export.interrupted import run
from tests.support.places import ROOT
from tflite_serving.contract.manifest import Manifest

Recipes = Callable[..., Path]
EPOCHS = 3


class Stopped(BaseException):
    """Like a signal, it is no error that anybody handles."""


def stop() -> None:
    raise Stopped


@dataclass(frozen=True)
class Ran:
    """What an export told, and what it published if it came to its end."""

    lines: tuple[str, ...]
    manifest: Manifest | None

    @property
    def steps(self) -> list[str]:
        return [line.split()[0] for line in self.lines if line[:3].strip()]

    @property
    def epochs(self) -> list[str]:
        return [line.split()[1].rstrip(":") for line in self.lines if line.startswith("    epoch")]


def ran(recipe: Path, registry: Path, place: str = "") -> Ran:
    told = io.StringIO()
    manifest = None
    with contextlib.suppress(Stopped):
        manifest = run(recipe, str(registry), place, stop, Console(file=told, width=200)).manifest
    return Ran(tuple(told.getvalue().splitlines()), manifest)


def killed(recipe: Path, registry: Path, place: str) -> Ran:
    """The same in a process of its own, which is killed."""
    program = ROOT / "tests" / "support" / "export" / "interrupted.py"
    process = subprocess.run(
        [sys.executable, str(program), str(recipe), str(registry), place],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "TMPDIR": str(recipe.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    return Ran(tuple(process.stdout.splitlines()), None)


@pytest.fixture
def recipe(recipe_for: Recipes) -> Path:
    return recipe_for(
        "dense",
        prune__method="magnitude",
        prune__epochs=EPOCHS,
        prune__stop_early=False,
        quantize__variants=["float32", "static_int8"],
        gate__prefer="size",
    )


@pytest.fixture(scope="module")
def whole() -> dict[str, Ran]:
    """What an export comes to that nobody stops; the first test that wants it, makes it."""
    return {}


@pytest.fixture
def uninterrupted(whole: dict[str, Ran], recipe: Path, tmp_path: Path) -> Ran:
    if not whole:
        whole["ran"] = ran(recipe, tmp_path / "uninterrupted")
    return whole["ran"]


STEPS = [
    *("load", "data", "reference", "prune", "convert", "compare"),
    *("calibrate", "float32", "static_int8"),
]


def digest(one: Ran) -> str:
    assert one.manifest is not None
    return one.manifest.content_digest


def test_an_export_tells_every_step_once(uninterrupted: Ran) -> None:
    assert uninterrupted.steps == [*STEPS, "measure", "verify", "publish"]
    assert uninterrupted.epochs == [f"{epoch}/{EPOCHS}" for epoch in range(1, EPOCHS + 1)]


def test_an_export_that_is_killed_again_and_again_comes_to_the_same(
    recipe: Path, uninterrupted: Ran, tmp_path: Path
) -> None:
    registry = tmp_path / "registry"
    training = killed(recipe, registry, f"epoch 2/{EPOCHS}")
    assert training.epochs == [f"1/{EPOCHS}", f"2/{EPOCHS}"]
    timing = killed(recipe, registry, "measure…")
    # The epoch whose end was not kept is trained again; the one before it is not.
    assert timing.epochs == [f"{epoch}/{EPOCHS}" for epoch in range(2, EPOCHS + 1)]
    assert timing.steps == STEPS
    assert not registry.exists()
    rest = ran(recipe, registry)
    assert not rest.epochs
    assert digest(rest) == digest(uninterrupted)
    assert rest.manifest is not None
    assert uninterrupted.manifest is not None
    assert rest.manifest.compression.pruning == uninterrupted.manifest.compression.pruning


def test_stopped_before_every_step_an_export_does_nothing_twice_and_comes_to_the_same(
    recipe: Path, uninterrupted: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = tmp_path / "registry"
    asked: list[str] = []
    for name in ("predict", "time_each"):
        watch(monkeypatch, name, asked)
    before, after = STEPS[:3], STEPS[6:]
    # What float32 answers to the test split is known since it was compared.
    for place, compressed, costs in (
        ("convert", ["prune"], []),
        ("compare", ["prune", "convert"], []),
        ("float32", ["prune", "convert", "compare"], []),
        ("static_int8", ["resume"], []),
        ("measure", ["resume"], ["predict"]),
        ("publish", ["resume"], ["time_each"]),
    ):
        asked.clear()
        stopped = ran(recipe, registry, place)
        assert stopped.manifest is None
        rest = [*after, "measure", "verify", "publish"]
        until = rest[: rest.index(place)] if place in rest else []
        assert stopped.steps == [*before, *compressed, *until]
        assert bool(stopped.epochs) == (place == "convert")
        assert asked == costs
    asked.clear()
    finished = ran(recipe, registry)
    assert (asked, finished.epochs) == ([], [])
    assert digest(finished) == digest(uninterrupted)


def watch(monkeypatch: pytest.MonkeyPatch, name: str, asked: list[str]) -> None:
    """Remembers each call of one of the costly functions."""
    from model_export.steps import step_cache

    function: Callable[..., Any] = getattr(step_cache, name)

    def watched(*arguments: Any) -> Any:
        asked.append(name)
        return function(*arguments)

    monkeypatch.setattr(step_cache, name, watched)


def test_what_is_published_need_not_be_kept(recipe: Path, tmp_path: Path) -> None:
    assert ran(recipe, tmp_path / "registry").manifest is not None
    kept = {path.name for path in (tmp_path / ".model_export" / "dense").iterdir()}
    assert kept == {"key"}


def test_another_recipe_begins_anew(recipe: Path, tmp_path: Path) -> None:
    registry = tmp_path / "registry"
    ran(recipe, registry, "measure")
    recipe.write_text(recipe.read_text().replace(f"epochs = {EPOCHS}", "epochs = 1"))
    assert ran(recipe, registry).epochs == ["1/1"]


def test_another_budget_is_judged_without_doing_anything_again(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model_export.errors import GateError

    registry, text = tmp_path / "registry", recipe.read_text()
    recipe.write_text(text.replace("max_drop = 0.1", "max_drop = -1"))
    assert recipe.read_text() != text
    # Nothing can be mixed that keeps a budget of less than nothing.
    recipe.write_text(recipe.read_text().replace("[quantize]", "[quantize]\nmax_tries = 0"))
    with pytest.raises(GateError):
        ran(recipe, registry)
    recipe.write_text(text.replace("[quantize]", "[quantize]\nmax_tries = 0"))
    asked: list[str] = []
    for name in ("predict", "time_each"):
        watch(monkeypatch, name, asked)
    assert ran(recipe, registry).manifest is not None
    assert asked == []


@pytest.mark.parametrize("prune", ["none", "magnitude"])
def test_the_same_export_gives_the_same_artifact_but_for_its_evidence(
    recipe_for: Recipes, tmp_path: Path, prune: str
) -> None:
    recipe = recipe_for(
        "conv",
        prune__method=prune,
        prune__epochs=1,
        quantize__variants=["float32", "dynamic_int8", "static_int8"],
        gate__prefer="size",
        gate__max_drop=0.5,
    )
    first, second = (ran(recipe, tmp_path / name).manifest for name in ("first", "second"))
    assert first is not None
    assert second is not None
    assert first.content_digest == second.content_digest
    assert first.files.keys() == second.files.keys()
    different = {path for path in first.files if first.files[path] != second.files[path]}
    assert different <= {path for path, entry in first.files.items() if entry.is_evidence}
    assert {path for path, entry in first.files.items() if not entry.is_evidence} == {
        "model.tflite",
        "golden.npz",
    }
    for name in ("inputs", "outputs", "tensors", "quality", "runtime", "provenance"):
        assert getattr(first, name) == getattr(second, name)
