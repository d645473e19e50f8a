"""What every dialect has in common: its shape, and what goes through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import Arrays
from tflite_serving.inputs.batch import ANY_SIZE
from tflite_serving.inputs.raw import Numbers, RawInput


@dataclass(slots=True, eq=False)
class PredictionRequest:
    """What a client asks, in no dialect.

    Attributes:
        inputs: by input name; all of the same length.
        batch: how many instances.
        column: whether the answer is wanted as columns (one list per output).
        cut: places of the instances that have more tokens than the model takes.
    """

    inputs: Mapping[str, RawInput | Numbers]
    batch: int
    column: bool = False
    cut: Sequence[int] = ()


class Codec(Protocol):
    """One dialect as it is spoken with one version of one model.

    What depends on the model alone is worked out once, not in every request.
    """

    def parse(self, body: bytes, content_type: str, max_batch: int = ANY_SIZE) -> PredictionRequest:
        """Reads a request body of a type that the dialect lets pass; see `Dialect.check_type`.

        Args:
            body: all of it.
            content_type: of the body.
            max_batch: most instances; a larger batch is refused before values are made of it.

        Raises:
            RequestError: it says where the body is wrong.
        """

    def render(
        self, outputs: Arrays, request: PredictionRequest, query: Mapping[str, Sequence[str]]
    ) -> bytes:
        """Writes the answer's body.

        Args:
            outputs: by output name, [batch, …], in natural units.
            request: what was asked.
            query: of the URL, the values of each parameter.

        Raises:
            RequestError: it says what is wrong in the query.
        """


class Dialect(Protocol):
    """One wire protocol."""

    def check_type(self, content_type: str) -> None:
        """Looks at what a body says that it is, before it is read.

        Args:
            content_type: of the request, with parameters; "" if it has none.

        Raises:
            UnsupportedMediaType: it is something else than the dialect reads.
        """

    def codec(self, manifest: Manifest) -> Codec:
        """The dialect, spoken with this version of this model."""


def batch_of(inputs: Mapping[str, RawInput]) -> int:
    """The batch size that all inputs share."""
    return len(next(iter(inputs.values())).values)
