"""Fast parser for JSON bodies of nested lists of numbers.

A body of numbers in nested lists has a *skeleton*: what is left of it when digits, signs, points,
exponents and white space are taken out. The skeleton of a request that is right is known before it
comes, but for the count of its instances. So comparing bytes checks the nesting, simdjson checks
the rest of the syntax and puts all numbers into one flat buffer, and the two together are the
tensor. Whatever is not so is left to the readers that look at every value and can say what is
wrong with it.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import simdjson

from tflite_serving.contract.tensors import InputSpec
from tflite_serving.inputs.batch import ANY_SIZE, check_batch
from tflite_serving.inputs.raw import Numbers

# What numbers are made of, and the space between them. Of true, false and null a letter remains.
_OF_NUMBERS = b"0123456789+-.eE \t\r\n"
_FLOATS, _WHOLE = ("d", np.float64), ("i", np.int64)
_KINDS = {"float32": _FLOATS, "uint8": _WHOLE, "int32": _WHOLE, "int64": _WHOLE}
# A parser keeps the memory that its largest document took.
_LARGEST_KEPT = 2**22


@dataclass(frozen=True, slots=True)
class Form:
    """One form of request.

    Attributes:
        member: that holds the list of instances.
        before: the name and value of another member in front of it.
    """

    member: str
    before: tuple[str, str] | None = None

    @property
    def head(self) -> bytes:
        """The skeleton up to the list."""
        before = '"{}":"{}",'.format(*self.before) if self.before else ""
        return f'{{{before}"{self.member}":['.encode().translate(None, _OF_NUMBERS)


class FlatJson:
    """Reads requests of a few forms, with instances of one shape.

    Args:
        spec: of the only input.
        forms: that a request may have.
    """

    def __init__(self, spec: InputSpec, *forms: Form) -> None:
        self._shape = spec.instance_shape
        # Any other shape or kind of value is left to the other readers.
        is_known = spec.dtype in _KINDS and None not in self._shape
        self._kind, self._dtype = _KINDS.get(spec.dtype, _FLOATS)
        unit = b""
        for size in reversed(self._shape):
            unit = b"[" + b",".join([unit] * (size or 0)) + b"]"
        self._last = unit + b"]}"
        self._each = unit + b","
        self._numbers = math.prod(size or 0 for size in self._shape)
        self._forms = [(form.head, form) for form in forms] if is_known else []

    def read(self, body: bytes, max_batch: int = ANY_SIZE) -> tuple[Form, Numbers] | None:
        """The instances in a body; None if it has none of the forms, or is wrong.

        Args:
            body: JSON.
            max_batch: most instances.

        Returns:
            the form, and [batch, …] of float64, or of int64 where the input is of whole numbers.

        Raises:
            RequestError: there are more instances; none of their numbers is looked at.
        """
        if not self._forms:
            return None
        skeleton = body.translate(None, _OF_NUMBERS)
        for head, form in self._forms:
            others = (len(skeleton) - len(head) - len(self._last)) // len(self._each)
            # Repeated, not joined: to join, Python keeps 80 bytes for each part.
            if others >= 0 and skeleton == head + self._each * others + self._last:
                batch = others + 1
                check_batch(batch, max_batch, form.member)
                values = self._parse(body, form, batch)
                return (form, values) if values else None
        return None

    def _parse(self, body: bytes, form: Form, batch: int) -> Numbers | None:
        try:
            # No proxy of the document may outlive this call, or its parser could not be used again.
            document: Any = _parser(len(body)).parse(body)
            if form.before and document[form.before[0]] != form.before[1]:
                return None
            flat = document[form.member].as_buffer(of_type=self._kind)
        except (ValueError, KeyError, TypeError, RuntimeError):
            # RuntimeError: an integer beyond 64 bits, which is a number all the same.
            return None
        values = np.frombuffer(flat, self._dtype)
        if values.size != batch * self._numbers:  # a list is empty where one number should be
            return None
        return Numbers(values.reshape(batch, *self._shape), f"{form.member}[{{}}]")


_of_this_thread = threading.local()


def _parser(size: int) -> simdjson.Parser:
    """A parser for a body of `size` bytes: a document lives in its parser's memory."""
    if size > _LARGEST_KEPT:
        return simdjson.Parser()
    try:
        parser: simdjson.Parser = _of_this_thread.parser
    except AttributeError:
        parser = _of_this_thread.parser = simdjson.Parser()
    return parser
