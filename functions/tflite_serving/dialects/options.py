"""Parses the query parameters of the simple dialect: ``top_k`` and ``threshold``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

from tflite_serving.contract.tensors import OutputSpec
from tflite_serving.errors import RequestError
from tflite_serving.inputs.diagnose import shortened

OPTIONS = ("top_k", "threshold")
_MOST_COMPARED = 100  # with these names: each takes ten microseconds
_NUMBER = re.compile(r"[0-9.]{1,30}(?:[eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Options:
    """How one request wants its answer.

    Attributes:
        top_k: so many scores, the best first; None for all, in the order of the labels.
        threshold: instead of the manifest's; None for these.
    """

    top_k: int | None
    threshold: float | None


def read_options(
    query: Mapping[str, Sequence[str]], outputs: Sequence[OutputSpec]
) -> Options | None:
    """Reads ``?top_k=`` and ``?threshold=``; None if there is neither.

    Args:
        query: of the URL, the values of each parameter.
        outputs: of the model.

    Raises:
        RequestError: a value is none, is one of several, or would have no effect; or a name is a
            slip.
    """
    for name in islice(query, _MOST_COMPARED):
        # Others may be a gateway's; these are slips that would have no effect.
        if name not in OPTIONS and (near := get_close_matches(name[:20], OPTIONS, n=1)):
            raise _refusal(f"{name[:20]}: did you mean {near[0]!r}?")
    top_k, threshold = _only("top_k", query), _only("threshold", query)
    if top_k is None and threshold is None:
        return None
    return Options(
        None if top_k is None else _top_k(top_k, outputs),
        None if threshold is None else _threshold(threshold, outputs),
    )


def _only(name: str, query: Mapping[str, Sequence[str]]) -> str | None:
    values = query.get(name)
    if values is None:
        return None
    if len(values) > 1:
        raise _refusal(f"{name}: expected it once, got it {len(values)} times")
    return values[0]


def _top_k(text: str, outputs: Sequence[OutputSpec]) -> int:
    sizes = [
        2 if output.is_binary else output.shape[-1] or 0 for output in outputs if output.has_classes
    ]
    if not sizes:
        raise _refusal("top_k: a regression has no classes to choose from")
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise _refusal(
            f"top_k: expected a whole number from 1 to {max(sizes)}, got {shortened(text)!r}"
        )
    return int(text)


def _threshold(text: str, outputs: Sequence[OutputSpec]) -> float:
    if not any(output.is_binary or output.task == "multi_label" for output in outputs):
        raise _refusal(
            "threshold: the model answers the best of its classes, which takes none; "
            "?top_k=2 shows how close the next one is"
            if any(output.has_classes for output in outputs)
            else "threshold: a regression has no scores that could reach one"
        )
    try:
        value = float(text) if _NUMBER.fullmatch(text) else -1.0
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise _refusal(f"threshold: expected a number from 0 to 1, got {shortened(text)!r}")
    return value


def _refusal(message: str) -> RequestError:
    return RequestError("invalid_query", message)
