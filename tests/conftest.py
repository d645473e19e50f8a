"""Fixtures that tests of both programs use."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["tests.support.stores"]

_HERE = Path(__file__).resolve().parent


_THIRD_PARTY_WARNINGS = (
    # TensorFlow brings grpcio, and Google's client then misses a package that nothing here needs.
    "ignore:Please install grpcio-status:ImportWarning",
    # Keras, about a model that was compiled and never trained: there is nothing to give.
    "ignore:Skipping variable loading for optimizer:UserWarning",
    # TensorFlow's variables, which Keras hands to numpy 2.
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    # KerasHub, when it loads a sentencepiece model.
    "ignore:unclosed file .*vocabulary.spm:ResourceWarning",
)

# Minutes, not many tests: the last file to begin must not be one of these.
_LONG = (
    "infra/test_terraform.py",
    "examples/test_run.py",
    "examples/test_digits.py",
    "model_export/tf/test_fine_tune.py",
    "model_export/test_resume.py",
    "benchmarks/test_parts.py",
    "model_export/test_raw_inputs.py",
    "model_export/test_transformers.py",
    "model_export/tf/test_tokenizers.py",
    "model_export/test_pipeline.py",
    "model_export/test_cli.py",
    "infra/test_static_analysis.py",
    "delivery/test_export_steps.py",
    "load/test_shutdown.py",
)


def pytest_configure(config: pytest.Config) -> None:
    for line in _THIRD_PARTY_WARNINGS:
        config.addinivalue_line("filterwarnings", line)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {str(_HERE / path): place for place, path in enumerate(_LONG)}
    items.sort(key=lambda item: places.get(str(item.path), len(places)))
