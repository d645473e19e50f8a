"""Fashion-MNIST: 70,000 photos of clothes, as Zalando publishes them and Debian packages them."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export import UsageError

FOLDER = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
"""With the four files; by default, where Debian's package puts them."""


class DataMissing(UsageError):
    """The files are not on this machine; the message says how to get them."""


def fashion_mnist(
    part: str, folder: Path = FOLDER
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """One of the two parts, "train" or "t10k": 60,000 to train, 10,000 to test.

    Returns:
        [examples, 28, 28, 1], gray levels from 0 to 255; [examples], the class of each.

    Raises:
        DataMissing: a file is not there.
    """
    images = _read_idx(folder / f"{part}-images-idx3-ubyte.gz")
    labels = _read_idx(folder / f"{part}-labels-idx1-ubyte.gz")
    return images[..., np.newaxis], labels.astype(np.int64)


def _read_idx(path: Path) -> npt.NDArray[Any]:
    """An array of bytes in the format that http://yann.lecun.com/exdb/mnist/ describes."""
    try:
        content = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise DataMissing(
            f"{path} is not there: on Debian and Ubuntu install Fashion-MNIST with "
            "`apt-get install dataset-fashion-mnist`; elsewhere put the four files of "
            "https://github.com/zalandoresearch/fashion-mnist (data/fashion) into a folder, and "
            "set FASHION_MNIST to it"
        ) from None
    # The fourth byte is the number of axes; their lengths follow, four bytes each.
    axes = content[3]
    shape = np.frombuffer(content, ">u4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
