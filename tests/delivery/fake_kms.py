"""Cloud KMS, as far as it signs, with a key that a test makes."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

KEY = "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"


@dataclass
class FakeKms:
    """What a test sees and changes.

    Attributes:
        url: URL where it answers.
        key: The private key.
        refuses: Whether everybody is refused.
    """

    url: str = ""
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    refuses: bool = False

    @property
    def pem(self) -> str:
        """The public key."""
        return (
            self.key.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    def credentials(self, folder: Path) -> Path:
        """A file whose tokens come from here, as workload identity federation gives it."""
        (folder / "subject").write_text("GitHub says who we are")
        document = {
            "type": "external_account",
            "audience": "//iam.googleapis.com/workloadIdentityPools/github",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{self.url}/token",
            "credential_source": {"file": str(folder / "subject")},
        }
        path = folder / "kms-credentials.json"
        path.write_text(json.dumps(document))
        return path

    def answer(self, path: str, authorization: str | None, body: bytes) -> tuple[int, Any]:
        """Status and document of an answer."""
        if path == "/token":
            token = {"access_token": "pipeline", "token_type": "Bearer", "expires_in": 3600}
            return 200, {
                **token,
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            }
        if self.refuses or authorization != "Bearer pipeline":
            return 403, {"error": {"status": "PERMISSION_DENIED"}}
        if path == f"/v1/{KEY}/publicKey":
            return 200, {"pem": self.pem, "algorithm": "EC_SIGN_P256_SHA256"}
        if path == f"/v1/{KEY}:asymmetricSign":
            digest = base64.b64decode(json.loads(body)["digest"]["sha256"])
            signature = self.key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
            return 200, {"signature": base64.b64encode(signature).decode(), "name": KEY}
        return 404, {}


@contextlib.contextmanager
def running_kms() -> Iterator[FakeKms]:
    """Runs it beside the test."""
    kms = FakeKms()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(b"")

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def _reply(self, body: bytes) -> None:
            status, document = kms.answer(self.path, self.headers.get("Authorization"), body)
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kms.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield kms
        finally:
            server.shutdown()
            thread.join()
