"""What may answer and what is refused."""

from __future__ import annotations

import gc
import io
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.models.image_model import publish_picture_model
from tests.support.models.tiny import FEATURES, WEIGHTS
from tests.support.server.held_registry import REFRESH, WAIT, World, get, refusal, settle
from tflite_serving.artifacts.folder import FolderStore
from tflite_serving.catalog.entry import RETRY_AFTER_SECONDS
from tflite_serving.catalog.loader import Loader
from tflite_serving.contract import layout
from tflite_serving.contract.alias import AliasDocument, Share, write_alias
from tflite_serving.contract.golden import GoldenExamples, write_golden
from tflite_serving.contract.image import Image, Resize
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import OutputSpec
from tflite_serving.errors import ArtifactRefused
from tflite_serving.settings import ModelRef, Settings
from tflite_serving.telemetry import Log


def changed(manifest: Manifest, change: dict[str, Any]) -> Manifest:
    (spec,) = manifest.inputs
    if "task" in change:
        output = replace(manifest.outputs[0], task=change["task"])
        return replace(manifest, task=change["task"], outputs=(output,))
    if "needs_flex" in change:
        return replace(manifest, runtime=replace(manifest.runtime, needs_flex=True))
    if "dtype" in change:
        return replace(manifest, inputs=(replace(spec, dtype=change["dtype"]),))
    if "shape" in change:
        output = OutputSpec("species", "float32", change["shape"])
        return replace(manifest, outputs=(output,))
    return manifest


def golden_of(change: dict[str, Any]) -> bytes | None:
    if "examples" not in change:
        return change.get("golden")
    inputs, outputs = (
        {name: np.zeros((2, size), np.float32)} for name, size in change["examples"].values()
    )
    tolerance = dict.fromkeys(outputs, np.array(1.0))
    return write_golden(GoldenExamples(("a", "b"), inputs, outputs, tolerance))


def test_a_model_that_does_not_reproduce_its_golden_examples_is_refused(world: World) -> None:
    manifest = world.publish(golden_weights=-WEIGHTS)
    entry = world.entry()
    assert refusal(entry).code == "golden_mismatch"
    (message,) = world.lines.messages("ERROR")
    prefix = f"cannot serve iris {manifest.version}: iris {manifest.version}: golden example test["
    assert message.startswith(prefix)
    assert "]: output 'species' differs from the reference by 0." in message
    assert message.endswith("tolerance 0.02 (10 of 10 examples differ)")


def test_golden_pictures_may_be_larger_than_those_of_clients(tmp_path: Path) -> None:
    model = publish_picture_model(tmp_path, Image(mode="rgb", resize=Resize(height=9, width=9)))
    settings = Settings.from_env(
        {
            "MODEL_REGISTRY": str(model.registry),
            "MODELS": "photos",
            "MODEL_CACHE": str(tmp_path / "cache"),
            "MAX_REQUEST_BYTES": "100",  # 50 pixels
        }
    )
    loader = Loader(FolderStore(model.registry), settings, Log(io.BytesIO(), "ERROR"))
    runtime: Future[float] = Future()
    runtime.set_result(0.0)
    served = loader.load(settings.models[0], model.manifest.version, runtime)
    assert served.manifest == model.manifest


def loader_of(world: World) -> tuple[Loader, ModelRef, Future[float]]:
    settings = world.settings("iris")
    runtime: Future[float] = Future()
    runtime.set_result(0.0)
    return Loader(world.store, settings, world.log), settings.models[0], runtime


def test_nothing_is_kept_of_a_version_that_nobody_serves(world: World) -> None:
    """Or a process that follows an alias for years would grow with each release."""
    loader, ref, runtime = loader_of(world)
    for _ in range(3):
        loader.load(ref, world.publish().version, runtime)
    with pytest.raises(ArtifactRefused):
        loader.load(ref, world.publish(golden_weights=-WEIGHTS).version, runtime)
    gc.collect()
    assert len(loader._loading) == len(loader._loaded) == 0


def test_a_version_that_two_want_at_once_is_loaded_once(world: World) -> None:
    version = world.publish().version
    loader, ref, runtime = loader_of(world)
    world.store.open.clear()
    with ThreadPoolExecutor() as threads:
        loads = [threads.submit(loader.load, ref, version, runtime) for _ in range(8)]
        assert world.store.asked.wait(WAIT)
        world.store.open.set()
        first, *others = [load.result(WAIT) for load in loads]
    assert all(other is first for other in others)
    assert world.store.loads() == 1


def test_a_damaged_file_is_refused(world: World) -> None:
    manifest = world.publish()
    path = layout.file_path("iris", manifest.version, "model.tflite")
    (world.registry.root / path).write_bytes(b"x")
    assert refusal(world.entry()).code == "integrity_error"


def test_a_regression_is_served(world: World) -> None:
    manifest = world.publish_changed(
        lambda made: replace(
            made,
            task="regression",
            outputs=(replace(made.outputs[0], labels=None, task="regression"),),
        )
    )
    assert get(world.entry()).manifest == manifest


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"task": "embedding"},
            "this release of the function cannot serve task 'embedding'",
        ),
        (
            {"needs_flex": True},
            "this release of the function cannot serve TensorFlow operators",
        ),
        (
            {"dtype": "string"},
            "its inputs need preprocessing that this release of the function lacks: string",
        ),
        (
            {"shape": (None,)},
            (
                "output 'species': expected one row for each instance, [null, values], got the "
                "shape [null]"
            ),
        ),
        ({"golden": b"x"}, "golden: expected an npz of golden examples, got "),
        (
            {"examples": {"inputs": ("other", FEATURES), "outputs": ("species", 3)}},
            "golden.inputs: expected ['features'], got ['other']",
        ),
        (
            {"examples": {"inputs": ("features", FEATURES), "outputs": ("species", 4)}},
            "golden.outputs['species']: expected the shape [null, 3], got [2, 4]",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_what_this_release_cannot_serve_is_refused_clearly(
    world: World, change: dict[str, Any], problem: str
) -> None:
    manifest = world.publish_changed(lambda made: changed(made, change), golden_of(change))
    entry = world.entry()
    assert refusal(entry).code == "artifact_refused"
    (message,) = world.lines.messages("ERROR")
    where = f"iris {manifest.version}"
    assert message.startswith(f"cannot serve {where}: {where}: {problem}")


def test_golden_examples_that_do_not_fit_the_model_are_refused(world: World) -> None:
    """The manifest says five features, and so do its examples; the flatbuffer has four."""
    five = GoldenExamples(
        ("a",),
        {"features": np.zeros((1, FEATURES + 1), np.float32)},
        {"species": np.zeros((1, 3), np.float32)},
        {"species": np.array(1.0)},
    )
    world.publish_changed(
        lambda made: replace(made, inputs=(replace(made.inputs[0], shape=(None, FEATURES + 1)),)),
        write_golden(five),
    )
    assert refusal(world.entry()).code == "artifact_refused"
    (message,) = world.lines.messages("ERROR")
    assert "LiteRT cannot run the golden examples: " in message


def split(world: World, version: str, **shares: Share) -> None:
    """Lets the production alias name other versions beside one."""
    document = AliasDocument(
        model="iris",
        alias="production",
        version=version,
        canary=shares.get("canary"),
        shadow=shares.get("shadow"),
    )
    path = world.registry.root / layout.alias_path("iris", "production")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_alias(document), encoding="utf-8")


@pytest.mark.parametrize("role", ["canary", "shadow"])
@pytest.mark.parametrize("percent", [0, 50])
def test_an_alias_with_a_canary_or_shadow_is_refused_by_name(
    world: World, role: str, percent: float
) -> None:
    old, new = world.publish(alias=None), world.publish(alias=None, weights=-WEIGHTS)
    split(world, old.version, **{role: Share(new.version, percent)})
    entry = world.entry()
    assert refusal(entry).code == "artifact_refused"
    assert world.lines.messages("ERROR") == [
        (
            f"cannot serve iris@production: alias.{role}: expected null, because this release of "
            f"the function serves one version of an alias, got {new.version} at {percent} %; "
            f"`promote` {old.version} to production ends it"
        )
    ]
    assert world.store.loads() == 0
    world.move("production", old.version)
    world.clock.now += RETRY_AFTER_SECONDS
    assert get(entry).manifest == old


def test_a_function_keeps_its_version_while_its_alias_splits_traffic(world: World) -> None:
    old = world.publish()
    entry = world.entry()
    get(entry)
    new = world.publish(alias=None, weights=-WEIGHTS)
    split(world, new.version, canary=Share(old.version, 10))
    world.clock.now += REFRESH
    get(entry)
    settle(entry)
    assert get(entry).manifest == old
    (message,) = world.lines.messages("ERROR")
    assert "alias.canary: expected null" in message
    assert message.endswith(f"; {old.version} keeps answering")
    split(world, new.version)
    world.clock.now += REFRESH
    get(entry)
    settle(entry)
    assert get(entry).manifest == new
