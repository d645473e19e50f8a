"""The fake's HTTP server, and how clients are pointed to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.infra.lifecycle.cloud.errors import CloudError
from tests.infra.lifecycle.cloud.fake import FakeCloud
from tests.infra.lifecycle.cloud.objects import Content
from tests.infra.lifecycle.cloud.request import Request, split_target

# The provider's variable for each API, and the path that it is given.
_ENDPOINTS = {
    "ARTIFACT_REGISTRY": "artifactregistry/v1",
    "BILLING_BUDGETS": "billingbudgets/v1",
    "CLOUD_BILLING": "cloudbilling/v1",
    "CLOUD_BUILD": "cloudbuild/v1",
    "CLOUD_RUN_V2": "run/v2",
    "CLOUDFUNCTIONS2": "cloudfunctions/v2",
    "COMPUTE": "compute/v1",
    "IAM_BETA": "iam/v1",
    "KMS": "cloudkms/v1",
    "LOGGING": "logging/v2",
    "MONITORING": "monitoring",
    "RESOURCE_MANAGER": "cloudresourcemanager/v1",
    "RESOURCE_MANAGER_V3": "cloudresourcemanager/v3",
    "SECRET_MANAGER": "secretmanager/v1",
    "SERVICE_USAGE": "serviceusage/v1",
    "STORAGE": "storage/v1",
}


def provider_environment(base: str) -> dict[str, str]:
    """The variables that point the provider to a fake, and to nowhere else.

    Args:
        base: URL of the fake, which as a proxy of HTTPS refuses calls to Google itself.
    """
    return {
        **{
            f"GOOGLE_{name}_CUSTOM_ENDPOINT": f"{base}/{path}/" for name, path in _ENDPOINTS.items()
        },
        "GOOGLE_OAUTH_ACCESS_TOKEN": "none",
        "HTTPS_PROXY": base,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or the client's delayed ACK costs 40 ms
    server: _Server

    def _respond(self) -> None:
        content = self._content()
        content_type = self.headers.get("Content-Type", "")
        path, verb, query = split_target(self.path)
        is_json = content_type.startswith("application/json") and not path.startswith("upload/")
        body = json.loads(content) if content and is_json else {}
        request = Request(self.command, path, verb, query, body, content, content_type)
        try:
            answer = self.server.cloud.answer(request)
        except CloudError as error:
            self._send(error.status, error.body())
        else:
            self._send(200, answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 http.server's names

    def _content(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def do_CONNECT(self) -> None:
        """A call past the fake."""
        self.server.cloud.journal.append(("CONNECT", self.path, 403))
        self._send(403, {"error": f"{self.path}: this call has no custom endpoint; see server.py"})

    def _send(self, status: int, answer: Mapping[str, Any] | Content) -> None:
        self.send_response(status)
        if isinstance(answer, Content):
            content = answer.data
            self.send_header("X-Goog-Generation", answer.generation)
        else:
            content = json.dumps(answer).encode()
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 http.server's name
        """Nothing: the journal has it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    cloud: FakeCloud


@contextmanager
def served(project: str) -> Iterator[FakeCloud]:
    """A fake that listens on a port of this machine; its `base` is the URL."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        server.cloud = FakeCloud(project, base)
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.cloud
        finally:
            server.cloud.faults.clear()
            server.shutdown()
            thread.join()
