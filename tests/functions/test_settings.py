"""Settings, from the environment."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples.strategies import names, version_ids
from tflite_serving.contract.codec import ContractError
from tflite_serving.errors import SettingsError
from tflite_serving.settings import ModelRef, Settings

REQUIRED = {"MODEL_REGISTRY": "gs://bucket/prefix", "MODELS": "iris"}
VERSION = "20260131T235959Z-0123abcd"
NAME = (
    "expected 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit, got {!r}"
)


def read(**environ: str) -> Settings:
    return Settings.from_env({**REQUIRED, **environ})


def refusal(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(**environ)
    return str(caught.value)


def test_defaults_are_the_documented_ones() -> None:
    assert read() == Settings(
        registry="gs://bucket/prefix",
        models=(ModelRef("iris", "production"),),
        alias_refresh_seconds=30.0,
        cache=Path(tempfile.gettempdir()) / f"tflite-functions-{os.getuid()}",
        interpreter_threads=1,
        interpreters=len(os.sched_getaffinity(0)),
        max_request_bytes=33_554_432,
        max_batch=1024,
        max_in_flight=64,
        request_timeout_seconds=60.0,
        log_level="INFO",
        log_sample=1.0,
        project="",
    )


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("MODEL_REGISTRY", " /srv/models ", "registry", "/srv/models"),
        ("MODELS", "a,b@x", "models", (ModelRef("a"), ModelRef("b", "x"))),
        ("ALIAS_REFRESH_SECONDS", "0", "alias_refresh_seconds", 0.0),
        ("MODEL_CACHE", "/var/cache", "cache", Path("/var/cache")),
        ("INTERPRETER_THREADS", "2", "interpreter_threads", 2),
        ("INTERPRETERS", " 3 ", "interpreters", 3),
        ("BATCH_WINDOW_MS", "0.5", "batch_window_ms", 0.5),
        ("MAX_REQUEST_BYTES", "1", "max_request_bytes", 1),
        ("MAX_BATCH", "5", "max_batch", 5),
        ("MAX_IN_FLIGHT", "6", "max_in_flight", 6),
        ("REQUEST_TIMEOUT_SECONDS", "0.5", "request_timeout_seconds", 0.5),
        ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("LOG_SAMPLE", "0.01", "log_sample", 0.01),
        ("FAST_PATH", "0", "fast_path", False),
        ("GOOGLE_CLOUD_PROJECT", "p", "project", "p"),
        ("COMMIT", "0123", "commit", "0123"),
        ("BUNDLE_DIGEST", "abcd", "bundle_digest", "abcd"),
    ],
)
def test_every_variable_sets_its_field(variable: str, text: str, field: str, value: Any) -> None:
    settings = read(**{variable: text})
    assert getattr(settings, field) == value
    others = {f.name for f in dataclasses.fields(Settings)} - {field}
    assert all(getattr(settings, name) == getattr(read(), name) for name in others)


def test_the_tests_here_cover_every_variable() -> None:
    assert [f.metadata["variable"] for f in dataclasses.fields(Settings)] == [
        "MODEL_REGISTRY",
        "MODELS",
        "ALIAS_REFRESH_SECONDS",
        "MODEL_CACHE",
        "INTERPRETER_THREADS",
        "INTERPRETERS",
        "BATCH_WINDOW_MS",
        "MAX_REQUEST_BYTES",
        "MAX_BATCH",
        "MAX_IN_FLIGHT",
        "BODY_IDLE_SECONDS",
        "REQUEST_TIMEOUT_SECONDS",
        "LOG_LEVEL",
        "LOG_SAMPLE",
        "FAST_PATH",
        "GOOGLE_CLOUD_PROJECT",
        "COMMIT",
        "BUNDLE_DIGEST",
    ]


@pytest.mark.parametrize("variable", ["MODEL_REGISTRY", "MODELS"])
@pytest.mark.parametrize("text", ["", "  "])
def test_a_required_variable_that_is_empty_counts_as_absent(variable: str, text: str) -> None:
    assert refusal(**{variable: text}) == f"{variable}: expected a value, got nothing"


def test_an_optional_variable_that_is_empty_counts_as_absent() -> None:
    optional = [f.metadata["variable"] for f in dataclasses.fields(Settings)][2:]
    assert read(**dict.fromkeys(optional, " ")) == read()


@pytest.mark.parametrize(
    "variable",
    ["INTERPRETER_THREADS", "INTERPRETERS", "MAX_REQUEST_BYTES", "MAX_BATCH", "MAX_IN_FLIGHT"],
)
@pytest.mark.parametrize(
    "text", ["0", "-1", "1.5", "many", "1e3", "٣", "²", "9" * 5000, str(2**31)]
)
def test_a_count_is_a_whole_number_from_1_on(variable: str, text: str) -> None:
    message = refusal(**{variable: text})
    most = 256 if variable.startswith("INTERPRETER") else 2147483647
    assert message.startswith(f"{variable}: expected a whole number from 1 to {most}")
    assert message.endswith(f", got {text!r}")


@pytest.mark.parametrize("text", ["-1", "86401", "nan", "inf", "soon", "1,5"])
def test_a_refresh_is_at_most_a_day_apart(text: str) -> None:
    assert refusal(ALIAS_REFRESH_SECONDS=text) == (
        f"ALIAS_REFRESH_SECONDS: expected a number from 0 to 86400, got {text!r}"
    )


@pytest.mark.parametrize("text", ["0", "-1", "3601", "nan"])
def test_a_timeout_is_positive_and_at_most_an_hour(text: str) -> None:
    assert refusal(REQUEST_TIMEOUT_SECONDS=text) == (
        f"REQUEST_TIMEOUT_SECONDS: expected a number from 0.001 to 3600, got {text!r}"
    )


@pytest.mark.parametrize("text", ["-0.1", "1.1", "50%"])
def test_a_sample_is_a_fraction(text: str) -> None:
    assert refusal(LOG_SAMPLE=text) == f"LOG_SAMPLE: expected a number from 0 to 1, got {text!r}"


@pytest.mark.parametrize("text", ["true", "yes", "2", "-1"])
def test_a_switch_is_0_or_1(text: str) -> None:
    assert refusal(FAST_PATH=text) == f"FAST_PATH: expected 0 or 1, got {text!r}"


def test_a_log_level_is_one_of_five() -> None:
    assert refusal(LOG_LEVEL="loud") == (
        "LOG_LEVEL: expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL, got 'loud'"
    )


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"MODELS": "a b", "MAX_BATCH": "0", "LOG_SAMPLE": "2"})
    assert str(caught.value).split("; ") == [
        "MODEL_REGISTRY: expected a value, got nothing",
        f"MODELS: {NAME.format('a b')}, in 'a b'",
        "MAX_BATCH: expected a whole number from 1 to 2147483647, got '0'",
        "LOG_SAMPLE: expected a number from 0 to 1, got '2'",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("iris", (ModelRef("iris", "production", None),)),
        ("iris@staging", (ModelRef("iris", "staging", None),)),
        (f"iris@{VERSION}", (ModelRef("iris", None, VERSION),)),
        (
            " iris , iris@staging,,",
            (ModelRef("iris", "production"), ModelRef("iris", "staging")),
        ),
    ],
)
def test_models_are_followed_by_alias_or_pinned(text: str, expected: tuple[ModelRef, ...]) -> None:
    assert read(MODELS=text).models == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (",", "expected at least one model, got none"),
        ("iris,iris@production", "expected each model once, got 'iris,iris@production'"),
        ("iris@", f"{NAME.format('')}, in 'iris@'"),
        ("@production", f"{NAME.format('')}, in '@production'"),
        ("iris@a@b", f"{NAME.format('a@b')}, in 'iris@a@b'"),
        ("ok,../x", f"{NAME.format('../x')}, in '../x'"),
        (VERSION, f"expected a name, got {VERSION!r}, which has a version's form, in {VERSION!r}"),
    ],
)
def test_what_is_no_list_of_models_is_refused(text: str, problem: str) -> None:
    assert refusal(MODELS=text) == f"MODELS: {problem}"


@given(names, names, version_ids)
def test_a_reference_is_shown_as_it_is_written(name: str, alias: str, version: str) -> None:
    for text in (f"{name}@{alias}", f"{name}@{version}"):
        assert str(ModelRef.parse(text)) == text
    assert str(ModelRef.parse(name)) == f"{name}@production"


@given(st.text())
def test_any_reference_is_read_or_refused(text: str) -> None:
    try:
        ref = ModelRef.parse(text)
    except ContractError:
        return
    assert (ref.alias is None) != (ref.version is None)


@given(st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(Settings)]), st.text()))
def test_any_environment_is_settings_or_a_settings_error(texts: dict[str, str]) -> None:
    variables = {f.name: f.metadata["variable"] for f in dataclasses.fields(Settings)}
    try:
        read(**{variables[name]: text for name, text in texts.items()})
    except SettingsError as error:
        assert str(error)  # noqa: PT017  # anything else fails the test
