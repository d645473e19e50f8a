"""Fixtures that tests of both programs use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.programs.slow_files import LONG

# Property tests try the same examples each time, unless another profile is named.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

pytest_plugins = ["tests.support.storage.stores"]

_HERE = Path(__file__).resolve().parent

_THIRD_PARTY_WARNINGS = (
    # TensorFlow brings grpcio, and Google's client then misses a package that nothing here needs.
    "ignore:Please install grpcio-status:ImportWarning",
    # Keras, about a model that was compiled and never trained: there is nothing to give.
    "ignore:Skipping variable loading for optimizer:UserWarning",
    # TensorFlow's variables, which Keras hands to numpy 2.
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    # AutoGraph, from Python 3.13 on. As an error it would keep it from converting functions.
    "ignore:.* got an unexpected keyword argument '___pyct_anno':DeprecationWarning",
    # KerasHub, when it loads a sentencepiece model.
    "ignore:unclosed file .*vocabulary.spm:ResourceWarning",
)

# How coverage finds the processes that tests start.
_COVERAGE = "COVERAGE_PROCESS_CONFIG"
_held_back: dict[str, str] = {}


def pytest_configure(config: pytest.Config) -> None:
    for line in _THIRD_PARTY_WARNINGS:
        config.addinivalue_line("filterwarnings", line)
    _hold_coverage_back()


def _hold_coverage_back() -> None:
    """It costs every process a quarter of a second, and one that imports TensorFlow five.

    Most of what such processes run is run in this one, too; the tests of the rest want `measured`.
    """
    if _COVERAGE in os.environ:
        _held_back[_COVERAGE] = os.environ.pop(_COVERAGE)


@pytest.fixture(scope="module")
def measured() -> Iterator[None]:
    """Has coverage look into the processes that the module's tests start, if it looks at all."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in _held_back.items():
            patched.setenv(name, value)
        yield


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: in some tests clients and servers mostly wait."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    _hold_coverage_back()  # a worker of xdist starts it after it is configured
    places = {str(_HERE / path): place for place, path in enumerate(LONG)}
    items.sort(key=lambda item: places.get(str(item.path), len(places)))
