"""Heads of requests, as servers give them to the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tflite_serving.http.messages import RequestHead


def head(content_type: str = "", query: Mapping[str, Sequence[str]] | None = None) -> RequestHead:
    """The head of a prediction request."""
    headers = {"content-type": content_type} if content_type else {}
    return RequestHead("POST", "/predict", query or {}, headers)
