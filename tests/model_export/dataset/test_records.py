"""Examples as records: by the names of columns, and with values that are missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_export.dataset.casting import cast_inputs
from model_export.dataset.records import arrange, describe_missing, fill
from model_export.dataset.source import load_splits
from model_export.dataset.splits import Split
from model_export.dataset.validation import check_data
from model_export.errors import UsageError
from model_export.recipe.inputs import InputSection
from model_export.recipe.model import DataSection, ModelSection
from model_export.recipe.recipe import Recipe
from model_export.signature.signature import describe_signature
from tests.support.models.signatures import Info, Source
from tflite_serving.contract.categories import HashingSpec
from tflite_serving.contract.preprocessing import LookupSpec, Preprocessing, Step, Vocabulary
from tflite_serving.contract.tensors import InputSpec
from tflite_serving.inputs.missing import default_of

CODE = """
import numpy as np


class Frame:  # what is used of a data frame: the names of its columns, and each of them
    def __init__(self, **columns):
        self.columns = list(columns)
        self._values = columns

    def __getitem__(self, name):
        return self._values[name]


class NAType:  # what some data frames have for missing values
    pass


nan, NA = np.nan, NAType()


def splits():
    x, y = {x}, np.arange(4) % 2
    return dict.fromkeys(("train", "validation", "test"), (x, y))
"""


ROW = Source((Info("features", "float32", (None, 2)),))
PERSON = Source(
    (
        Info("age", "float32", (None, 1)),
        Info("job", "string", (None, 1)),
        Info("level", "int64", (None, 1)),
    )
)
STEPS = Preprocessing(
    steps=(
        Step(
            layer="jobs",
            inputs=("job",),
            outputs=("jobs",),
            lookup=LookupSpec(
                vocabulary=Vocabulary(strings=("cook",), first=2, unknown=1, masked="")
            ),
        ),
        Step(
            layer="levels",
            inputs=("level",),
            outputs=("levels",),
            hashing=HashingSpec(bins=9, masked=-1),
        ),
    )
)


def read(
    folder: Path,
    x: str,
    source: Source,
    preprocessing: Preprocessing | None = None,
    inputs: Mapping[str, InputSection] | None = None,
) -> tuple[tuple[InputSpec, ...], Split]:
    """The model's inputs as the manifest will have them, and the training split.

    Args:
        folder: for the module that gives the examples.
        x: of every split, as Python.
        source: the model.
        preprocessing: layers that were cut off.
        inputs: sections of the recipe.
    """
    (folder / "people_data.py").write_text(CODE.replace("{x}", x))
    recipe = Recipe(
        model=ModelSection(name="people", source="model.keras", task="classification"),
        data=DataSection(source="people_data:splits"),
        inputs=inputs or {},
    )
    splits = load_splits(recipe.data.source, folder)
    signature = describe_signature(
        source,  # type: ignore[arg-type]  # less than a model
        recipe,
        folder,
        preprocessing,
        given=tuple(splits.train.inputs),
    )
    splits = arrange(splits, signature.inputs)
    check_data(splits, signature)
    specs = describe_missing(signature.inputs, recipe, splits.train, preprocessing)
    return specs, cast_inputs(fill(splits, specs), signature).train


def complaint(*arguments: Any) -> str:
    with pytest.raises(UsageError) as caught:
        read(*arguments)
    return str(caught.value)


def stands(spec: InputSpec) -> list[Any]:
    """For missing values of each field."""
    return [default_of(field) for field in spec.fields]


NAMES = InputSection(columns=("age", "income"))
ARRAY = "np.array([[1, 10], [2, 20], [3, 30], [4, 40]])"
BY_NAME = "{'income': np.array([10, 20, 30, 40]), 'age': np.array([1, 2, 3, 4.0])}"


@pytest.mark.parametrize(
    "x",
    [
        ARRAY,
        BY_NAME,
        "{'age': np.array([[1], [2], [3], [4]]), 'income': [10, 20, 30, 40]}",
        "np.array([(10, 1), (20, 2), (30, 3), (40, 4)], [('income', int), ('age', float)])",
        "Frame(income=[10, 20, 30, 40], age=[1, 2, 3, 4])",
        f"{{'features': {ARRAY}}}",
    ],
)
def test_a_row_of_numbers_may_be_given_by_the_names_of_its_columns(tmp_path: Path, x: str) -> None:
    (spec,), train = read(tmp_path, x, ROW, None, {"features": NAMES})
    assert [field.name for field in spec.fields] == ["age", "income"]
    assert train.inputs["features"].tolist() == [[1, 10], [2, 20], [3, 30], [4, 40]]
    assert train.inputs["features"].dtype == np.float32
    assert train.missing == {}


def test_the_examples_name_the_columns_where_the_recipe_does_not(tmp_path: Path) -> None:
    notes = {"income": InputSection(description="a year", units="EUR")}
    x = "Frame(income=[1, 2, 3, 4], age=[5, 6, 7, 8])"
    (spec,), train = read(tmp_path, x, ROW, None, notes)
    assert [field.name for field in spec.fields] == ["income", "age"]
    assert (spec.fields[0].description, spec.fields[0].units) == ("a year", "EUR")
    assert train.inputs["features"][0].tolist() == [1, 5]


def test_a_row_without_names_is_a_tensor(tmp_path: Path) -> None:
    (spec,), _ = read(tmp_path, ARRAY, ROW)
    assert spec == InputSpec("features", "float32", (None, 2))


GAPS = "np.array([[1, nan], [2, 20], [nan, 20], [6, 44]])"


@pytest.mark.parametrize(
    ("policy", "own", "expected"),
    [
        ("mean", None, [3.0, 28.0]),
        ("median", None, [2.0, 20.0]),
        ("most_frequent", None, [1.0, 20.0]),
        (-1, None, [-1.0, -1.0]),
        ("mean", 0.5, [0.5, 28.0]),
        ("refuse", "median", [2.0, None]),
    ],
)
def test_what_stands_for_missing_values_is_learned_from_the_training_split(
    tmp_path: Path, policy: Any, own: Any, expected: list[float | None]
) -> None:
    row = InputSection(columns=("age", "income"), missing=policy)
    # Without a policy for a column, one that is missing there is refused.
    gaps = GAPS if None not in expected else GAPS.replace("[1, nan]", "[1, 5]")
    sections = {"features": row, "age": InputSection(missing=own)}
    (spec,), train = read(tmp_path, gaps, ROW, None, sections)
    assert stands(spec) == expected
    assert train.inputs["features"][2].tolist() == [expected[0], 20.0]
    assert train.missing["features"][:, 0].tolist() == [False, False, True, False]
    assert np.isnan(train.as_sent["features"][2, 0])


PEOPLE = "{'age': [30, nan, 50, 41], 'job': ['cook', None, '', 'cook'], 'level': [1, 2, nan, 3]}"


def test_a_mask_of_a_layer_stands_for_what_is_missing(tmp_path: Path) -> None:
    sections = {"age": InputSection(missing="median")}
    specs, train = read(tmp_path, PEOPLE, PERSON, STEPS, sections)
    assert [default_of(spec) for spec in specs] == [41.0, "", -1]
    assert {name: values.tolist() for name, values in train.inputs.items()} == {
        "age": [30.0, 41.0, 50.0, 41.0],
        "job": ["cook", "", "", "cook"],
        "level": [1, 2, -1, 3],
    }
    assert train.inputs["level"].dtype == np.int64
    assert {name: list(map(str, values)) for name, values in train.as_sent.items()} == {
        "age": ["30.0", "nan", "50.0", "41.0"],
        "job": ["cook", "None", "", "cook"],
        "level": ["1", "2", "None", "3"],
    }
    second = train.rows(np.array([1]))
    assert second.missing["job"].tolist() == [True]


def test_a_policy_goes_before_the_mask(tmp_path: Path) -> None:
    specs, train = read(
        tmp_path,
        "{'age': [1, 2, 3, 4], 'job': ['cook', NA, 'a', 'cook'], 'level': [1, NA, 4, 4]}",
        PERSON,
        STEPS,
        {
            "job": InputSection(missing="most_frequent"),
            "level": InputSection(missing="mean"),
        },
    )
    assert [default_of(spec) for spec in specs] == [None, "cook", 3]
    assert train.inputs["job"].tolist() == ["cook", "cook", "a", "cook"]
    assert train.inputs["level"].tolist() == [1, 3, 4, 4]


def test_layers_with_different_masks_have_none(tmp_path: Path) -> None:
    other = Step(layer="other", inputs=("job",), outputs=("other",), hashing=HashingSpec(bins=9))
    steps = Preprocessing(steps=(STEPS.steps[0], other))
    told = complaint(tmp_path, PEOPLE, PERSON, steps, {"age": InputSection(missing=0)})
    assert told == (
        "people_data:splits: train: job: a value is missing; say what stands for such ones: "
        "inputs.job.missing"
    )


ALL = "{'age': [1, 2, 3, 4], 'job': ['a'] * 4, 'level': [1, 2, 3, 4]}"


@pytest.mark.parametrize(
    ("x", "source", "inputs", "expected"),
    [
        (GAPS, ROW, {}, "train: features: expected finite numbers, got NaN"),
        (GAPS, ROW, {"features": NAMES}, "train: age: a value is missing; say what stands"),
        (
            GAPS,
            ROW,
            {"features": InputSection(missing="mean")},
            "recipe.inputs.features.missing: expected none for an input of kind 'tensor'",
        ),
        (
            ARRAY,
            ROW,
            {"features": InputSection(columns=("a", "b", "c"))},
            "features.columns: expected as many as the input has values, 2, got 3",
        ),
        (
            ARRAY,
            ROW,
            {"features": InputSection(columns=("a", "a"))},
            "recipe.inputs.features: columns: expected each name once, got 'a' twice",
        ),
        (
            ALL,
            PERSON,
            {"age": InputSection(columns=("a",))},
            "age.columns: expected as many as the input has values, which is no row of numbers",
        ),
        (
            ALL,
            Source(inputs=(*PERSON.inputs, *ROW.inputs)),
            {"features": InputSection(columns=("a", "job"))},
            "features.columns: expected names that no input and no other column has, got 'job'",
        ),
        (
            "{'age': [1, 2, 3, 4], 'incom': [1, 2, 3, 4]}",
            ROW,
            {"features": NAMES},
            "train: expected the columns age, income, got age, incom",
        ),
        (
            "{'age': [1, 2, 3, 4], 'income': ['a'] * 4}",
            ROW,
            {"features": NAMES},
            "train: income: expected numbers, got <U1 values",
        ),
        (
            ALL,
            PERSON,
            {"job": InputSection(missing="mean")},
            "inputs.job.missing: expected 'most_frequent' for string, got 'mean'",
        ),
        (
            ALL,
            PERSON,
            {"age": InputSection(missing="none")},
            (
                "inputs.age.missing: expected a value of float32, got 'none'; or one of refuse, "
                "mean, median, most_frequent, mask"
            ),
        ),
        (
            ALL,
            PERSON,
            {"level": InputSection(missing=1.5)},
            "inputs.level.missing: expected a value of int64, got 1.5",
        ),
        (
            ALL,
            PERSON,
            {"age": InputSection(missing="mask")},
            "inputs.age.missing: expected layers that all have the same mask to take the input",
        ),
        (
            "np.array([[nan, 1], [nan, 2], [nan, 3], [nan, 4]])",
            ROW,
            {"features": InputSection(columns=("age", "income"), missing="mean")},
            "inputs.features.missing: there is no value of 'age' in the training split to learn",
        ),
        (
            "{'age': np.ones((4, 2)), 'income': [1, 2, 3, 4]}",
            ROW,
            {"features": NAMES},
            "train: age: expected one value an example, got the shape [2]",
        ),
        (
            ARRAY,
            ROW,
            {"features": NAMES, "age": InputSection(scale=2.0)},
            "recipe.inputs.age: expected description, units or missing of a column of 'features'",
        ),
        (
            "{'age': [1, 2, 3, 4], 'job': ['a'] * 4, 'level': [2**60 + 1, None, 3, 4]}",
            PERSON,
            {},
            "level: expected whole numbers to 2**53 beside missing ones, got 1152921504606846977",
        ),
        (
            ARRAY,
            ROW,
            {"features": NAMES, "incme": InputSection(missing=0)},
            "recipe.inputs.incme: no such input or column; did you mean 'income'?",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, x: str, source: Source, inputs: dict[str, InputSection], expected: str
) -> None:
    preprocessing = STEPS if source is PERSON else None
    assert expected in complaint(tmp_path, x, source, preprocessing, inputs)
