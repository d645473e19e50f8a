"""Content-Type hints for bodies that are images, npy, text or CSV instead of JSON."""

from __future__ import annotations

from tflite_serving.contract.manifest import Manifest
from tflite_serving.inputs.image_format import format_of

_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_NPY = b"\x93NUMPY"
_START = 64  # bytes that tell what a body is


def content_type_hint(body: bytes, manifest: Manifest) -> str:
    """What to do about a body that is no JSON, for the end of a complaint; "" if nobody knows.

    Args:
        body: all of it.
        manifest: of the model that was asked.
    """
    kinds = {spec.preprocess.kind for spec in manifest.inputs}
    is_alone = len(manifest.inputs) == 1
    path = f"/models/{manifest.name}/predict"
    picture = format_of(body)
    if picture in _TYPES:
        whole = f"send it to {path} with Content-Type: {_TYPES[picture]}, or " if is_alone else ""
        what = (
            f'{whole}in base64, as {{"b64": "…"}}' if "image" in kinds else "the model takes none"
        )
        return f"; this is a {picture} picture: {what}"
    start = body[:_START].lstrip()
    if start[:1] in (b"{", b"["):
        return ""
    if is_alone and "text" in kinds:
        return f"; a text by itself goes to {path} with Content-Type: text/plain"
    if is_alone and start.startswith(_NPY):
        return f"; a file of NumPy's goes to {path} with Content-Type: application/x-npy"
    if kinds <= {"text", "record"}:
        return f"; a table goes to {path} with Content-Type: text/csv"
    return ""
