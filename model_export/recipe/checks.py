"""Validates the values of recipe keys."""

from __future__ import annotations

from tflite_serving.contract.codec import ContractError


def check(name: str, value: object, expected: str, holds: bool) -> None:  # noqa: FBT001
    """Raises `ContractError` unless what was expected of the key holds."""
    if not holds:
        raise ContractError(name, f"expected {expected}, got {value}")


def check_own_metric(metric: str | None, lower_is_better: bool | None) -> None:  # noqa: FBT001
    """Raises `ContractError` unless a metric of the user's own says its direction, and it alone."""
    if (lower_is_better is not None) != (":" in (metric or "")):
        raise ContractError(
            "lower_is_better",
            "expected true or false for a metric of your own (module:function), and nothing "
            f"for others, got {lower_is_better} for {metric or 'the usual one'}",
        )
