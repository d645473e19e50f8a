"""The recipe: read from TOML, checked key by key, overridden from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model_export.errors import UsageError
from model_export.recipe.gate import GateSection
from model_export.recipe.inputs import InputSection
from model_export.recipe.measure import MeasureSection
from model_export.recipe.model import DataSection, ModelSection
from model_export.recipe.prune import DistillSection, PruneSection
from model_export.recipe.publish import PublishSection
from model_export.recipe.quantize import CalibrationSection, QuantizeSection
from model_export.recipe.recipe import Recipe, read_recipe

MINIMAL = """
[model]
name = "iris"
source = "iris.keras"
[data]
source = "iris.npz"
"""
FULL = """
[model]
name = "iris"
source = "iris.keras"
task = "classification"
labels = ["setosa", "versicolor"]
custom_objects = "layers:custom"
unsafe_load = true
[inputs.features]
description = "of one flower"
units = "cm"
[data]
source = "data:splits"
[prune]
method = "magnitude"
sparsity = 0.7
scope = "global"
schedule = "polynomial"
epochs = 5
batch_size = 16
learning_rate = 0.001
optimizer = "sgd"
stop_early = false
distill = { temperature = 2, weight = 0.25 }
include = ["conv*"]
exclude = ["conv_1"]
[calibration]
examples = 50
method = "moving_average"
[quantize]
variants = ["float16", "full_int8"]
max_tries = 3
[measure]
batch = 16
threads = 2
rounds = 5
starts = 1
[gate]
metric = "my_data:cost"
lower_is_better = true
max_drop = 0.02
confidence = 0.9
max_class_drop = 0.05
prefer = "quality"
max_bytes = 100000
max_latency_ms = 2
max_rss_mib = 64
[publish]
registry = "gs://bucket/prefix"
alias = "staging"
"""


def read(tmp_path: Path, text: str, *overrides: str) -> Recipe:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return read_recipe(path, overrides)


def complaint(tmp_path: Path, text: str, *overrides: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text, *overrides)
    return str(caught.value)


def test_every_key_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, FULL) == Recipe(
        model=ModelSection(
            name="iris",
            source="iris.keras",
            task="classification",
            labels=("setosa", "versicolor"),
            custom_objects="layers:custom",
            unsafe_load=True,
        ),
        inputs={"features": InputSection(description="of one flower", units="cm")},
        data=DataSection(source="data:splits"),
        prune=PruneSection(
            method="magnitude",
            sparsity=0.7,
            scope="global",
            schedule="polynomial",
            epochs=5,
            batch_size=16,
            learning_rate=0.001,
            optimizer="sgd",
            stop_early=False,
            distill=DistillSection(temperature=2.0, weight=0.25),
            include=("conv*",),
            exclude=("conv_1",),
        ),
        calibration=CalibrationSection(examples=50, method="moving_average"),
        quantize=QuantizeSection(variants=("float16", "full_int8"), max_tries=3),
        measure=MeasureSection(batch=16, threads=2, rounds=5, starts=1),
        gate=GateSection(
            metric="my_data:cost",
            lower_is_better=True,
            max_drop=0.02,
            confidence=0.9,
            max_class_drop=0.05,
            prefer="quality",
            max_bytes=100_000,
            max_latency_ms=2.0,
            max_rss_mib=64.0,
        ),
        publish=PublishSection(registry="gs://bucket/prefix", alias="staging"),
    )


def test_all_but_the_model_and_its_examples_has_a_default(tmp_path: Path) -> None:
    recipe = read(tmp_path, MINIMAL)
    assert recipe == Recipe(
        model=ModelSection(name="iris", source="iris.keras"), data=DataSection(source="iris.npz")
    )
    assert recipe.model.labels is None
    assert recipe.model.unsafe_load is False
    assert recipe.prune.method == "none"
    assert recipe.quantize.variants == (
        *("float32", "float16", "weight_int8", "weight_int4"),
        *("dynamic_int8", "static_int8", "full_int8"),
    )
    assert recipe.calibration == CalibrationSection(examples=200, method="min_max")
    assert recipe.measure == MeasureSection(batch=8, threads=1)
    assert recipe.gate == GateSection(metric=None, max_drop=None, prefer="latency")
    assert recipe.gate.allowed_drop == 0.01
    assert recipe.publish == PublishSection(registry=None, alias=None)


def test_labels_may_be_a_file(tmp_path: Path) -> None:
    assert read(tmp_path, MINIMAL, "model.labels=labels.txt").model.labels == "labels.txt"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            MINIMAL + "[gate]\nmax_dorp = 1",
            "recipe.gate.max_dorp: unknown key; did you mean 'max_d",
        ),
        (MINIMAL + "[gates]\nmax_drop = 1", "recipe.gates: unknown key; did you mean 'gate'?"),
        (MINIMAL + "[inputs.x]\nunit = 'cm'", "recipe.inputs['x'].unit: unknown key; did you mean"),
        (
            MINIMAL + "[zoo]",
            "recipe.zoo: unknown key; known keys: model, data, inputs, outputs, sequence, prune",
        ),
        ("[model]\nname='a'\nsource='a'", "recipe.data: expected a value, got nothing"),
        ("[data]\nsource='a'\n[model]\nname='a'", "recipe.model.source: expected a value, got n"),
    ],
)
def test_a_key_that_is_unknown_or_missing_is_named(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert f"{tmp_path / 'recipe.toml'}: {expected}" in complaint(tmp_path, text)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("model.name=3", "recipe.model.name: expected a string, got 3"),
        ("model.name=a/b", "recipe.model.name: expected 1 to 63 letters"),
        ("model.task=embedding", "recipe.model.task: expected one of 'classification', 'multi_la"),
        ("model.unsafe_load=1", "recipe.model.unsafe_load: expected true or false, got 1"),
        ("model.labels=7", "recipe.model.labels: expected a list or a string, got 7"),
        ("data.source=true", "recipe.data.source: expected a string, got true"),
        ("prune.method=movement", "recipe.prune.method: expected one of 'none', 'magnitude'"),
        ("prune.sparsity=1.0", "recipe.prune.sparsity: expected between 0 and 1, got 1.0"),
        ("prune.sparsity=0", "recipe.prune.sparsity: expected between 0 and 1, got 0"),
        ("prune.schedule=cubic", "recipe.prune.schedule: expected one of 'constant', 'polynomial'"),
        ("prune.epochs=1.5", "recipe.prune.epochs: expected a whole number, got 1.5"),
        ("prune.epochs=-1", "recipe.prune.epochs: expected 0 or more, got -1"),
        ("prune.batch_size=0", "recipe.prune.batch_size: expected 1 or more, got 0"),
        ("prune.learning_rate=0", "recipe.prune.learning_rate: expected more than 0, got 0"),
        ("prune.scope=model", "recipe.prune.scope: expected one of 'layer', 'global', got 'model'"),
        ("prune.distill.weight=0", "recipe.prune.distill.weight: expected more than 0, up to 1"),
        ("prune.distill.temperature=0", "recipe.prune.distill.temperature: expected more than 0"),
        ("calibration.examples=0", "recipe.calibration.examples: expected 1 or more, got 0"),
        ("calibration.method=max", "recipe.calibration.method: expected one of 'min_max', 'moving"),
        ("quantize.max_tries=-1", "recipe.quantize.max_tries: expected 0 or more, got -1"),
        ("measure.batch=0", "recipe.measure.batch: expected 1 or more, got 0"),
        ("measure.threads=0", "recipe.measure.threads: expected 1 or more, got 0"),
        ("measure.rounds=0", "recipe.measure.rounds: expected 1 or more, got 0"),
        ("measure.starts=0", "recipe.measure.starts: expected 1 or more, got 0"),
        ("prune.include=conv*", "recipe.prune.include: expected a list, got 'conv*'"),
        ("prune.exclude=[1]", "recipe.prune.exclude[0]: expected a string, got 1"),
        ("quantize.variants=[]", "recipe.quantize.variants: expected each variant once, at least"),
        ("quantize.variants=['int4']", "recipe.quantize.variants[0]: expected one of 'float32',"),
        (
            "quantize.variants=['float32', 'float32']",
            "recipe.quantize.variants: expected each variant once",
        ),
        ("gate.metric=1", "recipe.gate.metric: expected a string, got 1"),
        ("gate.metric=mine:f1", "recipe.gate.lower_is_better: expected true or false for a metric"),
        ("gate.lower_is_better=true", "and nothing for others, got True for the usual"),
        ("outputs.x.threshold=1.5", "recipe.outputs['x'].threshold: expected 0 to 1, got 1.5"),
        ("outputs.x.threshold=[0.5,-1]", "recipe.outputs['x'].threshold: expected 0 to 1, got -1"),
        ("outputs.x.threshold=best", "expected a number or a list or 'tuned', got 'best'"),
        ("outputs.x.treshold=1", "recipe.outputs['x'].treshold: unknown key; did you mean 'thres"),
        ("outputs.x.metric=mine:f1", "recipe.outputs['x'].lower_is_better: expected true or fal"),
        ("gate.max_rss_mib=all", "recipe.gate.max_rss_mib: expected a number, got 'all'"),
        ("gate.max_drop=little", "recipe.gate.max_drop: expected a number, got 'little'"),
        ("gate.max_drop=nan", "recipe.gate.max_drop: expected a finite number, got nan"),
        ("gate.confidence=95", "recipe.gate.confidence: expected 0.5 to 1, got 95"),
        ("gate.prefer=speed", "recipe.gate.prefer: expected one of 'latency', 'size', 'quality'"),
        ("gate.max_bytes=1e3", "recipe.gate.max_bytes: expected a whole number, got 1000.0"),
        ("gate.max_latency_ms=[1]", "recipe.gate.max_latency_ms: expected a number, got a list"),
        ("publish.alias=", "recipe.publish.alias: expected 1 to 63 letters"),
        ("publish.registry=5", "recipe.publish.registry: expected a string, got 5"),
        ("publish=1.0", "--set publish=1.0: expected section.key=value"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_was_expected(
    tmp_path: Path, override: str, expected: str
) -> None:
    assert expected in complaint(tmp_path, MINIMAL, override)


def test_an_override_is_toml_or_else_a_plain_string(tmp_path: Path) -> None:
    recipe = read(
        tmp_path,
        FULL,
        "gate.max_drop=0.5",
        "model.unsafe_load=false",
        'quantize.variants=["float32"]',
        "publish.registry=gs://other/place",
        "prune.schedule='constant'",
        "inputs.features.units=inch",
        "inputs.other.units=a=b",
    )
    assert recipe.gate.max_drop == 0.5
    assert recipe.model.unsafe_load is False
    assert recipe.quantize.variants == ("float32",)
    assert recipe.publish.registry == "gs://other/place"
    assert recipe.prune.schedule == "constant"
    assert recipe.inputs["features"] == InputSection(description="of one flower", units="inch")
    assert recipe.inputs["other"].units == "a=b"


def test_the_last_of_two_overrides_counts(tmp_path: Path) -> None:
    recipe = read(tmp_path, MINIMAL, "gate.max_drop=0.5", "gate.max_drop=0.25")
    assert recipe.gate.max_drop == 0.25


@pytest.mark.parametrize("override", ["gate.max_drop", "max_drop=1", "gate.=1", "=1", ""])
def test_a_malformed_override_shows_how_it_should_look(tmp_path: Path, override: str) -> None:
    assert "expected section.key=value" in complaint(tmp_path, MINIMAL, override)


def test_an_override_into_a_value_is_refused(tmp_path: Path) -> None:
    assert "'source' is no table" in complaint(tmp_path, MINIMAL, "model.source.path=x")


def test_an_override_in_an_unknown_section_is_refused(tmp_path: Path) -> None:
    assert "recipe.gaet: unknown key; did you mean 'gate'?" in complaint(
        tmp_path, MINIMAL, "gaet.max_drop=1"
    )


def test_a_file_that_is_no_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    assert "expected TOML: " in (told := complaint(tmp_path, "[model]\nname = iris"))
    assert "line 2" in told


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"expected TOML"):
        read_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_recipe_that_cannot_be_read_is_refused_by_its_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be read: ") as caught:
        read_recipe(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    "override",
    [
        "gate.max_drop=0.03",
        "model.source=other.keras",
        "prune.epochs=6",
        "calibration.examples=51",
        "measure.rounds=6",
    ],
)
def test_the_digest_changes_with_what_the_artifact_depends_on(
    tmp_path: Path, override: str
) -> None:
    assert read(tmp_path, FULL).sha256 != read(tmp_path, FULL, override).sha256


@pytest.mark.parametrize("override", ["publish.registry=elsewhere", "publish.alias=other"])
def test_the_digest_does_not_depend_on_where_the_artifact_goes(
    tmp_path: Path, override: str
) -> None:
    assert read(tmp_path, FULL).sha256 == read(tmp_path, FULL, override).sha256


def test_the_digest_does_not_depend_on_how_the_recipe_is_written(tmp_path: Path) -> None:
    spelled: dict[str, Any] = {"before": MINIMAL, "after": MINIMAL + "[measure]\nbatch = 8\n"}
    assert len({read(tmp_path, text).sha256 for text in spelled.values()}) == 1
