"""The simple dialect."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples.strategies import json_values
from tests.support.server.heads import head
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import OutputSpec
from tflite_serving.dialects.dialect import PredictionRequest
from tflite_serving.dialects.simple import SimpleDialect
from tflite_serving.errors import RequestError, UnsupportedMediaType
from tflite_serving.inputs.raw import Numbers, RawInput
from tflite_serving.inputs.tensor import to_tensor

DIALECT = SimpleDialect()


def parse(document: object, manifest: Manifest) -> PredictionRequest:
    return DIALECT.codec(manifest).parse(json.dumps(document).encode(), head("application/json"))


def as_json(request: PredictionRequest, name: str) -> RawInput:
    raw = request.inputs[name]
    assert isinstance(raw, RawInput)
    return raw


def refusal(document: object, manifest: Manifest) -> RequestError:
    with pytest.raises(RequestError) as caught:
        parse(document, manifest)
    return caught.value


def render(scores: Any, manifest: Manifest, **query: str) -> Any:
    values = np.array(scores, np.float32)
    request = PredictionRequest({}, len(values))
    outputs = {manifest.outputs[0].name: values}
    given = {name: [value] for name, value in query.items()}
    return json.loads(DIALECT.codec(manifest).render(outputs, request, head(query=given)).content)


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "application/json", "a/b+json", "application/x-npy", "text/plain", "text/csv"),
        *("image/jpeg", "image/jpg", "image/png", "image/webp"),
    ],
)
def test_these_are_accepted(content_type: str) -> None:
    DIALECT.check(head(content_type))
    DIALECT.check(head(f"{content_type.upper()} ; charset=utf-8"))


def refused_type(content_type: str) -> str:
    with pytest.raises(UnsupportedMediaType) as caught:
        DIALECT.check(head(content_type))
    assert caught.value.code == "unsupported_content_type"
    return str(caught.value)


@pytest.mark.parametrize(
    ("content_type", "told"),
    [
        ("text/html", "text/csv or text/plain, got 'text/html'"),
        ("image/gif; q=1", "got 'image/gif'"),
        ("application/jsonx", "got 'application/jsonx'"),
        ("application/x-www-form-urlencoded", "text/plain where the body is a text"),
        ("application/x-www-form-urlencoded", "image/jpeg where it is a photo"),
        ("multipart/form-data; boundary=x", "with curl, --data-binary @FILE"),
        ("application/octet-stream", "say what the bytes are, such as image/jpeg"),
    ],
)
def test_other_types_are_refused_with_what_to_say_instead(content_type: str, told: str) -> None:
    assert told in refused_type(content_type)


@pytest.mark.parametrize(
    "parameters",
    ["charset=UTF-8", 'charset="utf-8"; header=present', "Charset = us-ascii", "; q=1"],
)
def test_texts_and_tables_in_utf_8_are_accepted(parameters: str) -> None:
    for kind in ("text/plain", "text/csv"):
        DIALECT.check(head(f"{kind}; {parameters}"))


def test_a_text_that_would_be_read_as_another_is_refused() -> None:
    for kind in ("text/plain", "TEXT/CSV"):
        told = refused_type(f"{kind};format=flowed; charset=Latin-1")
        assert told == (
            "Content-Type: expected charset=utf-8, got 'latin-1'; send the body in UTF-8"
        )
    assert "first line" in refused_type("text/csv; charset=utf-8; header=absent")


def test_a_type_with_parameters_is_read_as_one_without(manifest: Manifest) -> None:
    request = DIALECT.codec(manifest).parse(npy(), head("Application/X-NPY; v=1"))
    assert request.batch == 1


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((1, 4)))
    return file.getvalue()


def test_plain_rows_are_the_only_input(manifest: Manifest) -> None:
    request = parse({"instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}, manifest)
    assert request.batch == 2
    assert not request.column
    numbers = request.inputs["features"]
    assert isinstance(numbers, Numbers)
    assert numbers.values.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert numbers.at(1) == "instances[1]"


def test_rows_may_name_their_inputs(two: Manifest) -> None:
    instances = [{"height": [1, 2], "{0}": 3}, {"{0}": 6, "height": [4, 5]}]
    request = parse({"instances": instances}, two)
    assert {name: raw.values for name, raw in request.inputs.items()} == {
        "height": [[1, 2], [4, 5]],
        "{0}": [3, 6],
    }
    assert request.inputs["{0}"].at(1) == "instances[1].{0}"
    assert not as_json(request, "height").may_hold_others


def test_a_named_row_of_the_only_input_is_read_too(manifest: Manifest) -> None:
    request = parse({"instances": [{"features": [1, 2, 3, 4]}]}, manifest)
    assert request.inputs["features"].values == [[1, 2, 3, 4]]


@pytest.mark.parametrize("value", ["x", "", True, False])
def test_strings_and_bools_are_told_of(manifest: Manifest, two: Manifest, value: object) -> None:
    for instances, of in (
        ([[1, 2, 3, value]], manifest),
        ([{"features": [value]}], manifest),
        ([{"height": [1, value], "{0}": 1}], two),
    ):
        request = parse({"instances": instances}, of)
        assert all(as_json(request, name).may_hold_others for name in request.inputs)


@pytest.mark.parametrize(
    ("document", "code", "message"),
    [
        ({}, "missing_field", "instances: expected a list of instances, got nothing"),
        (
            {"instance": []},
            "unknown_field",
            "instance: no such field; did you mean 'instances'?",
        ),
        (
            {"instances": [[1]], "threshold": 1},
            "unknown_field",
            "threshold: no such field; it goes into the URL: ?threshold=…",
        ),
        ({"instances": []}, "empty_batch", "instances: expected at least one instance, got none"),
        (
            {"instances": None},
            "wrong_shape",
            "instances: expected a list of instances, got null",
        ),
        (
            {"instances": {"features": []}},
            "wrong_shape",
            "instances: expected a list of instances, got an object",
        ),
        (
            {"instances": "x"},
            "wrong_shape",
            "instances: expected a list of instances, got a string",
        ),
        ({"instances": True}, "wrong_shape", "instances: expected a list of instances, got true"),
        (
            {"instances": [{"feature": [1]}]},
            "unknown_input",
            "instances[0].feature: no such input; did you mean 'features'?",
        ),
        (
            {"instances": [{"features": [1]}, {}]},
            "missing_input",
            "instances[1].features: expected a value, got nothing",
        ),
        (
            {"instances": [{"features": [1]}, [1]]},
            "wrong_shape",
            "instances[1]: expected an object with features, got a list",
        ),
    ],
)
def test_a_complaint_names_the_place(
    manifest: Manifest, document: object, code: str, message: str
) -> None:
    error = refusal(document, manifest)
    assert (error.code, str(error)) == (code, message)


def test_several_inputs_must_be_named(two: Manifest) -> None:
    error = refusal({"instances": [[1, 2]]}, two)
    assert str(error) == "instances[0]: expected an object with height, {0}, got a list"
    assert refusal({"instances": []}, two).code == "empty_batch"


def test_no_list_is_missed_around_a_value_that_has_a_name(two: Manifest) -> None:
    request = parse({"instances": [{"height": 1, "{0}": 3}]}, two)
    with pytest.raises(RequestError) as caught:
        to_tensor(request.inputs["height"], two.inputs[0])
    assert str(caught.value) == "instances[0].height: expected shape [2], got []"


@pytest.mark.parametrize("content_type", ["text/plain", "image/png"])
def test_one_value_alone_is_not_for_several_inputs(two: Manifest, content_type: str) -> None:
    with pytest.raises(RequestError) as caught:
        DIALECT.codec(two).parse(b"a", head(content_type))
    assert caught.value.code == "unsupported_content_type"
    assert "because the model takes several inputs, got" in str(caught.value)


def test_an_endless_name_is_not_repeated_whole(manifest: Manifest) -> None:
    for document in ({"x" * 10**6: 1}, {"instances": [{"x" * 10**6: 1}]}):
        assert len(str(refusal(document, manifest))) < 300


def test_a_prediction_names_the_best_class_and_every_score(manifest: Manifest) -> None:
    answer = render([[0.1, 0.7, 0.2]], manifest)
    assert answer == {
        "predictions": [
            {
                "label": "versicolor",
                "score": 0.7,
                "scores": {"setosa": 0.1, "versicolor": 0.7, "virginica": 0.2},
            }
        ],
        "model": {"name": "iris", "version": manifest.version},
    }


def test_top_k_keeps_the_best_scores_best_first(manifest: Manifest) -> None:
    (row,) = render([[0.1, 0.2, 0.7]], manifest, top_k="2")["predictions"]
    assert list(row["scores"].items()) == [("virginica", 0.7), ("versicolor", 0.2)]
    assert row["label"] == "virginica"


def test_equal_scores_come_in_the_order_of_the_labels(manifest: Manifest) -> None:
    (row,) = render([[0.25, 0.5, 0.25]], manifest, top_k="3")["predictions"]
    assert list(row["scores"]) == ["versicolor", "setosa", "virginica"]
    (row,) = render([[0.3, 0.3, 0.3]], manifest, top_k="1")["predictions"]
    assert list(row["scores"]) == ["setosa"]
    assert row["label"] == "setosa"


@pytest.mark.parametrize("text", ["4", "999999999", "003"])
def test_top_k_beyond_the_classes_keeps_them_all(manifest: Manifest, text: str) -> None:
    (row,) = render([[0.1, 0.2, 0.7]], manifest, top_k=text)["predictions"]
    assert len(row["scores"]) == 3


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "all", "٣", "²", "1" * 10, " 1"])
def test_a_top_k_that_is_no_count_is_refused(manifest: Manifest, text: str) -> None:
    with pytest.raises(RequestError) as caught:
        render([[0.1, 0.2, 0.7]], manifest, top_k=text)
    assert caught.value.code == "invalid_query"
    assert str(caught.value) == f"top_k: expected a whole number from 1 to 3, got {text!r}"


def test_an_endless_top_k_is_not_repeated_whole(manifest: Manifest) -> None:
    with pytest.raises(RequestError) as caught:
        render([[0.1, 0.2, 0.7]], manifest, top_k="9" * 10**6)
    assert len(str(caught.value)) < 300


def test_a_single_sigmoid_score_is_answered_as_two_classes(manifest: Manifest) -> None:
    output = OutputSpec("species", "float32", (None, 1), labels=("no", "yes"))
    binary = dataclasses.replace(manifest, outputs=(output,))
    first, second = render([[0.75], [0.25]], binary)["predictions"]
    assert first == {"label": "yes", "score": 0.75, "scores": {"no": 0.25, "yes": 0.75}}
    assert second["label"] == "no"


@pytest.mark.parametrize(
    ("threshold", "query", "label", "shown"),
    [
        (0.3, {}, "yes", 0.3),
        (0.375, {}, "yes", 0.375),
        (0.5, {}, "no", None),
        (0.5, {"top_k": "1"}, "no", None),
        (None, {}, "no", None),
        (0.5, {"threshold": "0.3"}, "yes", 0.3),
        (0.3, {"threshold": "0.5"}, "no", 0.5),
        (0.3, {"top_k": "1"}, "yes", 0.3),
        (0.5, {"threshold": "0.3", "top_k": "1"}, "yes", 0.3),
        (0.5, {"threshold": "0"}, "yes", 0),
    ],
)
def test_the_positive_class_is_the_answer_if_its_score_reaches_the_threshold(
    manifest: Manifest,
    threshold: float | None,
    query: dict[str, str],
    label: str,
    shown: float | None,
) -> None:
    """And any but 0.5 is told, because the label of the lower score would seem wrong."""
    thresholds = None if threshold is None else (threshold,)
    output = OutputSpec(
        "species", "float32", (None, 1), labels=("no", "yes"), thresholds=thresholds
    )
    binary = dataclasses.replace(manifest, outputs=(output,))
    (row,) = render([[0.375]], binary, **query)["predictions"]
    assert (row["label"], row["score"]) == (label, 0.375 if label == "yes" else 0.625)
    expected = {"no": 0.625, "yes": 0.375}
    assert row["scores"] == ({"no": 0.625} if "top_k" in query else expected)
    assert row.get("threshold") == shown
    assert list(row) == ["label", "score", *(["threshold"] if shown is not None else []), "scores"]


def test_classes_of_which_the_best_is_the_answer_have_no_threshold(manifest: Manifest) -> None:
    for query in ({}, {"top_k": "1"}):
        (row,) = render([[0.2, 0.3, 0.5]], manifest, **query)["predictions"]
        assert list(row) == ["label", "score", "scores"]


@pytest.fixture(scope="module")
def topics(manifest: Manifest) -> Manifest:
    """Labels of their own, each with a threshold; one needs care in a template."""
    output = OutputSpec(
        *("species", "float32", (None, 3)),
        labels=('100 % "a"', "b", "c"),
        task="multi_label",
        thresholds=(0.5, 0.25, 0.75),
    )
    return dataclasses.replace(manifest, task="multi_label", outputs=(output,))


def test_every_label_whose_score_reaches_its_threshold_is_answered(topics: Manifest) -> None:
    first, second = render([[0.5, 0.25, 0.5], [0.0, 0.125, 0.75]], topics)["predictions"]
    assert first == {
        "labels": ['100 % "a"', "b"],
        "threshold": {'100 % "a"': 0.5, "b": 0.25, "c": 0.75},
        "scores": {'100 % "a"': 0.5, "b": 0.25, "c": 0.5},
    }
    assert second["labels"] == ["c"]
    (none,) = render([[0.0, 0.0, 0.0]], topics)["predictions"]
    assert none["labels"] == []


def test_labels_with_thresholds_of_a_half_have_none_in_the_answer(topics: Manifest) -> None:
    half = dataclasses.replace(topics.outputs[0], thresholds=(0.5, 0.5, 0.5))
    usual = dataclasses.replace(topics, outputs=(half,))
    for query in ({}, {"top_k": "1"}):
        (row,) = render([[0.5, 0.25, 0.5]], usual, **query)["predictions"]
        assert list(row) == ["labels", "scores"]
    (row,) = render([[0.5, 0.25, 0.5]], usual, threshold="0.5")["predictions"]
    assert row["threshold"] == dict.fromkeys(half.labels or (), 0.5)


@pytest.mark.parametrize("name", ["top_k", "threshold"])
def test_two_values_of_one_option_are_refused(topics: Manifest, name: str) -> None:
    query = {name: ["1", "0"], "trace": ["a", "b"]}
    outputs = {"species": np.zeros((1, 3), np.float32)}
    with pytest.raises(RequestError) as caught:
        DIALECT.codec(topics).render(outputs, PredictionRequest({}, 1), head(query=query))
    assert (caught.value.code, str(caught.value)) == (
        "invalid_query",
        f"{name}: expected it once, got it 2 times",
    )


def test_a_threshold_of_the_request_is_that_of_every_label(topics: Manifest) -> None:
    (row,) = render([[0.5, 0.25, 0.625]], topics, threshold="0.6")["predictions"]
    assert row["labels"] == ["c"]
    (row,) = render([[0.5, 0.25, 0.625]], topics, threshold="0", top_k="2")["predictions"]
    assert row["labels"] == ['100 % "a"', "b", "c"]
    assert list(row["scores"].items()) == [("c", 0.625), ('100 % "a"', 0.5)]
    assert row["threshold"] == {"c": 0, '100 % "a"': 0}


@given(
    st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=4),
    st.sampled_from(["", "threshold", "top_k"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_scores_are_answered_as_the_thresholds_say(
    topics: Manifest, scores: list[list[float]], option: str
) -> None:
    query = {"threshold": {"threshold": "0.5"}, "top_k": {"top_k": "3"}}.get(option, {})
    for row, wanted in zip(render(scores, topics, **query)["predictions"], scores, strict=True):
        at = [0.5] * 3 if option == "threshold" else [0.5, 0.25, 0.75]
        names = topics.outputs[0].labels or ()
        reached = [n for n, s, t in zip(names, wanted, at, strict=True) if s >= t]
        assert row["labels"] == reached
        assert [np.float32(row["scores"][name]) for name in names] == wanted


@pytest.fixture(scope="module")
def several(manifest: Manifest) -> Manifest:
    """A single score, a regression of two values, and classes: a name needs care in a template."""
    outputs = (
        OutputSpec("50 %", "float32", (None, 1), labels=("no", "yes"), thresholds=(0.25,)),
        OutputSpec("price", "float32", (None, 2), task="regression", units="EUR"),
        OutputSpec("species", "float32", (None, 3), labels=("a", "b", "c")),
    )
    binding = manifest.tensors.outputs[0]
    bindings = tuple(dataclasses.replace(binding, name=output.name) for output in outputs)
    tensors = dataclasses.replace(manifest.tensors, outputs=bindings)
    return dataclasses.replace(manifest, outputs=outputs, tensors=tensors)


def render_several(manifest: Manifest, **query: str) -> list[dict[str, Any]]:
    outputs = {
        "50 %": np.array([[0.5], [0.125]], np.float32),
        "price": np.array([[1.5, -2], [3, 4]], np.float32),
        "species": np.array([[0.5, 0.125, 0.375], [0, 1, 0]], np.float32),
    }
    given = {name: [value] for name, value in query.items()}
    reply = DIALECT.codec(manifest).render(outputs, PredictionRequest({}, 2), head(query=given))
    predictions: list[dict[str, Any]] = json.loads(reply.content)["predictions"]
    return predictions


def test_several_outputs_are_answered_by_name(several: Manifest) -> None:
    first, second = render_several(several)
    assert first == {
        "50 %": {
            "label": "yes",
            "score": 0.5,
            "threshold": 0.25,
            "scores": {"no": 0.5, "yes": 0.5},
        },
        "price": {"values": [1.5, -2.0]},
        "species": {"label": "a", "score": 0.5, "scores": {"a": 0.5, "b": 0.125, "c": 0.375}},
    }
    assert second["50 %"]["label"] == "no"
    assert second["price"] == {"values": [3.0, 4.0]}


def test_options_are_for_the_outputs_that_know_them(several: Manifest) -> None:
    first, second = render_several(several, threshold="0.125", top_k="1")
    assert second["50 %"] == {
        "label": "yes",
        "score": 0.125,
        "threshold": 0.125,
        "scores": {"no": 0.875},
    }
    assert first["price"] == {"values": [1.5, -2.0]}
    assert first["species"]["scores"] == {"a": 0.5}


@pytest.mark.parametrize("text", ["", "-0.1", "1.01", "nan", "inf", "1e999", "0,5", "٠.٥", "half"])
def test_a_threshold_that_is_none_is_refused(topics: Manifest, text: str) -> None:
    with pytest.raises(RequestError) as caught:
        render([[0.1, 0.2, 0.7]], topics, threshold=text)
    assert caught.value.code == "invalid_query"
    assert str(caught.value) == f"threshold: expected a number from 0 to 1, got {text!r}"


def test_a_threshold_that_would_have_no_effect_is_refused(
    manifest: Manifest, prices: Manifest
) -> None:
    for of, scores, message in (
        (
            manifest,
            [[0.1, 0.2, 0.7]],
            (
                "threshold: the model answers the best of its classes, which takes none; "
                "?top_k=2 shows how close the next one is"
            ),
        ),
        (prices, [[0.5]], "threshold: a regression has no scores that could reach one"),
    ):
        with pytest.raises(RequestError) as caught:
            render(scores, of, threshold="0.5")
        assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "meant"), [("treshold", "threshold"), ("Threshold", "threshold"), ("topk", "top_k")]
)
def test_a_slip_in_the_name_of_an_option_is_told(topics: Manifest, name: str, meant: str) -> None:
    for others in ({}, {"top_k": "1"}):
        with pytest.raises(RequestError) as caught:
            render([[0.1, 0.2, 0.7]], topics, **{name: "0.5"}, **others)
        assert str(caught.value) == f"{name}: did you mean {meant!r}?"
    assert render([[0.1, 0.2, 0.7]], topics, key="a-gateway's")["predictions"]


def test_classes_without_labels_are_numbered(manifest: Manifest) -> None:
    output = dataclasses.replace(manifest.outputs[0], labels=None)
    (row,) = render([[0.1, 0.7, 0.2]], dataclasses.replace(manifest, outputs=(output,)))[
        "predictions"
    ]
    assert row == {"label": "1", "score": 0.7, "scores": {"0": 0.1, "1": 0.7, "2": 0.2}}


@pytest.fixture(scope="module")
def prices(manifest: Manifest) -> Manifest:
    """A regression of one value."""
    output = OutputSpec("price", "float32", (None, 1), task="regression")
    binding = dataclasses.replace(manifest.tensors.outputs[0], name="price")
    tensors = dataclasses.replace(manifest.tensors, outputs=(binding,))
    return dataclasses.replace(manifest, task="regression", outputs=(output,), tensors=tensors)


def test_a_regression_of_one_value_answers_with_it(prices: Manifest) -> None:
    answer = render([[0.5], [-1.25e6]], prices)
    assert answer["predictions"] == [{"value": 0.5}, {"value": -1.25e6}]
    assert answer["model"] == {"name": "iris", "version": prices.version}


def test_a_regression_of_several_values_answers_with_a_list(prices: Manifest) -> None:
    output = dataclasses.replace(prices.outputs[0], shape=(None, 2))
    two = dataclasses.replace(prices, outputs=(output,))
    assert render([[0.5, 2.0]], two)["predictions"] == [{"values": [0.5, 2.0]}]


def test_a_regression_has_no_best_classes_to_choose(prices: Manifest) -> None:
    with pytest.raises(RequestError) as caught:
        render([[0.5]], prices, top_k="1")
    assert caught.value.code == "invalid_query"
    assert str(caught.value) == "top_k: a regression has no classes to choose from"


@given(st.floats(0, 1, width=32))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_score_is_the_shortest_text_of_its_float32(manifest: Manifest, score: float) -> None:
    (row,) = render([[score, 0, 0]], manifest)["predictions"]
    assert np.float32(row["scores"]["setosa"]) == np.float32(score)
    assert row["scores"]["setosa"] == float(str(np.float32(score)))


@given(
    st.binary()
    | json_values.map(lambda value: json.dumps(value).encode())
    | json_values.map(lambda value: json.dumps({"instances": value}).encode())
    | json_values.map(lambda value: json.dumps({"instances": [{"features": value}]}).encode())
)
@settings(deadline=None, max_examples=300)
def test_any_body_is_a_request_or_refused_in_words_that_can_be_sent(
    manifest: Manifest, two: Manifest, body: bytes
) -> None:
    for of in (manifest, two):
        try:
            request = DIALECT.codec(of).parse(body, head("application/json"))
        except RequestError as error:
            assert orjson.dumps(error.message)  # noqa: PT017  # anything else fails the test
        else:
            assert {len(raw.values) for raw in request.inputs.values()} == {request.batch}
