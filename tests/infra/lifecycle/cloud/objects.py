"""Objects of Cloud Storage: what is uploaded, and what is read."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from tests.infra.lifecycle.cloud.errors import CloudError
from tests.infra.lifecycle.cloud.request import Request


@dataclass(frozen=True)
class Content:
    """What an object is read as.

    Attributes:
        data: its bytes.
        generation: which of those that have had its name.
    """

    data: bytes
    generation: str


def uploaded(request: Request, generation: int, base: str) -> tuple[str, dict[str, Any], bytes]:
    """The path, the resource and the content of an object that is uploaded with its metadata.

    Args:
        request: to `upload/storage/v1/b/BUCKET/o`, of the type multipart or media.
        generation: of the object.
        base: URL of the server.

    Raises:
        CloudError: 501 for resumable uploads.
    """
    kind = request.query.get("uploadType")
    if kind == "multipart":
        document, content_type, content = _parts(request)
        metadata = json.loads(document)
    elif kind == "media":
        metadata, content, content_type = {}, request.content, request.content_type
    else:
        raise CloudError(501, f"uploadType: expected multipart or media, got {kind}.")
    name = request.query.get("name") or metadata["name"]
    bucket = request.path.removeprefix("upload/")
    path = f"{bucket}/{name.replace('/', '%2F')}"
    return path, _metadata(path, metadata, content, content_type, generation, base), content


def _parts(request: Request) -> tuple[bytes, str, bytes]:
    """The metadata, and the type and the bytes of the content, of a multipart/related body."""
    (boundary,) = re.findall(r'boundary="?([^";]+)', request.content_type)
    _, first, second, *_ = (b"\r\n" + request.content).split(f"\r\n--{boundary}".encode())
    _, _, document = first.partition(b"\r\n\r\n")
    head, _, content = second.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-type: *([^\r\n]+)", head)
    return document, found[1].decode() if found else "application/octet-stream", content


def _metadata(
    path: str,
    given: dict[str, Any],
    content: bytes,
    content_type: str,
    generation: int,
    base: str,
) -> dict[str, Any]:
    _, _, _, bucket, _, name = path.split("/")
    return {
        "kind": "storage#object",
        "contentType": content_type,
        "storageClass": "STANDARD",
        **given,
        "id": f"{bucket}/{name.replace('%2F', '/')}/{generation}",
        "name": name.replace("%2F", "/"),
        "bucket": bucket,
        "generation": str(generation),
        "metageneration": "1",
        "size": str(len(content)),
        "md5Hash": base64.b64encode(hashlib.md5(content).digest()).decode(),  # noqa: S324 as the API does
        "selfLink": f"{base}/{path}",
        "mediaLink": f"{base}/download/{path}?generation={generation}&alt=media",
    }
