"""A loaded model version, with its interpreters, input pipeline and cost estimates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from tflite_serving.contract.evidence import LengthLatency
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import InputSpec, OutputSpec
from tflite_serving.dialects.dialect import Codec, Dialect
from tflite_serving.runtime.interpreter_pool import InterpreterPool

if TYPE_CHECKING:
    from tflite_serving.inputs.image import PictureReader
    from tflite_serving.preprocess.pipeline import Pipeline

# A thread takes longer than a small model; a large one on the event loop keeps others waiting.
_QUICK_MS = 2.0
_FEWEST_BYTES_PER_NUMBER = 2  # a digit and a comma
_FEWEST_BYTES_OF_PICTURE = 50  # of WebP, in base64
_FEWEST_BYTES_OF_TEXT = 16  # that somebody means; MAX_BATCH bounds those who send shorter ones
_TOKENIZE_MS_PER_BYTE = 2e-3  # of letters beyond ASCII, which take longest
_FEWEST_BYTES_PER_TOKEN = 2  # of a language, with what JSON puts around a text
_PARSE_MS_PER_BYTE = 5e-6  # 200 MB/s


@dataclass(frozen=True)
class LoadedModel:
    """A version that is loaded, verified, and ready to answer.

    Attributes:
        manifest: of the version.
        pool: Interpreters that run batches.
        load_ms: what loading took, by stage.
        pipeline: between what clients send and what the model takes; None if these are the same.
        pictures: read the inputs that are pictures, by name.
    """

    manifest: Manifest
    pool: InterpreterPool
    load_ms: dict[str, float]
    pipeline: Pipeline | None = None
    pictures: Mapping[str, PictureReader] = field(default_factory=dict)
    _untold: list[dict[str, float]] = field(default_factory=list, repr=False, compare=False)
    _codecs: dict[Dialect, Codec] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._untold.append(self.load_ms)

    @property
    def is_new(self) -> bool:
        """Whether no answer has told yet what the load took."""
        return bool(self._untold)

    def take_load_ms(self) -> dict[str, float]:
        """What loading took, for the first answer alone."""
        try:
            return self._untold.pop()
        except IndexError:
            return {}

    def codec(self, dialect: Dialect) -> Codec:
        """The dialect as it is spoken with this version; made once."""
        codec = self._codecs.get(dialect)
        if codec is None:
            codec = self._codecs[dialect] = dialect.codec(self.manifest)
        return codec

    @cached_property
    def quick_bytes(self) -> float:
        """A request with a smaller body is done within `_QUICK_MS`, by what the export measured."""
        lengths = self.manifest.resources.by_length
        if lengths:
            return _quick_bytes_of_sequences(lengths)
        return self._bytes_within(self.manifest.resources.latency_ms.p50)

    @cached_property
    def quickly_read_bytes(self) -> float:
        """A smaller body is read within `_QUICK_MS`."""
        if self.manifest.resources.by_length:
            return _QUICK_MS / _TOKENIZE_MS_PER_BYTE
        return self._bytes_within(0.0)

    def _bytes_within(self, model_ms: float) -> float:
        each = model_ms + sum(reader.most_ms for reader in self.pictures.values())
        if each >= _QUICK_MS:
            return 0.0
        fewest = sum(map(_fewest_bytes, self.manifest.inputs))  # of one instance
        of_one = (_QUICK_MS - each) / _PARSE_MS_PER_BYTE
        return min(of_one, _QUICK_MS / (each / fewest + _PARSE_MS_PER_BYTE))

    @cached_property
    def judged(self) -> OutputSpec | None:
        """The output whose scores say how sure the model is: the first that has classes."""
        return next((output for output in self.manifest.outputs if output.has_classes), None)

    @cached_property
    def labels(self) -> dict[str, str]:
        """What log lines of its answers are labelled with."""
        return {"model": self.manifest.name, "version": self.manifest.version}


def _quick_bytes_of_sequences(lengths: tuple[LengthLatency, ...]) -> float:
    """As many bytes as make the longest sequence that is quick.

    A text of nothing but signs has more tokens, and is at worst as slow as the longest.
    """
    quick = [each.tokens for each in lengths if each.latency_ms.p50 < _QUICK_MS]
    if not quick:
        return 0.0
    per_byte = lengths[0].latency_ms.p50 / _FEWEST_BYTES_OF_TEXT
    return min(
        _FEWEST_BYTES_PER_TOKEN * float(max(quick)), _QUICK_MS / (per_byte + _PARSE_MS_PER_BYTE)
    )


def _fewest_bytes(spec: InputSpec) -> int:
    if spec.preprocess.kind == "image":
        return _FEWEST_BYTES_OF_PICTURE
    each = _FEWEST_BYTES_OF_TEXT if spec.dtype == "string" else _FEWEST_BYTES_PER_NUMBER
    return each * math.prod(n or 1 for n in spec.shape)
