"""How clients send each input."""

from __future__ import annotations

import pytest

from model_export.errors import ExportError, UsageError
from model_export.recipe.inputs import InputSection
from model_export.recipe.recipe import Recipe
from tests.support.models.signatures import Source, described, recipe


def complaint(kind: type[ExportError], source: Source, recipe: Recipe = recipe()) -> str:  # noqa: B008  # it is frozen
    with pytest.raises(kind) as caught:
        described(source, recipe)
    return str(caught.value)


def test_notes_on_an_input_that_the_model_lacks_are_refused() -> None:
    told = complaint(UsageError, Source(), recipe(featurs=InputSection()))
    assert told == ("recipe.inputs.featurs: no such input or column; did you mean 'features'?")
