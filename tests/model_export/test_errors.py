"""The errors that stop an export: exit codes, and the tree that the module draws."""

from __future__ import annotations

import re

from model_export import errors
from model_export.errors import ConflictError, ExportError, GateError, RegistryError
from tests.support.models.tiny import candidate

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, ExportError)
}


def test_the_exit_codes_that_the_module_draws_are_those_of_the_classes() -> None:
    assert errors.__doc__ is not None
    drawn = dict(re.findall(r"[├└]── (\w+) +(\d+) ", errors.__doc__))
    assert drawn == {
        name: str(kind.exit_code) for name, kind in CLASSES.items() if name != "ExportError"
    }


def test_a_conflict_is_an_error_of_the_registry() -> None:
    assert issubclass(ConflictError, RegistryError)


def test_a_budget_that_is_missed_is_told_with_the_candidates_and_what_to_do() -> None:
    candidates = (candidate("float32"), candidate("static_int8"))
    error = GateError(candidates)
    assert (error.candidates, error.failed) == (candidates, ())
    assert "nothing was published. Prune less, add variants to quantize.variants" in str(error)
