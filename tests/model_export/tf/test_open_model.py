"""The model of a recipe, with what the user's own code adds."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from model_export.errors import LoadError, UsageError
from model_export.recipe.model import DataSection, ModelSection
from model_export.tf.open_model import load_model

OWN_LAYERS = """
import keras


class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x


OBJECTS = {"Doubled": Doubled}
LIST = [Doubled]
"""


class Doubled(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """A layer that Keras does not know."""

    def call(self, x: object) -> object:
        return 2 * x  # type: ignore[operator]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keras.Sequential([keras.Input((3,), name="x"), Doubled(name="y")]).save(tmp_path / "own.keras")
    (tmp_path / "own_layers.py").write_text(OWN_LAYERS)
    return tmp_path


def section(custom_objects: str | None = None) -> ModelSection:
    return ModelSection(name="own", source="own.keras", custom_objects=custom_objects)


DATA = DataSection(source="examples.npz")


def test_classes_of_the_users_own_are_found_beside_the_recipe(folder: Path) -> None:
    source = load_model(section("own_layers:OBJECTS"), DATA, folder)
    (found,) = source.predict({source.inputs[0].name: np.ones((2, 3), np.float32)}).values()
    np.testing.assert_array_equal(found, np.full((2, 3), 2.0))


def test_without_them_the_class_is_named(folder: Path) -> None:
    with pytest.raises(LoadError, match="Doubled"):
        load_model(section(), DATA, folder)


def test_what_is_no_dict_of_them_is_refused_by_its_key(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"^recipe\.model\.custom_objects: own_layers:LIST: expec"):
        load_model(section("own_layers:LIST"), DATA, folder)
