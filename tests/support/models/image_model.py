"""A real model of pictures, small and quick to make: softmax(pixels · W), without TensorFlow."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.artifact.write import write_artifact
from model_export.registry.open import open_writable
from model_export.registry.operations import move_alias, publish
from tests.support.examples.image_files import encoded, smooth
from tests.support.models import tiny
from tflite_serving.contract.golden import GoldenExamples
from tflite_serving.contract.image import Image
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import InputSpec, Preprocess

NAME = "photos"
_GOLDEN = 3


@dataclass(frozen=True, slots=True)
class PictureModel:
    """A published model of pictures.

    Attributes:
        manifest: of the version; its input is "photo".
        registry: that it is in; the alias "production" names it.
        weights: [classes, values of a picture].
    """

    manifest: Manifest
    registry: Path
    weights: npt.NDArray[np.float32]

    def scores(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What the model answers to [batch, height, width, channels], computed by numpy."""
        return tiny.scores(pixels.reshape(len(pixels), -1), self.weights)


def publish_picture_model(
    folder: Path, image: Image, height: int = 8, width: int = 8
) -> PictureModel:
    """Publishes a model that takes pictures of one size.

    Args:
        folder: for all of it.
        image: how pictures become its tensor; with a resize, that says the size.
        height, width: of what it takes.
    """
    if image.resize is not None:
        height, width = image.resize.height, image.resize.width
    shape = (height, width, image.channels)
    rng = np.random.default_rng(0)
    # So that scores differ much between pictures, whatever the scale of their pixels.
    spread = 4 / (np.sqrt(math.prod(shape)) * 255 * image.scale)
    weights = rng.normal(0, spread, (len(tiny.LABELS), math.prod(shape))).astype(np.float32)
    open_size = (None, None) if image.resize else (height, width)
    spec = InputSpec(
        "photo", "float32", (None, *open_size, image.channels), Preprocess("image", image)
    )
    made = tiny.flatbuffer(weights, shape)
    pixels = np.stack([_pixels(height, width, image, seed) for seed in range(_GOLDEN)])
    fed = (pixels * np.float32(image.scale) + np.float32(image.offset)).reshape(_GOLDEN, -1)
    files = [encoded(each if image.channels > 1 else each[..., 0]) for each in pixels]
    golden = GoldenExamples(
        tuple(f"test[{index}]" for index in range(_GOLDEN)),
        {"photo": np.array([base64.b64encode(file) for file in files])},
        {"species": tiny.scores(fed, weights)},
        {"species": np.array(1e-5)},
    )
    artifact = folder / "artifact"
    artifact.mkdir()
    manifest = write_artifact(
        artifact,
        tiny.described(NAME, "float32", made, spec),
        made,
        golden,
        datetime(2026, 1, 2, tzinfo=UTC),
        lambda version: {"report.html": version.encode()},
    )
    registry = folder / "registry"
    store = open_writable(str(registry))
    publish(store, manifest, artifact)
    move_alias(store, NAME, "production", manifest.version, "publish")
    return PictureModel(manifest, registry, weights)


def _pixels(height: int, width: int, image: Image, seed: int) -> npt.NDArray[np.uint8]:
    color = smooth(height, width, seed)
    if image.channels == 4:
        return np.concatenate([color, color[..., :1]], axis=-1)
    return color[..., : image.channels]
