"""Cloud Run's front door, and the API that makes identity tokens."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

ACCOUNT = "smoke-staging@example.iam.gserviceaccount.com"
Change = Callable[[dict[str, Any]], None]


@dataclass
class Front:
    """What a test sees and changes.

    Attributes:
        upstream: URL of the function behind it.
        url: where it answers.
        open: whether it lets everybody in.
        held: how many requests are refused, token or not, before roles have arrived.
        change: made to each prediction before it is passed on.
        paths: that were let in.
    """

    upstream: str
    url: str = ""
    open: bool = False
    held: int = 0
    change: Change = field(default=lambda answer: None)
    paths: list[str] = field(default_factory=list)

    def credentials(self, folder: Path) -> Path:
        """A file as workload identity federation gives it, whose tokens come from here."""
        (folder / "subject").write_text("GitHub says who we are")
        path = folder / "credentials.json"
        document = {
            "type": "external_account",
            # Without a project's number, whose id google-auth would look up at Google.
            "audience": "//iam.googleapis.com/workloadIdentityPools/github",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{self.url}/token",
            "credential_source": {"file": str(folder / "subject")},
        }
        path.write_text(json.dumps(document))
        return path


@contextlib.contextmanager
def front_door(upstream: str) -> Iterator[Front]:
    """Runs it beside the test.

    Args:
        upstream: URL of the function that it lets callers through to.
    """
    front = Front(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(*_answer(front, self, b""))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._reply(*_answer(front, self, body))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def _reply(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        front.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield front
        finally:
            server.shutdown()
            thread.join()


def _answer(front: Front, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
    shown = handler.headers.get("Authorization")
    if handler.path == "/token":
        token = {"access_token": "pipeline", "token_type": "Bearer", "expires_in": 3600}
        token["issued_token_type"] = "urn:ietf:params:oauth:token-type:access_token"
        return 200, json.dumps(token).encode()
    if handler.path == f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateIdToken":
        if shown != "Bearer pipeline":
            return 403, b"who are you?"
        audience = json.loads(body)["audience"]
        return 200, json.dumps({"token": f"{ACCOUNT} for {audience}"}).encode()
    if front.held > 0:
        front.held -= 1
        return 403, b"roles are on their way"
    if not front.open and shown != f"Bearer {ACCOUNT} for {front.url}":
        return 403, b"Your client does not have permission"
    front.paths.append(handler.path)
    headers = {"Content-Type": "application/json"}
    passed = requests.request(
        handler.command, front.upstream + handler.path, data=body, headers=headers, timeout=60
    )
    answer = passed.json()
    front.change(answer)
    return passed.status_code, json.dumps(answer).encode()
