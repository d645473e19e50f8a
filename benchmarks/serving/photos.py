"""Photos of nothing in particular, with as much detail as those of phones."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

HEIGHT, WIDTH = 768, 1024
SIDE = 224
"""Of what the network takes."""
COUNT = 16
_SIZES = {"train": 8, "validation": 4, "test": 4}
_QUALITY = 88
_WAVES, _GRAIN = 6, 6.0

Pixels = npt.NDArray[np.uint8]
Split = tuple[Any, npt.NDArray[np.int64]]


def splits() -> dict[str, Split]:
    """A few of them, [examples, 224, 224, 3] from 0 to 255; no class means anything."""
    photos = iter([as_fed(jpeg(seed)) for seed in range(COUNT)])
    return {
        name: (np.stack([next(photos) for _ in range(count)]), np.arange(count, dtype=np.int64))
        for name, count in _SIZES.items()
    }


@lru_cache(maxsize=64)
def jpeg(seed: int) -> bytes:
    """One of them as a file, of about 200 kB."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)[..., np.newaxis] / WIDTH
    light = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for octave in range(_WAVES):
        across, down = rng.normal(0, 1.6**octave, (2, 3))
        light += np.sin(across * x + down * y + rng.random(3) * 6) / 1.25**octave
    light = (light - light.min()) / np.ptp(light) * 255
    pixels = np.clip(light + rng.normal(0, _GRAIN, light.shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def as_fed(body: bytes) -> Pixels:
    """A photo as the network is fed: `keras.utils.load_img` with a target size, bilinear."""
    picture = Pillow.open(io.BytesIO(body))
    return np.asarray(picture.resize((SIDE, SIDE), Pillow.Resampling.BILINEAR))
