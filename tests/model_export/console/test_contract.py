"""Every kind of input, step and output has words, and the request that is shown is answered."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from model_export.console.contract import (
    contract_in_words,
    forms_in_words,
    input_in_words,
    output_in_words,
    read_contract,
)
from model_export.registry.open import open_writable
from model_export.verification.client import in_process
from tests.support.models.tiny import publish_tiny
from tests.support.server.heads import head
from tflite_serving.contract.categories import (
    HashedCrossing,
)
from tflite_serving.contract.golden import GoldenExamples
from tflite_serving.contract.image import Image, Resize
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.preprocessing import (
    LookupSpec,
    Preprocessing,
    Step,
    Vocabulary,
    Words,
)
from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import (
    InputSpec,
    OutputSpec,
    Preprocess,
    PreprocessKind,
    Task,
    TensorBinding,
    Tensors,
)
from tflite_serving.dialects.simple import SimpleDialect
from tflite_serving.errors import RequestError, UnsupportedMediaType

WORDS = LookupSpec(
    words=Words(lower=True, strip=True, split="whitespace", length=200),
    vocabulary=Vocabulary(strings=("good", "bad"), first=2, unknown=1, masked=""),
)

PICTURE = Image(mode="rgb", resize=Resize(height=96, width=128), scale=1 / 127.5, offset=-1.0)

RECORD = Preprocess("record", record=Record(missing=0.0))

INPUTS = [
    (InputSpec("x", "float32", (None, 8, 8, 1)), "8×8×1 float32"),
    (
        InputSpec("x", "string", (None,), Preprocess("text"), "a review"),
        "a text: a review",
    ),
    (
        InputSpec("x", "float32", (None,), RECORD, "age", "years"),
        "a number, 0.0 if it is left out, years: age",
    ),
    (
        InputSpec("x", "bool", (None,), Preprocess("record", record=Record(missing=True))),
        "true or false, true if it is left out",
    ),
    (
        InputSpec("x", "string", (None,), Preprocess("record", record=Record(missing=""))),
        'a string, "" if it is left out',
    ),
    (
        # What was learned is a float32, whose other digits mean nothing.
        InputSpec(
            "x",
            "float32",
            (None,),
            Preprocess("record", record=Record(missing=float(np.float32(0.1)))),
        ),
        "a number, 0.1 if it is left out",
    ),
    (
        InputSpec("x", "float32", (None, None, None, 3), Preprocess("image", image=PICTURE)),
        "a picture: JPEG, PNG or WebP as the body or in base64, or values 0 to 255",
    ),
    (
        InputSpec("x", "uint8", (None, 28, 32, 1), Preprocess("image", image=Image(mode="gray"))),
        "a picture of 32×28 pixels: JPEG, PNG or WebP as the body or in base64, or values 0 to 255",
    ),
]

OUTPUTS = [
    (
        OutputSpec("y", "float32", (None, 3), ("a", "b", "c")),
        "the best of a, b, c, its score, and all scores",
    ),
    (
        OutputSpec("y", "float32", (None, 1), ("no", "yes"), thresholds=(0.3,)),
        "yes if its score is 0.3 or more, else no, and both scores",
    ),
    (
        OutputSpec(
            "y", "float32", (None, 2), ("a", "b"), task="multi_label", thresholds=(0.5, 0.25)
        ),
        "each of a (0.5), b (0.25) whose score is as much or more, and all scores",
    ),
    (OutputSpec("y", "float32", (None, 1), task="regression", units="EUR"), "a number in EUR"),
]


@pytest.mark.parametrize(("spec", "words"), INPUTS)
def test_what_a_client_sends_is_said(spec: InputSpec, words: str) -> None:
    assert input_in_words(spec) == words


@pytest.mark.parametrize(("spec", "words"), OUTPUTS)
def test_what_comes_back_is_said(spec: OutputSpec, words: str) -> None:
    assert output_in_words(spec) == words


def test_every_kind_has_words() -> None:
    assert {spec.preprocess.kind for spec, _ in INPUTS} == set(get_args(PreprocessKind))
    assert {spec.task for spec, _ in OUTPUTS} == set(get_args(Task))


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, Manifest]:
    registry = tmp_path / "registry"
    return registry, publish_tiny(open_writable(str(registry)), tmp_path / "artifact")


def body(request: str) -> bytes:
    """What the command sends."""
    words = shlex.split(request)
    return words[words.index("-d") + 1].encode()


def test_the_request_that_is_shown_is_answered(
    published: tuple[Path, Manifest], tmp_path: Path
) -> None:
    registry, manifest = published
    contract = read_contract(open_writable(str(registry)), manifest)
    assert contract.request.endswith("$URL/models/iris/predict")
    post = in_process(str(registry), manifest, tmp_path / "cache")
    status, answer = post("/models/iris/predict", body(contract.request))
    assert status == 200
    assert len(json.loads(answer)["predictions"]) == 1


def test_columns_are_sent_by_their_names_and_long_requests_in_files(
    published: tuple[Path, Manifest],
) -> None:
    _, manifest = published
    record = Record((Column("length", 1.5, "of a petal", "cm"), Column("width")))
    row = InputSpec("features", "float32", (None, 2), Preprocess("record", record=record))
    outputs = {"scores": np.zeros((1, 3), np.float32)}

    def described(spec: InputSpec, values: np.ndarray) -> tuple[tuple[tuple[str, str], ...], str]:
        golden = GoldenExamples(
            ("test[0]",), {spec.name: values}, outputs, {"scores": np.array(0.1)}
        )
        contract = contract_in_words(replace(manifest, inputs=(spec,)), None, golden)
        return contract.sends, contract.request

    sends, request = described(row, np.array([[5.1, 2]], np.float32))
    assert sends == (
        ("length", "a number, 1.5 if it is left out, cm: of a petal"),
        ("width", "a number"),
    )
    assert json.loads(body(request)) == {"instances": [{"length": 5.1, "width": 2.0}]}
    tensor = InputSpec("features", "float32", (None, 50, 50))
    assert "-d @request.json" in described(tensor, np.zeros((1, 50, 50), np.float32))[1]
    picture = InputSpec(
        "features", "float32", (None, 50, 50, 1), Preprocess("image", image=Image(mode="gray"))
    )
    request = described(picture, np.zeros((1, 50, 50, 1), np.float32))[1]
    assert "'Content-Type: image/jpeg' --data-binary @picture.jpg" in request


TENSOR = InputSpec("x", "float32", (None, 2))

TEXT = InputSpec("x", "string", (None,), Preprocess("text"))

AGE = InputSpec("age", "float32", (None,), Preprocess("record"))

JOB = InputSpec("job", "string", (None,), Preprocess("record"))

PHOTO = InputSpec("x", "float32", (None, 2, 2, 1), Preprocess("image", image=Image(mode="gray")))


@pytest.mark.parametrize(
    ("inputs", "types"),
    [
        ([TENSOR], ["application/x-npy"]),
        ([TEXT], ["text/plain", "text/csv"]),
        ([PHOTO], ["image/jpeg", "application/x-npy"]),
        ([AGE], ["application/x-npy", "text/csv"]),
        ([JOB], ["text/csv"]),
        ([AGE, TEXT], ["text/csv"]),
        ([AGE, TENSOR], []),
        ([AGE, PHOTO], []),
    ],
)
def test_the_forms_that_are_shown_are_those_that_are_read(
    published: tuple[Path, Manifest], inputs: list[InputSpec], types: list[str]
) -> None:
    _, manifest = published
    bindings = tuple(TensorBinding(i.name, i.name, "float32", i.shape) for i in inputs)
    tensors = Tensors(bindings, manifest.tensors.outputs)
    model = replace(manifest, inputs=tuple(inputs), tensors=tensors)
    *forms, (path, _) = forms_in_words(model)
    assert path == "/v1/models/iris:predict"
    assert sorted(form.partition(",")[0] for form, _ in forms) == sorted(types)
    codec = SimpleDialect().codec(model)
    for kind in ("text/plain", "text/csv", "image/jpeg", "application/x-npy"):
        try:
            codec.parse(b"", head(kind))
            refused = False
        except RequestError as error:
            refused = isinstance(error, UnsupportedMediaType)
        assert refused is (kind not in types)


def test_steps_are_told_in_their_order(published: tuple[Path, Manifest]) -> None:
    _, manifest = published
    step = Step(layer="words", inputs=("text",), outputs=("indices",), lookup=WORDS)
    crossed = Step(
        layer="crossed", inputs=("a", "b"), outputs=("bin",), hashed_crossing=HashedCrossing(bins=9)
    )
    golden = GoldenExamples(
        ("test[0]",),
        {"features": np.zeros((1, 4), np.float32)},
        {"species": np.zeros((1, 3), np.float32)},
        {"species": np.array(0.1)},
    )
    contract = contract_in_words(manifest, Preprocessing(steps=(step, crossed)), golden)
    assert contract.steps[0].startswith("words (text): lower-case, ")
    assert contract.steps[1] == "crossed (a, b): hashed together into 9 bins"
