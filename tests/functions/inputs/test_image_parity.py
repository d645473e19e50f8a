"""A model of pictures over real HTTP: what phones and browsers send, and what attackers do."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import requests
from PIL import Image as PillowImage

from benchmarks.soak.memory import sample, worker
from tests.support.examples.image_files import (
    b64,
    encoded,
    png_of_size,
    smooth,
    turned,
    webp_of_size,
    with_scans,
)
from tests.support.models.image_model import PictureModel, publish_picture_model
from tests.support.models.tiny import LABELS
from tests.support.server.serving import Function, running
from tflite_serving.contract.image import Image, Resize
from tflite_serving.inputs.image_resize import resized

Array = npt.NDArray[Any]
LIMIT = 2_000_000
MOST_PIXELS = LIMIT // 2
RESIZE = Resize(height=12, width=10)
IMAGE = Image(mode="rgb", resize=RESIZE, scale=1 / 255)
PHOTO = smooth(60, 80)
V1 = "/v1/models/photos:predict"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PictureModel:
    return publish_picture_model(tmp_path_factory.mktemp("photos"), IMAGE)


@pytest.fixture(scope="module", params=["predict", "predict_wsgi"])
def function(
    request: pytest.FixtureRequest, model: PictureModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Function]:
    environment = {
        "MODEL_REGISTRY": str(model.registry),
        "MODELS": "photos",
        "MAX_REQUEST_BYTES": str(LIMIT),
    }
    with running(request.param, environment, tmp_path_factory.mktemp("function")) as started:
        yield started


def send(function: Function, body: bytes, content_type: str) -> requests.Response:
    return function.post("/predict", body, headers={"Content-Type": content_type})


def expected(model: PictureModel, *pictures: Array) -> list[Any]:
    """What the model answers to pictures of any size."""
    fed = np.stack([resized(picture, RESIZE) / np.float32(255) for picture in pictures])
    return [pytest.approx(row, abs=1e-5) for row in model.scores(fed).tolist()]


def scores(response: requests.Response) -> list[list[float]]:
    assert response.status_code == 200, response.text
    return [[row["scores"][label] for label in LABELS] for row in response.json()["predictions"]]


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_a_picture_may_be_the_whole_body(
    function: Function, model: PictureModel, kind: str
) -> None:
    options = {"lossless": True} if kind == "webp" else {}
    body = encoded(PHOTO, kind, **options)
    sent = np.asarray(PillowImage.open(io.BytesIO(body)))
    assert scores(send(function, body, f"image/{kind}")) == expected(model, sent)


def test_pictures_of_several_sizes_are_one_batch_in_every_form(
    function: Function, model: PictureModel
) -> None:
    pictures = [PHOTO, smooth(12, 10, 1), smooth(200, 100, 2)]
    answers = expected(model, *pictures)
    files = [b64(encoded(picture)) for picture in pictures]
    named = [{"photo": file} for file in files]
    numbers = [picture.tolist() for picture in pictures]
    for instances in (files, named, numbers, [files[0], numbers[1], files[2]]):
        assert scores(function.post("/predict", {"instances": instances})) == answers
        rows = function.post(V1, {"instances": instances}).json()
        assert rows["predictions"] == answers
    for columns in (files, {"photo": files}, {"photo": numbers}):
        assert function.post(V1, {"inputs": columns}).json()["outputs"] == answers


def test_numbers_may_come_as_a_file_of_numpys(function: Function, model: PictureModel) -> None:
    pictures = np.stack([PHOTO, smooth(60, 80, 1)])
    for values in (pictures, pictures.astype(np.float32)):
        file = io.BytesIO()
        np.save(file, values)
        response = send(function, file.getvalue(), "application/x-npy")
        assert scores(response) == expected(model, *pictures)


def test_a_photo_of_a_phone_is_upright(function: Function, model: PictureModel) -> None:
    body = turned(PillowImage.fromarray(PHOTO), 6, "PNG")
    upright = np.rot90(PHOTO, -1)
    assert scores(send(function, body, "image/png")) == expected(model, upright)


def test_the_answer_says_how_long_decoding_and_resizing_took(function: Function) -> None:
    send(function, PNG, "image/png")  # the first answer tells of its load, too
    response = send(function, encoded(smooth(600, 800), "JPEG"), "image/jpeg")
    stages = dict(part.split(";dur=") for part in response.headers["Server-Timing"].split(", "))
    assert list(stages)[:6] == ["parse", "preprocess", "decode", "resize", "queue", "infer"]
    assert float(stages["decode"]) > 0
    assert float(stages["resize"]) > 0


def as_json(*instances: Any) -> bytes:
    return json.dumps({"instances": instances}).encode()


GIF = encoded(PHOTO, "GIF")
PNG = encoded(PHOTO)
JPEG = encoded(PHOTO, "JPEG")
HOSTILE: dict[str, tuple[str, Callable[[], bytes], int, str, str]] = {
    "a bomb: 900 megapixels in a kilobyte": (
        "image/png",
        lambda: png_of_size(30_000, 30_000),
        *(413, "image_too_large", "body: expected at most 1,000,000 pixels, got 30000 by 30000"),
    ),
    "a bomb in base64": (
        "application/json",
        lambda: as_json(b64(PNG), b64(png_of_size(2**31 - 1, 2**31 - 1))),
        *(
            413,
            "image_too_large",
            "instances[1]: expected at most 1,000,000 pixels, got 2147483647",
        ),
    ),
    "a bomb of 281 terapixels as WebP": (
        "image/webp",
        lambda: webp_of_size(2**24, 2**24),
        *(413, "image_too_large", "got 16777216 by 16777216"),
    ),
    "pixels that are promised and do not come": (
        "image/png",
        lambda: png_of_size(1000, 1000),
        *(400, "malformed_image", "body: expected a whole PNG picture, got "),
    ),
    "a JPEG that is gone over five thousand times": (
        "image/jpeg",
        lambda: with_scans(5000, 1000),
        *(400, "malformed_image", "body: expected a JPEG of at most 100 scans, got more"),
    ),
    "many pictures, each just small enough": (
        "application/json",
        lambda: as_json(*[b64(encoded(np.zeros((1000, 1000), np.uint8)))] * 5),
        *(413, "image_too_large", "instances[4]: expected pictures of at most 4,000,000 pixels"),
    ),
    "half a PNG": (
        "image/png",
        lambda: PNG[: len(PNG) // 2],
        *(400, "malformed_image", "body: expected a whole PNG picture, got "),
    ),
    "half a JPEG in base64": (
        "application/json",
        lambda: as_json({"photo": b64(JPEG[: len(JPEG) // 2])}),
        *(400, "malformed_image", "instances[0].photo: expected a whole JPEG picture, got "),
    ),
    "a PNG with a flipped bit": (
        "image/png",
        lambda: PNG[:60] + bytes([PNG[60] ^ 1]) + PNG[61:],
        *(400, "malformed_image", "body: expected a whole PNG picture, got "),
    ),
    "the head of a JPEG and nothing else": (
        "image/jpeg",
        lambda: b"\xff\xd8\xff\xe0",
        *(400, "malformed_image", "body: expected a whole JPEG picture, got "),
    ),
    "a picture without pixels": (
        "image/png",
        lambda: png_of_size(0, 0),
        *(400, "malformed_image", "body: expected a whole PNG picture, got "),
    ),
    "a picture of text": (
        "image/png",
        lambda: b"<html>not found</html>",
        *(
            400,
            "malformed_image",
            "body: expected a JPEG, PNG or WebP picture, got a text that begins with '<html>",
        ),
    ),
    "nothing": (
        "image/jpeg",
        lambda: b"",
        *(400, "malformed_image", "body: expected a JPEG, PNG or WebP picture, got nothing"),
    ),
    "a GIF that says it is a PNG": (
        "image/png",
        lambda: GIF,
        *(415, "unsupported_image", "body: expected a JPEG, PNG or WebP picture, got GIF"),
    ),
    "a GIF that says so": (
        "image/gif",
        lambda: GIF,
        *(415, "unsupported_content_type", "image/jpeg, image/png, image/webp"),
    ),
    "a table": (
        "text/csv",
        lambda: b"photo\na\n",
        *(415, "unsupported_content_type", "because the model takes pictures, got 'text/csv'"),
    ),
    "SVG with a script": (
        "application/json",
        lambda: as_json(b64(b"<svg onload='alert(1)'/>")),
        *(415, "unsupported_image", "instances[0]: expected a JPEG, PNG or WebP picture, got SVG"),
    ),
    "TIFF": (
        "image/jpeg",
        lambda: encoded(PHOTO, "TIFF"),
        *(415, "unsupported_image", "body: expected a JPEG, PNG or WebP picture, got TIFF"),
    ),
    "HEIC": (
        "application/json",
        lambda: as_json(b64(b"\0\0\0\x18ftypheic" + bytes(100))),
        *(415, "unsupported_image", "got HEIC, AVIF or a film"),
    ),
    "base64 that is none": (
        "application/json",
        lambda: as_json({"b64": "!!!"}),
        *(400, "malformed_image", "instances[0].b64: expected base64 (RFC 4648)"),
    ),
    "a path": (
        "application/json",
        lambda: as_json("/etc/passwd"),
        *(400, "wrong_dtype", 'instances[0]: expected a picture, {"b64": "…"} or numbers of shape'),
    ),
    "an address": (
        "application/json",
        lambda: as_json({"b64": "http://169.254.169.254/computeMetadata/v1/"}),
        *(400, "malformed_image", "instances[0].b64: expected base64 (RFC 4648)"),
    ),
    "a pixel that is no number": (
        "application/json",
        lambda: as_json([[["white", 0, 0]]]),
        *(400, "wrong_dtype", 'instances[0][0][0][0]: expected a number (float32), got "white"'),
    ),
    "pixels from 0 to 1000": (
        "application/json",
        lambda: as_json([[[0, 0, 1000]]]),
        *(400, "out_of_range", "instances[0][0][0][2]: expected the value of a pixel, 0 to 255"),
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused_with_a_reason(function: Function, name: str) -> None:
    content_type, make, status, code, message = HOSTILE[name]
    response = send(function, make(), content_type)
    answer = response.json()
    assert (response.status_code, answer["code"]) == (status, code)
    assert message in answer["error"]
    assert len(answer["error"]) < 500
    assert send(function, PNG, "image/png").status_code == 200


def test_hostile_pictures_leave_no_memory_behind(function: Function) -> None:
    bodies = [(each[0], each[1]()) for each in HOSTILE.values()]

    def after_all() -> float:
        for content_type, body in bodies:
            send(function, body, content_type)
        return sample(worker(function.process.pid), len(bodies)).rss_mib

    before = after_all()
    assert max(after_all() for _ in range(4)) - before < 30


def test_what_pillow_finds_odd_is_no_line_of_the_log(function: Function) -> None:
    exif = b"Exif\0\0II*\0\xff\xff\xff\x7f"
    assert send(function, encoded(PHOTO, "JPEG", exif=exif), "image/jpeg").status_code == 200
    assert "Warning" not in function.output()


def test_a_picture_that_takes_long_keeps_nobody_waiting(
    model: PictureModel, tmp_path: Path
) -> None:
    settings = {"MODEL_REGISTRY": str(model.registry), "MODELS": "photos"}
    slow = encoded(np.zeros((4000, 4000), np.uint8))  # 16 megapixels in 20 kB
    with running("predict", settings, tmp_path) as function:
        send(function, PNG, "image/png")
        thread = threading.Thread(target=lambda: send(function, slow, "image/png"))
        began = time.perf_counter()
        thread.start()
        waits = []
        while thread.is_alive():
            asked = time.perf_counter()
            assert function.get("/v2/health/live").status_code == 200
            waits.append(time.perf_counter() - asked)
        took = time.perf_counter() - began
    assert min(waits) < took / 4


@pytest.mark.parametrize(
    ("image", "golden"),
    [(Image(mode="gray"), "gray"), (Image(mode="rgba", scale=1 / 127.5, offset=-1.0), "rgba")],
)
def test_other_modes_are_served(image: Image, golden: str, tmp_path: Path) -> None:
    model = publish_picture_model(tmp_path, image)
    picture = PillowImage.fromarray(smooth(8, 8, 5)).convert("L" if golden == "gray" else "RGBA")
    pixels = np.asarray(picture, np.float32).reshape(1, 8, 8, -1)
    fed = pixels * np.float32(image.scale) + np.float32(image.offset)
    settings = {"MODEL_REGISTRY": str(model.registry), "MODELS": "photos"}
    with running("predict", settings, tmp_path) as function:
        for body, kind in (
            (encoded(picture), "image/png"),
            (as_json(pixels[0].tolist()), "application/json"),
        ):
            found = scores(send(function, body, kind))
            assert found == [pytest.approx(row, abs=1e-5) for row in model.scores(fed).tolist()]
        answer = send(function, PNG, "image/png").json()
    assert answer["code"] == "wrong_shape"
    assert "expected a picture of 8 by 8 pixels, got 80 by 60" in answer["error"]
