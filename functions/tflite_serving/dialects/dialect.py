"""What every dialect has in common: its shape, and what goes through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import Arrays
from tflite_serving.errors import RequestError
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

    def parse(self, body: bytes, content_type: str) -> PredictionRequest:
        """Reads a request body of a type that the dialect lets pass; see `Dialect.check_type`.

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


def check_batch(inputs: Mapping[str, RawInput], name: str) -> int:
    """The batch size that all inputs share.

    Args:
        inputs: by input name.
        name: of the member that holds them, for the complaint.

    Raises:
        RequestError: it is zero, or differs.
    """
    return check_sizes({key: len(raw.values) for key, raw in inputs.items()}, name)


def check_sizes(sizes: Mapping[str, int], name: str) -> int:
    """The same of what has these sizes, by name."""
    (first, batch), *others = sizes.items() or [("", 0)]
    if batch == 0:
        raise RequestError("empty_batch", f"{name}: expected at least one instance, got none")
    for key, size in others:
        if size != batch:
            raise RequestError(
                "wrong_shape",
                f"{name}.{key}: expected {batch} rows as in {first!r}, got {size}",
            )
    return batch
