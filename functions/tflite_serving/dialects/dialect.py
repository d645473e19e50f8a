"""Interface of a dialect, and the prediction request that its parser returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import Arrays
from tflite_serving.dialects.refusal import refusal
from tflite_serving.errors import ServingError
from tflite_serving.http.messages import Reply, RequestHead
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

    def parse(self, body: bytes, head: RequestHead, max_batch: int = ANY_SIZE) -> PredictionRequest:
        """Reads a request that the dialect lets pass; see `Dialect.check`.

        Args:
            body: All of the body.
            head: The request before its body: its headers and query.
            max_batch: Most instances; a larger batch is refused before values are made of it.

        Raises:
            RequestError: it says where the body is wrong.
        """

    def render(self, outputs: Arrays, request: PredictionRequest, head: RequestHead) -> Reply:
        """The reply, with its media type and headers.

        Args:
            outputs: Outputs by name, [batch, …], in natural units.
            request: What `parse` made of the request.
            head: The request before its body.

        Raises:
            RequestError: it says what is wrong in the query.
        """


class Dialect(ABC):
    """One wire protocol.

    Attributes:
        predictions: Paths that predictions are posted to, with the places ``{name}``,
            ``{version}`` and ``{alias}``.
        documents: Paths of documents about a model, each with what makes it of a manifest.
    """

    predictions: ClassVar[tuple[str, ...]]
    documents: ClassVar[Mapping[str, Callable[[Manifest], dict[str, object]]]] = {}

    def check(self, head: RequestHead) -> None:  # noqa: B027  # most dialects take any type
        """Refuses a request before its body is read.

        Raises:
            UnsupportedMediaType: the body is of a type that the dialect does not read.
        """

    @abstractmethod
    def codec(self, manifest: Manifest) -> Codec:
        """The dialect as it is spoken with one version of one model."""

    def refuse(self, error: ServingError, request_id: str) -> Reply:
        """The reply that reports an error.

        Args:
            error: The error.
            request_id: Id of the request.
        """
        return refusal(error, request_id)


def batch_of(inputs: Mapping[str, RawInput]) -> int:
    """The batch size that all inputs share."""
    return len(next(iter(inputs.values())).values)
