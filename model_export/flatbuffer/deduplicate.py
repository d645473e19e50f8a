"""Shrinks a flatbuffer by storing equal parts once; its predictions stay bit for bit the same.

The converter's names tell of every node that went into a tensor, and quantization per channel
stores a zero point of eight bytes for each channel, which is always zero. In a small network these
are a fifth of the file. Equal parts are stored once here, which the format allows, and tensors are
named after their layers.
"""

from __future__ import annotations

import hashlib
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt

from model_export.flatbuffer.inspect import FlatbufferFacts, read_model

_IDENTIFIER = b"TFL3"
# What the schema asks for (force_align), and its Python writer forgets: kernels may read 16 bytes
# at a time.
_DATA_ALIGNMENT = 16


def slim(flatbuffer: bytes, facts: FlatbufferFacts) -> bytes:
    """The same model in fewer bytes.

    Args:
        flatbuffer: of any variant.
        facts: of it, with the layers of its operators.
    """
    model = read_model(flatbuffer)
    layers = {operator.name: operator.layer or "" for operator in facts.operators}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            name = (tensor.name or b"").decode(errors="replace")
            tensor.name = layers.get(name, "").encode()
    builder = _SharingBuilder(len(flatbuffer))
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]  # flatbuffers has no types
    """Writes equal vectors and strings once."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, int, bytes], int] = {}

    def CreateNumpyVector(self, x: npt.NDArray[Any]) -> int:  # noqa: N802  # flatbuffers' name
        key = (x.dtype.str, x.size, hashlib.sha256(x.tobytes()).digest())
        if key not in self._written:
            self._written[key] = self._aligned(x) if x.dtype == np.uint8 else self._plain(x)
        return self._written[key]

    def CreateString(self, s: Any, *arguments: Any) -> int:  # noqa: N802  # flatbuffers' name
        text = s.encode() if isinstance(s, str) else bytes(s)
        key = ("text", len(text), text)
        if key not in self._written:
            self._written[key] = super().CreateString(text, *arguments)
        return self._written[key]

    def _plain(self, x: npt.NDArray[Any]) -> int:
        return int(super().CreateNumpyVector(x))

    def _aligned(self, x: npt.NDArray[Any]) -> int:
        self.StartVector(1, x.size, _DATA_ALIGNMENT)
        self.head -= x.size
        self.Bytes[self.head : self.head + x.size] = x.tobytes()
        self.vectorNumElems = x.size
        return int(self.EndVector())
