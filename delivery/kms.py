"""Cloud KMS, as far as it signs: the private key never leaves it.

API: https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys.cryptoKeyVersions
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from delivery.deployed import TIMEOUT_SECONDS, told

KMS = "https://cloudkms.googleapis.com"


class KmsError(Exception):
    """Cloud KMS refused or did not answer."""


@dataclass(frozen=True, slots=True)
class Key:
    """One version of a key for EC_SIGN_P256_SHA256.

    Attributes:
        name: ``projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V``.
        endpoint: URL of the API.
    """

    name: str
    endpoint: str = KMS

    def sign(self, data: bytes) -> bytes:
        """The signature of data, in DER.

        Raises:
            KmsError: see there.
        """
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        answer = self._ask("POST", ":asymmetricSign", {"digest": {"sha256": digest}})
        return base64.b64decode(answer["signature"])

    def public_key(self) -> bytes:
        """The public key, in PEM.

        Raises:
            KmsError: see there.
        """
        return str(self._ask("GET", "/publicKey", None)["pem"]).encode()

    def _ask(self, method: str, verb: str, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        # Slow to import, and the rest of a run does without.
        import google.auth
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import AuthorizedSession

        try:
            credentials, _ = google.auth.default(
                scopes=["https://www.googleapis.com/auth/cloudkms"]
            )
            answer = AuthorizedSession(credentials).request(  # type: ignore[no-untyped-call]
                method, f"{self.endpoint}/v1/{self.name}{verb}", json=body, timeout=TIMEOUT_SECONDS
            )
        except (GoogleAuthError, requests.RequestException) as error:
            raise KmsError(f"{self.name}: {error}") from None
        if answer.status_code != 200:
            raise KmsError(f"{self.name}{verb}: expected 200, got {told(answer)}")
        document: Mapping[str, Any] = answer.json()
        return document
