"""Checks the batch size of a request, before any tensor is built."""

from __future__ import annotations

from tflite_serving.errors import RequestError

ANY_SIZE = 2**63 - 1
"""A largest batch for readers that have no limit."""


def check_batch(batch: int, max_batch: int, name: str) -> None:
    """Raises `RequestError` for an empty batch, or one of more instances than a request may have.

    Args:
        batch: Count of the instances.
        max_batch: Largest count, MAX_BATCH.
        name: Name of the field that holds the instances, for the message.
    """
    if batch == 0:
        raise RequestError("empty_batch", f"{name}: expected at least one instance, got none")
    if batch > max_batch:
        raise RequestError(
            "batch_too_large",
            f"expected at most {max_batch} instances, got {batch}; send them in several requests",
        )
