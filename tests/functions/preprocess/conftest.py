"""Tokenizers of each kind, made once for all tests of `preprocess/`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.models.tokenizer_pairs import HubPair, LengthPair


@pytest.fixture(scope="session")
def hub_pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], HubPair]:
    """Gives KerasHub's tokenizer of a kind, with ours."""
    from tests.support.models.tokenizer_pairs import HubPair

    return cache(lambda kind: HubPair(kind, tmp_path_factory.mktemp(kind)))


@pytest.fixture(scope="session")
def length_pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LengthPair]:
    """Gives a tokenizer of a kind that cuts sequences soon, with one that hardly does."""
    from tests.support.models.tokenizer_pairs import LengthPair

    return cache(lambda kind: LengthPair(kind, tmp_path_factory.mktemp(kind)))
