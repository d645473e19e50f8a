"""Every kind of output: exported for real, asked over HTTP in every format, compared with Keras."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import Result
from rich.console import Console

from model_export.progress import Progress
from model_export.recipe.recipe import read_recipe
from model_export.steps.prepare import PreparedExport, load, prepare
from tests.support.models import output_models
from tests.support.models.output_models import KINDS, TOPICS, Examples, write_data
from tests.support.server.serving import Function, running
from tflite_serving.contract.manifest import Manifest, read_manifest

Cli = Callable[..., Result]
Array = npt.NDArray[Any]
NAMES = tuple(KINDS)
TOLERANCE = 1e-5
QUIET = Progress(Console(file=io.StringIO()))


@dataclass(frozen=True, slots=True)
class Exported:
    """A model that was exported.

    Attributes:
        model: the Keras model.
        manifest: of the version.
        folder: of the version.
        recipe: that it was exported by.
        told: what the export said.
        test: inputs and right answers.
    """

    model: Any
    manifest: Manifest
    folder: Path
    recipe: Path
    told: str
    test: Examples

    def keras(self, rows: slice = slice(None)) -> dict[str, Array]:
        """What the Keras model answers, by output name; logits as probabilities."""
        inputs = [x[rows] for x in self.test[0].values()]
        found = self.model(inputs if len(inputs) > 1 else inputs[0], training=False)
        if not isinstance(found, dict):
            found = {self.manifest.outputs[0].name: found}
        return {
            output.name: 1 / (1 + np.exp(-values)) if output.activation == "sigmoid" else values
            for output in self.manifest.outputs
            for values in [np.asarray(found[output.name], np.float64)]
        }

    def uri(self, registry: Path) -> str:
        """Of the version."""
        return f"{registry}/models/{self.manifest.name}/versions/{self.manifest.version}"

    def instances(self, count: int) -> list[Any]:
        """As JSON has them."""
        x = {name: values[:count].tolist() for name, values in self.test[0].items()}
        if len(x) == 1:
            return next(iter(x.values()))
        return [dict(zip(x, row, strict=True)) for row in zip(*x.values(), strict=True)]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def all_exported(tmp_path_factory: pytest.TempPathFactory, registry: Path) -> dict[str, Exported]:
    from click.testing import CliRunner

    from model_export.cli import main

    made = {}
    for name, kind in KINDS.items():
        folder = tmp_path_factory.mktemp(name)
        model = output_models.fitted(kind)
        model.save(folder / "model.keras")
        splits = write_data(folder, name, kind)
        recipe = folder / "recipe.toml"
        variants = "" if "quantize" in kind.recipe else 'quantize.variants = ["float32"]'
        recipe.write_text(
            f"""
            model.name = "{name}"
            model.source = "model.keras"
            data.source = "{name}_data:splits"
            measure = {{starts = 1, rounds = 2}}
            gate.max_drop = 0.1
            publish = {{registry = "{registry}", alias = "production"}}
            {variants}
            {kind.recipe}
            """
        )
        result = CliRunner().invoke(main, ["export", str(recipe)], catch_exceptions=False)
        assert result.exit_code == 0, result.stderr
        (path,) = registry.glob(f"models/{name}/versions/*/manifest.json")
        manifest = read_manifest(path.read_bytes())
        made[name] = Exported(model, manifest, path.parent, recipe, result.output, splits["test"])
    return made


@pytest.fixture(scope="module")
def function(
    all_exported: dict[str, Exported], registry: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Function]:
    settings = {"MODEL_REGISTRY": str(registry), "MODELS": ",".join(all_exported)}
    with running("predict", settings, tmp_path_factory.mktemp("function")) as started:
        yield started


def prepare_again(given: Exported, setting: str) -> PreparedExport:
    recipe, folder = read_recipe(given.recipe, [setting]), given.recipe.parent
    return prepare(load(recipe, folder, QUIET), recipe, folder, QUIET)[1]


def asked(function: Function, name: str, instances: list[Any], query: str = "") -> list[Any]:
    response = function.post(f"/models/{name}/predict{query}", {"instances": instances})
    assert response.status_code == 200, response.text
    predictions: list[Any] = response.json()["predictions"]
    return predictions


def test_the_classic_of_every_tutorial_needs_no_field_written_by_hand(
    all_exported: dict[str, Exported],
) -> None:
    (output,) = all_exported["rare"].manifest.outputs
    assert (output.task, output.shape, output.labels) == ("classification", (None, 1), ("0", "1"))
    assert output.activation == "none"
    assert all_exported["rare"].manifest.quality.metric == "accuracy"
    (logits,) = all_exported["rare_logits"].manifest.outputs
    assert (logits.task, logits.activation, logits.labels) == (
        *("classification", "sigmoid"),
        ("no", "yes"),
    )


@pytest.mark.parametrize("name", ["rare", "rare_logits"])
def test_right_answers_of_any_type_and_shape_are_the_two_classes(
    all_exported: dict[str, Exported], tmp_path: Path, name: str
) -> None:
    given, source = all_exported[name], None
    for dtype, shape in product((np.int64, np.uint8, np.bool_, np.float32), ((-1,), (-1, 1))):
        arrays = {}
        for seed, (split, count) in enumerate(output_models.SIZES.items()):
            x, y = output_models.rare(count, seed)
            arrays[f"x_{split}"] = x["features"]
            arrays[f"y_{split}"] = y[""].astype(dtype).reshape(shape)
        np.savez(tmp_path / "data.npz", allow_pickle=False, **arrays)
        recipe = read_recipe(given.recipe, [f"data.source={tmp_path / 'data.npz'}"])
        source = source or load(recipe, given.recipe.parent, QUIET)
        _, prepared = prepare(source, recipe, given.recipe.parent, QUIET)
        (output,) = given.manifest.outputs
        assert prepared.signature.outputs == (output,)
        quality = prepared.reference.test[output.name].reference
        assert quality == given.manifest.quality.reference


@pytest.mark.parametrize("name", ["rare", "rare_logits"])
def test_the_threshold_is_a_half_unless_the_recipe_says_another(
    all_exported: dict[str, Exported], function: Function, name: str
) -> None:
    given = all_exported[name]
    output = given.manifest.outputs[0]
    assert output.thresholds == (0.5,)
    labels = output.labels or ()
    wanted = given.keras()[output.name][:, 0]
    answers = asked(function, name, given.instances(len(wanted)))
    for score, answer in zip(wanted, answers, strict=True):
        assert answer["scores"] == pytest.approx(
            {labels[0]: 1 - score, labels[1]: score}, abs=TOLERANCE
        )
        if abs(score - 0.5) > TOLERANCE:
            assert answer["label"] == labels[int(score >= 0.5)]
        assert answer["score"] == max(answer["scores"].values())
        assert "threshold" not in answer
    right = [
        a["label"] == labels[truth] for a, truth in zip(answers, given.test[1][""], strict=True)
    ]
    assert np.mean(right) == pytest.approx(given.manifest.quality.published, abs=1e-9)


def test_a_threshold_in_the_query_is_that_of_the_request(
    all_exported: dict[str, Exported], function: Function
) -> None:
    instances = all_exported["rare"].instances(20)
    answers = asked(function, "rare", instances, "?threshold=0")
    assert {(a["label"], a["threshold"]) for a in answers} == {("1", 0)}
    refused = function.post("/models/prices/predict?threshold=0.3", {"instances": instances})
    assert refused.status_code == 400
    assert refused.json()["error"] == "threshold: a regression has no scores that could reach one"
    slip = function.post("/models/rare/predict?treshold=0.3", {"instances": instances})
    assert (slip.status_code, slip.json()["error"]) == (
        *(400,),
        "treshold: did you mean 'threshold'?",
    )


def test_a_threshold_of_the_recipe_is_kept(all_exported: dict[str, Exported]) -> None:
    given = all_exported["rare"]
    (output,) = given.manifest.outputs
    prepared = prepare_again(given, f"outputs.{output.name}.threshold=0.9")
    assert prepared.signature.outputs[0].thresholds == (0.9,)
    # At it, hardly anything is positive; the metric says so.
    truth = given.test[1][""]
    answered = given.keras()[output.name][:, 0] >= 0.9
    assert prepared.reference.test[output.name].reference == np.mean(answered == (truth == 1))


def test_a_model_that_is_asked_about_other_examples_than_its_own_is_told_of(
    all_exported: dict[str, Exported], tmp_path: Path
) -> None:
    given, arrays = all_exported["rare"], {}
    for seed, (split, count) in enumerate(output_models.SIZES.items()):
        x, y = output_models.rare(count, seed)
        arrays[f"x_{split}"] = -x["features"]
        arrays[f"y_{split}"] = y[""]
    np.savez(tmp_path / "data.npz", allow_pickle=False, **arrays)
    recipe = read_recipe(given.recipe, [f"data.source={tmp_path / 'data.npz'}"])
    log, folder = io.StringIO(), given.recipe.parent
    progress = Progress(Console(file=log, width=400))
    prepare(load(recipe, folder, progress), recipe, folder, progress)
    assert "on the test split, and always '0' would have 0." in log.getvalue()
    assert "are these the examples that it was trained for" in log.getvalue()


def test_a_tuned_threshold_is_compared_with_the_keras_model_at_a_half(
    all_exported: dict[str, Exported],
) -> None:
    """A threshold that fits the validation split alone would lose on the test split: it shows."""
    given = all_exported["topics"]
    (output,) = given.manifest.outputs
    recipe = read_recipe(given.recipe, [f"outputs.{output.name}.threshold=tuned"])
    log, folder = io.StringIO(), given.recipe.parent
    progress = Progress(Console(file=log, width=400))
    _, prepared = prepare(load(recipe, folder, progress), recipe, folder, progress)
    (tuned,) = prepared.signature.outputs
    assert tuned.thresholds is not None
    assert "validation examples that did not choose, micro_f1 0." in log.getvalue()
    paired, scores = prepared.reference.test[output.name], given.keras()[output.name]
    assert paired.reference == given.manifest.quality.reference
    truth = given.test[1][""].astype(bool)
    said = scores >= np.array(tuned.thresholds)
    expected = 2 * (said & truth).sum() / (said.sum() + truth.sum())
    assert paired.drop(scores) == pytest.approx(paired.reference - expected)
    # What is decided on the way compares like with like.
    x, _ = output_models.topics(output_models.SIZES["validation"], 1)
    validation = np.asarray(given.model(x["features"], training=False))
    assert prepared.reference.validation[output.name].drop(validation) == pytest.approx(0, abs=1e-9)


def test_rows_of_any_number_of_ones_make_labels_of_several_sigmoids(
    all_exported: dict[str, Exported], function: Function
) -> None:
    given = all_exported["topics"]
    (output,) = given.manifest.outputs
    assert (given.manifest.task, output.task, output.labels) == (
        *("multi_label", "multi_label"),
        TOPICS,
    )
    assert output.thresholds is not None
    assert given.manifest.quality.metric == "micro_f1"
    assert given.manifest.compression.pruning is not None
    assert given.manifest.quality.published > 0.7  # fine-tuned with its own loss
    scores = asked(function, "topics", given.instances(40))
    for answer in scores:
        reached = [
            label
            for label, at in zip(TOPICS, output.thresholds, strict=True)
            if np.float32(answer["scores"][label]) >= np.float32(at)
        ]
        assert answer["labels"] == reached
    page = (given.folder / "report.html").read_text()
    assert "Label by label" in page
    assert "What is taken for what" not in page
    truth = given.test[1][""][:40].astype(bool)
    said = np.array([[label in answer["labels"] for label in TOPICS] for answer in scores])
    assert (said == truth).mean() > 0.75


def test_a_regression_tells_its_units(
    all_exported: dict[str, Exported], function: Function, cli: Cli, registry: Path
) -> None:
    given = all_exported["prices"]
    (output,) = given.manifest.outputs
    assert (output.task, output.units, output.labels) == ("regression", "EUR", None)
    values = [answer["value"] for answer in asked(function, "prices", given.instances(20))]
    np.testing.assert_allclose(values, given.keras(slice(20))["price"][:, 0], rtol=1e-4, atol=1e-4)
    metadata = function.get("/v1/models/prices/metadata").json()
    assert metadata["metadata"]["outputs"]["price"]["units"] == "EUR"
    assert "a number in EUR" in cli("show", given.uri(registry)).stdout


def test_two_inputs_and_two_outputs_are_answered_by_name_in_every_format(
    all_exported: dict[str, Exported], function: Function
) -> None:
    given = all_exported["houses"]
    chosen = given.manifest.compression.chosen
    scale = 1e-4 if chosen.name == "float32" else 0.2
    count = 7
    wanted = given.keras(slice(count))
    rows, x = given.instances(count), given.test[0]
    simple = asked(function, "houses", rows)
    found = np.array([list(row["species"]["scores"].values()) for row in simple])
    pruned = asked(function, "houses", rows, "?top_k=1")
    assert [len(row["species"]["scores"]) for row in pruned] == [1] * count
    assert [row["price"] for row in pruned] == [row["price"] for row in simple]
    v1 = function.post("/v1/models/houses:predict", {"instances": rows}).json()["predictions"]
    columns = {name: values[:count].tolist() for name, values in x.items()}
    table = function.post("/v1/models/houses:predict", {"inputs": columns}).json()["outputs"]
    for row, of_v1, species, price in zip(
        simple, v1, table["species"], table["price"], strict=True
    ):
        assert of_v1 == {"species": species, "price": price}
        assert list(row["species"]["scores"].values()) == species
        assert [row["price"]["value"]] == price
    # Pruned and fine-tuned, it is not the Keras model to the last bit.
    assert (found.argmax(axis=1) == wanted["species"].argmax(axis=1)).mean() > 0.8
    assert np.abs(np.array(table["price"]) - wanted["price"]).mean() < 3 + scale
    names = {output.name: output.task for output in given.manifest.outputs}
    assert sorted(names.items()) == [("price", "regression"), ("species", "classification")]


def test_what_is_wrong_with_one_of_several_inputs_is_told(
    all_exported: dict[str, Exported], function: Function
) -> None:
    (row,) = all_exported["houses"].instances(1)
    for change, expected in (
        ({"codes": [0.5, 1]}, "instances[0].codes[0]: expected a whole number"),
        ({"codes": [1, 2, 3]}, "instances[0].codes: expected shape [2], got [3]"),
        ({"pixels": [[1]]}, "instances[0].pixels: expected shape [4, 4, 1]"),
    ):
        refused = function.post("/models/houses/predict", {"instances": [{**row, **change}]})
        assert refused.status_code == 400
        assert refused.json()["error"].startswith(expected)
    file = io.BytesIO()
    np.save(file, np.zeros((1, 4), np.float32))
    refused = function.post(
        "/models/houses/predict", file.getvalue(), headers={"Content-Type": "application/x-npy"}
    )
    assert refused.status_code == 415
    csv = {"Content-Type": "text/csv"}
    assert function.post("/models/houses/predict", b"codes\n1", headers=csv).status_code == 415


def test_every_output_of_several_is_judged_and_told(
    all_exported: dict[str, Exported], cli: Cli, registry: Path
) -> None:
    given = all_exported["houses"]
    for candidate in given.manifest.compression.candidates:
        assert {each.output: each.metric for each in candidate.outputs} == {
            "price": "mae",
            "species": "accuracy",
        }
    shown = cli("show", given.uri(registry)).stdout
    assert "species  the best of barn, villa, hut" in shown
    assert "price: mae" in shown
    assert re.search(r"^ task +price regression, species classification$", shown, re.MULTILINE)
    assert "species accuracy" in shown
    page = (given.folder / "report.html").read_text()
    for name in ("species", "price"):
        assert f"<h2>Output <bdi>{name}</bdi></h2>" in page
    assert f"{given.manifest.version} · several outputs ·" in page
    (verdict,) = re.findall(r"<h1><bdi>(.*?)</bdi>", page)
    assert "price mae" in verdict
    assert "species accuracy" in verdict
    report = json.loads((given.folder / "report.json").read_bytes())
    assert {"outputs.species.max_drop", "outputs.price.max_drop"} <= {
        budget["key"] for budget in report["budgets"]
    }
    told = {output["quality"]["output"]: output for output in report["outputs"]}
    assert [change["label"] for change in told["species"]["classes"]] == ["barn", "villa", "hut"]
    assert told["species"]["values"] is None
    assert told["price"]["units"] == "EUR"
    assert len(told["price"]["values"]["points"]) == 120
    assert told["price"]["classes"] == []
    for candidate in given.manifest.compression.candidates:
        agreed = {each.output: each.agreement for each in candidate.outputs}
        assert agreed["price"] is None
        assert agreed["species"] == pytest.approx(1, abs=0.1)


def test_the_output_that_fails_is_named(
    all_exported: dict[str, Exported], cli: Cli, capfd: pytest.CaptureFixture[str]
) -> None:
    given = all_exported["houses"]
    result = cli(
        *("export", given.recipe, "--dry-run", "--set", "quantize.variants=['float32']"),
        *("--set", "outputs.price.max_drop=-50", "--set", "prune.method=none"),
    )
    assert result.exit_code == 4
    told = capfd.readouterr().err
    assert "output 'price': mae is" in told
    assert "output 'species'" not in told
    assert "price mae   species accuracy" in told
    # With another budget it is judged again, and not measured again.
    again = cli(
        *("export", given.recipe, "--dry-run", "--resume"),
        *("--set", "quantize.variants=['float32']", "--set", "prune.method=none"),
    )
    assert again.exit_code == 0
    assert "converted before" in capfd.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_what_is_served_is_verified_against_the_keras_model(
    all_exported: dict[str, Exported],
    function: Function,
    cli: Cli,
    registry: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    given = all_exported[name]
    against = ("--against", given.recipe.parent / "model.keras", "--data", f"{name}_data:splits")
    place = f"{registry}/models/{name}"
    monkeypatch.chdir(given.recipe.parent)
    result = cli("verify", place, "--url", function.url, *against, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["questions"] == output_models.SIZES["test"]
    assert [each["output"] for each in found["outputs"]] == [
        output.name for output in given.manifest.outputs
    ]
    if given.manifest.compression.pruning is None and len(given.manifest.outputs) == 1:
        assert found["largest"] < 1e-3
        assert found["label_agreement"] == (None if name == "prices" else 1.0)


@pytest.mark.parametrize("name", NAMES)
def test_its_own_golden_examples_are_verified(cli: Cli, registry: Path, name: str) -> None:
    result = cli("verify", f"{registry}/models/{name}")
    assert result.exit_code == 0, result.stderr
    assert "against its golden examples" in result.stdout


def test_the_confidence_in_the_log_is_that_of_an_output_with_classes(
    all_exported: dict[str, Exported], function: Function
) -> None:
    for name in ("houses", "topics"):
        asked(function, name, all_exported[name].instances(1))
        asked(function, "prices", all_exported["prices"].instances(1))
    lines = [line for line in function.log() if "httpRequest" in line]
    certain: dict[str, Any] = {
        line["logging.googleapis.com/labels"]["model"]: line.get("confidence")
        for line in lines
        if line["httpRequest"]["status"] == 200
        and line["httpRequest"]["requestUrl"].endswith("/predict")
    }
    assert certain["prices"] is None
    assert 0.5 <= certain["topics"] <= 1
    assert 0.3 < certain["houses"] <= 1


def test_a_layer_of_several_outputs_is_weighed_by_the_worst_of_them(
    all_exported: dict[str, Exported], cli: Cli
) -> None:
    result = cli("sensitivity", all_exported["houses"].recipe)
    assert result.exit_code == 0, result.stderr
    assert "parts of the budgets of" in result.stdout
    assert "hidden" in result.stdout


@pytest.mark.parametrize(
    ("name", "setting", "expected"),
    [
        ("houses", "model.labels=['a']", "recipe.model.labels: the model has the outputs"),
        ("houses", "model.task=regression", "recipe.model.task: the model has the outputs"),
        ("houses", "outputs.cost.units=EUR", "recipe.outputs.cost: no such output"),
        ("houses", "outputs.species.units=EUR", "recipe.outputs.species: units: expected none"),
        ("houses", "outputs.price.labels=['a']", "a regression has no classes to name"),
        ("houses", "outputs.price.threshold=0.5", "outputs.price.threshold: expected none"),
        ("houses", "outputs.species.threshold=tuned", "outputs.species.threshold: expected none"),
        ("houses", "gate.metric=acuracy", "gate.metric: 'acuracy' is not known"),
        ("houses", "outputs.price.metric=accuracy", "outputs.price.metric: 'accuracy' is for"),
        ("houses", "prune.distill={}", "recipe.prune.distill: several outputs"),
        ("topics", "prune.distill={}", "recipe.prune.distill: labels that do not exclude"),
        ("topics", "model.task=classification", 'say task = "multi_label"'),
        ("topics", "gate.metric=accuracy", "'accuracy' is for classification; for multi_label"),
        ("topics", "outputs.dense.threshold=[0.5]", "threshold: expected 3 of them, got 1"),
    ],
)
def test_a_recipe_that_does_not_fit_the_outputs_is_told(
    all_exported: dict[str, Exported], cli: Cli, name: str, setting: str, expected: str
) -> None:
    given = all_exported[name]
    if "dense" in setting:
        setting = setting.replace("dense", given.manifest.outputs[0].name)
    result = cli("export", given.recipe, "--dry-run", "--set", setting)
    assert result.exit_code == 2
    assert expected in result.stderr


@pytest.mark.parametrize(
    ("setting", "species"),
    [
        ("gate.metric=log_loss", ("log_loss", 0.1)),
        ("gate.metric=mae", ("accuracy", 0.1)),
        ("outputs.species.max_drop=0.02", ("accuracy", 0.02)),
    ],
)
def test_what_the_gate_says_holds_for_the_outputs_that_it_fits(
    all_exported: dict[str, Exported], setting: str, species: tuple[str, float]
) -> None:
    prepared = prepare_again(all_exported["houses"], setting)
    assert {
        each.output.name: (each.metric.name, each.gate.max_drop) for each in prepared.criteria
    } == {
        "price": ("mae", 0.5),
        "species": species,
    }


@pytest.mark.parametrize("missing", ["metric", "max_drop"])
def test_a_regression_beside_other_outputs_must_say_its_budget(
    all_exported: dict[str, Exported], cli: Cli, missing: str
) -> None:
    given = all_exported["houses"]
    text = given.recipe.read_text()
    part = {"metric": 'metric = "mae", ', "max_drop": ", max_drop = 0.5"}[missing]
    assert part in text
    changed = given.recipe.with_name("lacking.toml")
    changed.write_text(text.replace(part, ""))
    result = cli("export", changed, "--dry-run")
    assert result.exit_code == 2
    assert "is a regression beside other outputs, and nobody else knows its scale" in result.stderr
