"""The table of variants, and what its rows stand for."""

from __future__ import annotations

import re

import pytest

from model_export.flatbuffer.block_sparse import BLOCK
from model_export.recipe.variants import DENSE, VARIANTS, Variant
from tests.support.places import ROOT

SOURCES = sorted((ROOT / "model_export").rglob("*.py"))


def test_no_module_but_the_table_lists_names_of_variants() -> None:
    """A set or a tuple of names elsewhere would have to be extended with each new variant."""
    names = "|".join(name for name in VARIANTS if "int" in name)
    listed = re.compile(rf'"(?:{names})"')
    found = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if path.name != "variants.py" and listed.search(path.read_text())
    ]
    # The default of an argument alone.
    assert found == ["model_export/artifact/write.py"]


def test_what_stores_every_weight_needs_no_pruning() -> None:
    assert set(VARIANTS) - set(DENSE) == {"sparse_float32"}


def test_the_pruned_block_is_the_one_that_the_kernel_takes() -> None:
    assert VARIANTS["sparse_float32"].block == BLOCK


@pytest.mark.parametrize(
    ("name", "calibrated", "integer"),
    [
        ("float32", False, False),
        ("sparse_float32", False, False),
        ("float16", False, False),
        ("weight_int8", False, True),
        ("weight_int4", False, True),
        ("dynamic_int8", False, True),
        ("static_int8", True, True),
        ("full_int8", True, True),
    ],
)
def test_what_is_calibrated_and_what_may_be_mixed(
    name: str, *, calibrated: bool, integer: bool
) -> None:
    variant = VARIANTS[name]
    assert (variant.needs_calibration, variant.is_integer) == (calibrated, integer)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=lambda each: each.name)
def test_a_row_refers_to_rows_that_there_are(variant: Variant) -> None:
    assert variant.compared_with is None or variant.compared_with in VARIANTS
    assert (variant.method is None) == (variant.weight_bits == 32)
