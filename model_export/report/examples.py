"""How an example whose answer changed is shown."""

from __future__ import annotations

import base64
import struct

from model_export.report.document import ChangedExample

_SMALL = 96
"""Pixels below which a picture is enlarged, its pixels kept apart."""


def outcome(example: ChangedExample) -> str:
    """What the change came to, for a classifier."""
    if example.published == example.truth:
        return "now right"
    return "now wrong" if example.reference == example.truth else "wrong both times"


def is_small(picture: str) -> bool:
    """Whether a PNG, as base64, is narrower than it is shown."""
    # PNG: https://www.w3.org/TR/png-3/#11IHDR: the width is at byte 16.
    head = base64.b64decode(picture[:32])
    (width,) = struct.unpack_from(">I", head, 16)
    return bool(width < _SMALL)
