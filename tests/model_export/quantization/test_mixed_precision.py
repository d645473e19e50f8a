"""What int8 hurts most stays in float: found, counted, and in the end published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.quantization.candidate_factory import CandidateFactory
from model_export.quantization.float32_model import Float32Model
from model_export.quantization.mixed_precision import distance, rank_by_sensitivity, search
from model_export.quantization.quantize import calibrate
from model_export.signature.signature import ModelSignature
from tests.support.storage.files import contents
from tflite_serving.contract.evidence import FloatOperator
from tflite_serving.contract.manifest import read_manifest
from tflite_serving.contract.tensors import InputSpec, OutputSpec

Cli = Callable[..., Result]
Recipes = Callable[..., Path]
LAYERS = frozenset({"first", "second", "third", "species"})


def factory_for(flatbuffer: bytes) -> CandidateFactory:
    from tests.support.models import keras_models

    signature = ModelSignature(
        "classification",
        (InputSpec("features", "float32", (None, 4)),),
        (OutputSpec("species", "float32", (None, 3), labels=("a", "b", "c")),),
    )
    float32 = fold_batch_shapes(flatbuffer)
    model = Float32Model(float32, signature, LAYERS)
    return CandidateFactory(model, calibrate(float32, keras_models.flowers(60, 0)))


def test_the_operators_that_quantization_hurts_come_first(
    converted: Callable[[str], bytes],
) -> None:
    from tests.support.models import keras_models

    told: list[float] = []
    factory = factory_for(converted("outlier"))
    ranked = rank_by_sensitivity(
        factory, "static_int8", keras_models.flowers(30, 1), advance=told.append
    )
    assert {operator.layer for operator in ranked[:2]} == {"second", "third"}
    assert all(operator.kind == "FULLY_CONNECTED" for operator in ranked[:2])
    errors = [operator.error or 0.0 for operator in ranked]
    assert errors == sorted(errors, reverse=True)
    assert errors[1] > 0.1 > errors[2] > 0
    assert told == sorted(told)
    assert told[-1] == 1.0
    names = [operator.name for operator in ranked]
    assert len(set(names)) == len(names)


def test_an_operator_that_ends_the_process_does_not_change_the_ranking_of_others(
    converted: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tests.support.export.failing_candidates import abort_when_loaded
    from tests.support.models import keras_models

    factory, examples = factory_for(converted("outlier")), keras_models.flowers(30, 1)
    ranked = rank_by_sensitivity(factory, "static_int8", examples)
    # After the float model's answers, each operator has its turn.
    abort_when_loaded(monkeypatch, tmp_path, turn=1)
    again = rank_by_sensitivity(factory, "static_int8", examples)
    assert len(again) == len(ranked) - 1
    assert [operator for operator in ranked if operator in again] == again


def test_a_mixture_says_what_it_left_in_float_and_answers_like_the_float_model(
    converted: Callable[[str], bytes],
) -> None:
    from tests.support.models import keras_models
    from tests.support.models.litert import run

    factory = factory_for(converted("outlier"))
    ranked = rank_by_sensitivity(factory, "static_int8", keras_models.flowers(30, 1))
    plain, mixed = (factory.make("static_int8", tuple(ranked[:count])) for count in (0, 2))
    assert (plain.name, plain.kept_in_float) == ("static_int8", ())
    assert (mixed.name, mixed.kept_in_float) == ("static_int8_mixed", tuple(ranked[:2]))
    dtypes = {o.layer: o.weights.dtype for o in mixed.facts.operators if o.weights}
    assert dtypes == {"first": "int8", "second": "float32", "third": "float32", "species": "int8"}
    x = keras_models.flowers(90, 2).inputs["features"]
    right = run(factory.model.flatbuffer, x).argmax(axis=1)
    assert np.mean(run(plain.flatbuffer, x).argmax(axis=1) == right) < 0.5
    assert np.mean(run(mixed.flatbuffer, x).argmax(axis=1) == right) == 1


@dataclass
class Counting:
    """Makes numbers of operators in float for candidates; keeps what it was asked for."""

    asked: list[int] = field(default_factory=list)

    def make(self, variant: str, kept_in_float: tuple[FloatOperator, ...]) -> int:
        assert variant == "static_int8"
        assert list(kept_in_float) == operators(len(kept_in_float))
        self.asked.append(len(kept_in_float))
        return len(kept_in_float)


def operators(count: int) -> list[FloatOperator]:
    return [FloatOperator(str(index), None, "CONV_2D", "quality", 1.0) for index in range(count)]


def searched(count: int, threshold: int, max_tries: int) -> tuple[Any, int, list[int]]:
    """What the search finds if so many operators in float, or more, keep the budget."""
    factory, told = Counting(), list[float]()
    result = search(
        factory,  # type: ignore[arg-type]  # less than a factory of candidates
        "static_int8",
        operators(count),
        lambda made: made >= threshold,  # type: ignore[operator]  # it is a number
        max_tries,
        told.append,
    )
    assert result.tries == len(factory.asked) == len(told)
    assert all(fraction <= 1 for fraction in told)
    return result.candidate, result.tries, factory.asked


@given(st.integers(0, 200), st.integers(1, 210))
def test_the_fewest_operators_that_keep_the_budget_are_found(count: int, threshold: int) -> None:
    found, tries, asked = searched(count, threshold, 1000)
    # All of them in float would be the float model.
    assert found == (threshold if threshold < count else None)
    assert tries <= 2 * max(count, 1).bit_length() + 1
    assert len(set(asked)) == len(asked)
    assert all(1 <= number < count for number in asked)


@given(st.integers(0, 200), st.integers(1, 210), st.integers(0, 12))
def test_no_more_is_asked_than_allowed_and_what_is_found_keeps_the_budget(
    count: int, threshold: int, max_tries: int
) -> None:
    found, tries, asked = searched(count, threshold, max_tries)
    assert tries <= max_tries
    passing = [number for number in asked if number >= threshold]
    assert found == min(passing, default=None)


@pytest.mark.parametrize("count", [0, 1])
def test_where_there_is_no_mixture_none_is_tried(count: int) -> None:
    assert searched(count, 1, 8) == (None, 0, [])


def test_an_export_rescues_a_model_that_int8_alone_would_ruin(
    cli: Cli, recipe_for: Recipes, tmp_path: Path
) -> None:
    recipe = recipe_for("outlier", quantize__variants=["static_int8"], gate__max_drop=0.02)
    result = cli("export", recipe, "--registry", tmp_path / "registry", "--json")
    assert result.exit_code == 0, result.stderr
    manifest = read_manifest(result.stdout)
    assert manifest.compression.quantization == "static_int8_mixed"
    assert manifest.quality.drop <= 0.02
    plain, mixed = manifest.compression.candidates
    assert (plain.name, plain.kept_in_float) == ("static_int8", ())
    assert plain.why_not is not None
    assert "over max_drop 0.02" in plain.why_not
    assert (mixed.name, mixed.variant) == ("static_int8_mixed", "static_int8")
    assert {operator.layer for operator in mixed.kept_in_float} == {"second", "third"}
    assert all((operator.error or 0) > 0.1 for operator in mixed.kept_in_float)
    shown = cli("show", f"{tmp_path}/registry/models/outlier/versions/{manifest.version}")
    assert "static_int8_mixed: second (FULLY_CONNECTED) stays in float" in shown.stdout


def test_without_tries_such_a_model_is_refused_and_nothing_is_published(
    cli: Cli, recipe_for: Recipes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    registry = tmp_path / "registry"
    assert cli("export", recipe_for("dense"), "--registry", registry).exit_code == 0
    before = contents(registry)
    recipe = recipe_for(
        "outlier",
        quantize__variants=["static_int8"],
        quantize__max_tries=0,
        publish__alias="production",
    )
    capfd.readouterr()
    result = cli("export", recipe, "--registry", registry)
    assert result.exit_code == 4
    assert "static_int8_mixed" not in capfd.readouterr().err
    assert "no candidate keeps the budget; nothing was published" in result.stderr
    assert contents(registry) == before


def test_a_model_that_no_mixture_rescues_is_refused_and_says_how_many_were_tried(
    cli: Cli, recipe_for: Recipes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = recipe_for("outlier", quantize__variants=["static_int8"], gate__max_drop=-0.5)
    capfd.readouterr()
    result = cli("export", recipe, "--registry", tmp_path / "registry")
    assert result.exit_code == 4
    assert "none of 3 mixtures keeps the budget" in capfd.readouterr().err
    assert not (tmp_path / "registry").exists()
    # What looks bad on the validation split already is not asked about the test split.
    kept = tmp_path / ".model_export" / "outlier"
    assert len(list(kept.glob("validation-*"))) == 3
    # The other one is of float32, which is compared with the Keras model.
    assert len(list(kept.glob("test-*"))) == 2


def test_of_several_outputs_the_one_that_moves_most_counts() -> None:
    kind = OutputSpec("kind", "float32", (None, 2))
    price = OutputSpec("price", "float32", (None, 1), task="regression")
    reference = {"kind": np.zeros((4, 2)), "price": np.array([[-100.0], [100.0]] * 2)}
    moved = {"kind": reference["kind"] + 0.2, "price": reference["price"] + 10}
    assert distance(moved, reference, [kind, price]) == pytest.approx(0.2)
    moved["price"] += 20  # 0.3 of its standard deviation
    assert distance(moved, reference, [kind, price]) == pytest.approx(0.3)
    assert distance(moved, reference, [price]) == pytest.approx(30)
    moved["kind"][:] = np.nan
    assert distance(moved, reference, [kind, price]) == pytest.approx(1.0)
