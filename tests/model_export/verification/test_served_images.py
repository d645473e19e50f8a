"""Models of pictures: exported, verified, served, and asked with the files that people have."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import Result
from PIL import Image as PillowImage

from model_export.dataset.source import load_splits
from tests.support.examples.image_files import b64, encoded, turned
from tests.support.places import ROOT
from tests.support.server.serving import running
from tflite_serving.contract.golden import read_golden
from tflite_serving.contract.image import Image, Resize
from tflite_serving.contract.manifest import Manifest, read_manifest

Cli = Callable[..., Result]
Array = npt.NDArray[Any]
SIZES = {"train": 60, "validation": 20, "test": 30}
TOLERANCE = 1e-4

# What a recipe names: the module that finds the examples is written beside it.
FILES = """
import json
from pathlib import Path


def splits():
    return json.loads((Path(__file__).parent / "data.json").read_text(), object_hook=pairs)


def pairs(document):
    return {name: tuple(pair) for name, pair in document.items()}
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """A model that was exported.

    Attributes:
        model: the Keras model.
        folder: of the recipe, with the registry.
        manifest: of the version.
        artifact: folder of the version.
    """

    model: keras.Model
    folder: Path
    manifest: Manifest
    artifact: Path


def scene(kind: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A photo of the sky (0) or of the sea (1): bright above or below; of any size."""
    height, width = rng.integers(20, 60, 2)
    light = np.linspace(230, 30, height)[:: 1 - 2 * kind, np.newaxis, np.newaxis]
    noise = rng.normal(0, 12, (height, width, 3))
    return np.asarray(np.clip(light + noise, 0, 255), np.uint8)


def fitted(model: keras.Model, x: Any, y: Any) -> keras.Model:
    # Only for a moment: a model that is sure hides differences.
    model.compile(
        keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy", jit_compile=False
    )
    model.fit(x, np.array(y), epochs=2, batch_size=16, verbose=0)
    return model


def of_any_size(front: list[Any]) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((None, None, 3), name="photo"),
            *front,
            keras.layers.Conv2D(4, 3, strides=2, activation="relu", name="edges"),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax", name="scene"),
        ]
    )


def read_exported(model: keras.Model, folder: Path) -> Exported:
    (path,) = (folder / "registry").glob("models/*/versions/*/manifest.json")
    return Exported(model, folder, read_manifest(path.read_text()), path.parent)


def recipe(folder: Path, name: str, data: str, more: str = "") -> Path:
    path = folder / "recipe.toml"
    path.write_text(
        f"""
        model = {{name = "{name}", source = "model.keras", labels = ["sky", "sea"]}}
        data = {{source = "{data}"}}
        quantize = {{variants = ["float32"]}}
        gate = {{max_drop = 0.1}}
        measure = {{starts = 1, rounds = 2}}
        publish = {{registry = "registry", alias = "production"}}
        {more}
        """
    )
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Cli], Exported]:
    """Files of all sizes, and a model that crops and resizes them itself."""
    folder = tmp_path_factory.mktemp("photos")
    made: list[Exported] = []

    def give(cli: Cli) -> Exported:
        if made:
            return made[0]
        rng, data = np.random.default_rng(0), {}
        (folder / "images").mkdir()
        for split, count in SIZES.items():
            kinds = rng.integers(0, 2, count).tolist()
            paths = [
                f"images/{split}-{index}.{'jpg' if index % 3 else 'png'}" for index in range(count)
            ]
            for path, kind in zip(paths, kinds, strict=True):
                file = encoded(scene(kind, rng), "JPEG" if path.endswith("jpg") else "PNG")
                (folder / path).write_bytes(file)
            data[split] = (paths, kinds)
        (folder / "data.json").write_text(json.dumps(data))
        (folder / "photo_files.py").write_text(FILES)
        layers = [
            keras.layers.Resizing(12, 10, crop_to_aspect_ratio=True, antialias=True, name="size"),
            keras.layers.Rescaling(1 / 127.5, -1, name="range"),
        ]
        prepared = keras.Sequential([keras.layers.RandomFlip(name="flip"), *layers])
        model = of_any_size([prepared])
        paths, kinds = data["train"]
        pictures = [keras.utils.img_to_array(keras.utils.load_img(folder / p)) for p in paths]
        small = np.stack([np.asarray(layers[0](picture)) for picture in pictures])
        fitted(model, small, kinds)
        model.save(folder / "model.keras")
        result = cli("export", recipe(folder, "scenes", "photo_files:splits"))
        assert result.exit_code == 0, result.stderr
        made.append(read_exported(model, folder))
        return made[0]

    return give


def by_keras(model: keras.Model, *files: bytes) -> list[Any]:
    loaded = [keras.utils.img_to_array(keras.utils.load_img(io.BytesIO(file))) for file in files]
    return [
        pytest.approx(np.asarray(model(x[np.newaxis], training=False))[0], abs=TOLERANCE)
        for x in loaded
    ]


def test_a_resizing_layer_becomes_part_of_the_manifest(
    photos: Callable[[Cli], Exported], cli: Cli
) -> None:
    manifest = photos(cli).manifest
    (spec,) = manifest.inputs
    assert (spec.name, spec.shape) == ("photo", (None, None, None, 3))
    assert spec.preprocess.image == Image(
        mode="rgb", resize=Resize(height=12, width=10, antialias=True, fit="crop")
    )
    assert [binding.shape for binding in manifest.tensors.inputs] == [(None, 12, 10, 3)]
    assert manifest.preprocessing is None


def test_golden_examples_are_the_files_themselves(
    photos: Callable[[Cli], Exported], cli: Cli
) -> None:
    exported = photos(cli)
    golden = read_golden((exported.artifact / "golden.npz").read_bytes())
    sent = {b64(path.read_bytes())["b64"] for path in exported.folder.glob("images/test-*")}
    assert {text.decode() for text in golden.inputs["photo"].tolist()} <= sent


def test_a_photo_is_answered_as_keras_answers_it(
    photos: Callable[[Cli], Exported], cli: Cli, tmp_path: Path
) -> None:
    exported = photos(cli)
    files = [path.read_bytes() for path in sorted(exported.folder.glob("images/test-*"))][:12]
    settings = {"MODEL_REGISTRY": str(exported.folder / "registry"), "MODELS": "scenes"}
    with running("predict", settings, tmp_path) as function:
        answer = function.post("/predict", {"instances": [b64(file) for file in files]}).json()
        alone = function.post("/predict", files[0], headers={"Content-Type": "image/png"}).json()
    scores = [[row["scores"][label] for label in ("sky", "sea")] for row in answer["predictions"]]
    assert scores == by_keras(exported.model, *files)
    assert alone["predictions"][0]["scores"] == pytest.approx(answer["predictions"][0]["scores"])


def test_such_a_model_is_verified_against_keras_and_shown_in_words(
    photos: Callable[[Cli], Exported], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos(cli).folder)
    against = ("--against", "model.keras", "--data", "photo_files:splits", "--json")
    result = cli("verify", "registry/models/scenes", *against)
    assert result.exit_code == 0, result.stderr
    parity = json.loads(result.stdout)
    assert (parity["questions"], parity["label_agreement"]) == (30, 1.0)
    assert parity["largest"] <= TOLERANCE
    assert all(worst["sent"].startswith("'images/test-") for worst in parity["worst"])
    version = next(Path("registry/models/scenes/versions").iterdir())
    shown = cli("show", version)
    assert (
        "made RGB, resized to 10×12, what is too long cut off (bilinear, antialiased, as Keras "
        "does it)"
    ) in shown.stdout


def gray(count: int, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 2, count)
    scenes = [PillowImage.fromarray(scene(kind, rng)).convert("L").resize((8, 9)) for kind in kinds]
    return np.stack([np.asarray(each) for each in scenes])[..., np.newaxis], kinds


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, Path]:
    """A model of gray pictures of 8 by 9 pixels, from 0 to 1, and its data."""
    folder = tmp_path_factory.mktemp("small")
    arrays: dict[str, Array] = {}
    for seed, (split, count) in enumerate(SIZES.items()):
        pixels, kinds = gray(count, seed)
        arrays |= {f"x_{split}": (pixels / 255).astype(np.float32), f"y_{split}": kinds}
    np.savez(folder / "data.npz", allow_pickle=False, **arrays)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((9, 8, 1), name="photo"),
            keras.layers.Conv2D(4, 3, activation="relu", name="edges"),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax", name="scene"),
        ]
    )
    fitted(model, arrays["x_train"], arrays["y_train"])
    model.save(folder / "model.keras")
    return model, folder


def test_what_the_model_was_fed_is_told_by_the_recipe(
    small: tuple[keras.Model, Path], cli: Cli, tmp_path: Path
) -> None:
    model, folder = small
    more = """
        [inputs.photo]
        scale = "1/255"
        resize = {by = "pil", method = "bilinear"}
    """
    result = cli("export", recipe(folder, "gray", "data.npz", more))
    assert result.exit_code == 0, result.stderr
    exported = read_exported(model, folder)
    assert exported.manifest.inputs[0].preprocess.image == Image(
        mode="gray",
        scale=1 / 255,
        resize=Resize(height=9, width=8, by="pil", method="bilinear"),
    )
    photo = PillowImage.fromarray(scene(1, np.random.default_rng(5)))
    file = encoded(photo, "PNG")
    loaded = keras.utils.load_img(
        io.BytesIO(file), color_mode="grayscale", target_size=(9, 8), interpolation="bilinear"
    )
    expected = np.asarray(model(keras.utils.img_to_array(loaded)[np.newaxis] / 255))[0]
    settings = {"MODEL_REGISTRY": str(folder / "registry"), "MODELS": "gray"}
    headers = {"Content-Type": "image/jpeg"}
    with running("predict", settings, tmp_path) as function:
        for body in (file, turned(photo, 1, "PNG")):
            (row,) = function.post("/predict", body, headers=headers).json()["predictions"]
            assert list(row["scores"].values()) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            ['inputs.photo.kind="image"'],
            "train: photo: expected pixels from 0 to 255, as clients send them, got 0 to ",
        ),
        (['inputs.photo.kind="image"'], 'set inputs.photo.scale = "1/255"; or let clients send'),
        (["inputs.photo.scale=1e-3"], "expected pixels from 0 to 255, as clients send them, got "),
        (['inputs.photo.kind="picture"'], "expected one of 'image', 'tensor'"),
        (['inputs.photo.kind="tensor"', "inputs.photo.scale=2"], "expected 'image' beside keys of"),
        (['inputs.photo.scale="a third"'], 'a number, or a fraction such as "1/255"'),
        (["inputs.photo.scale=0"], "scale: expected another number than 0"),
        (['inputs.photo.resize.method="best"'], "resize.method: expected one of"),
        (['inputs.photo.resize={by="pil",antialias=true}'], "resize.by: expected 'keras' for anti"),
    ],
)
def test_pictures_in_another_range_than_clients_send_are_refused(
    small: tuple[keras.Model, Path], cli: Cli, settings: list[str], problem: str
) -> None:
    path = recipe(small[1], "gray", "data.npz")
    options = [part for each in settings for part in ("--set", each)]
    result = cli("export", path, "--dry-run", *options)
    assert result.exit_code == 2, result.stderr
    assert problem in result.stderr


def test_a_model_of_one_size_is_said_to_refuse_others(
    small: tuple[keras.Model, Path], cli: Cli, capfd: pytest.CaptureFixture[str]
) -> None:
    path = recipe(small[1], "gray", "data.npz")
    result = cli("export", path, "--dry-run", "--set", 'inputs.photo.scale="1/255"')
    assert result.exit_code == 0, result.stderr
    told = capfd.readouterr().err
    assert "photo: pictures of any other size than 8 by 9 will be refused, unless" in told


def test_folders_of_pictures_are_given_as_the_documentation_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "2-recipe.md").read_text()
    (code,) = (c for c in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if '"flowers"' in c)
    rng = np.random.default_rng(0)
    for kind in ("tulip", "rose"):
        (tmp_path / "flowers" / kind).mkdir(parents=True)
        for index in range(10):
            file = tmp_path / "flowers" / kind / f"{index}.jpg"
            file.write_bytes(encoded(scene(0, rng), "JPEG"))
    (tmp_path / "flower_folders.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    found = load_splits("flower_folders:splits", tmp_path)
    splits = (found.train, found.validation, found.test)
    assert [len(split) for split in splits] == [16, 2, 2]
    paths = [path for split in splits for path in split.inputs[""].tolist()]
    assert len(set(paths)) == 20
    for path, target in zip(paths, found.train.targets, strict=False):
        assert Path(path).parent.name == ("rose", "tulip")[target]


# Pictures of different sizes in a list, and a number beside each.
MIXED = """
import numpy as np


def splits():
    rng, found = np.random.default_rng(0), {}
    for name, count in (("train", 40), ("validation", 20), ("test", 20)):
        sizes = rng.integers(8, 30, (count, 2))
        photos = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
        ages = rng.integers(18, 80, count).astype(np.float32)
        found[name] = ({"photo": photos, "age": ages}, (ages > 45).astype(np.int64))
    return found
"""


def test_a_picture_may_be_one_of_several_inputs(cli: Cli, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    photo, age = keras.Input((None, None, 3), name="photo"), keras.Input((1,), name="age")
    small = keras.layers.CenterCrop(9, 8, name="middle")(photo)
    seen = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(small))
    both = keras.layers.Concatenate()([seen, keras.layers.Rescaling(0.01)(age)])
    answer = keras.layers.Dense(2, activation="softmax", name="scene")(both)
    model = keras.Model([photo, age], answer)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "model.keras")
    (tmp_path / "mixed_inputs.py").write_text(MIXED)
    result = cli("export", recipe(tmp_path, "mixed", "mixed_inputs:splits", ""))
    assert result.exit_code == 0, result.stderr
    manifest = read_exported(model, tmp_path).manifest
    assert [(spec.name, spec.preprocess.kind) for spec in manifest.inputs] == [
        ("photo", "image"),
        ("age", "record"),
    ]
    pictures = [scene(1, np.random.default_rng(seed)) for seed in range(3)]
    rows = [{"photo": b64(encoded(each)), "age": 40 + i} for i, each in enumerate(pictures)]
    expected = [
        pytest.approx(
            np.asarray(model([x[np.newaxis].astype(np.float32), np.array([[40.0 + i]])]))[0],
            abs=TOLERANCE,
        )
        for i, x in enumerate(pictures)
    ]
    settings = {"MODEL_REGISTRY": str(tmp_path / "registry"), "MODELS": "mixed"}
    with running("predict", settings, tmp_path) as function:
        answer = function.post("/predict", {"instances": rows}).json()["predictions"]
        assert [list(row["scores"].values()) for row in answer] == expected
        columns = {name: [row[name] for row in rows] for name in ("photo", "age")}
        found = function.post("/v1/models/mixed:predict", {"inputs": columns}).json()
        assert found["outputs"] == expected
        rows[1]["photo"] = {"b64": "AAAA"}
        refused = function.post("/predict", {"instances": rows}).json()
    assert refused["code"] == "malformed_image"
    assert refused["error"].startswith("instances[1].photo: expected a JPEG, PNG or WebP picture")
