"""Signed envelopes (DSSE), https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

IN_TOTO = "application/vnd.in-toto+json"
"""Type of a payload that is an in-toto statement."""


class SignatureError(Exception):
    """An envelope is not what its signer signed; the message says in what."""


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: the payload, and what it is."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, key: str, sign: Callable[[bytes], bytes]) -> dict[str, Any]:
    """An envelope with one signature.

    Args:
        payload: An in-toto statement, JSON.
        key: Name of the key, as a hint for who verifies.
        sign: Signs bytes with it.
    """
    signature = sign(pre_authentication_encoding(IN_TOTO, payload))
    return {
        "payloadType": IN_TOTO,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key, "sig": base64.b64encode(signature).decode()}],
    }


def open_sealed(envelope: bytes, public_key: bytes) -> bytes:
    """The payload of an envelope, once its signature is verified.

    Args:
        envelope: The envelope, JSON.
        public_key: Key of the signer, an EC key in PEM.

    Raises:
        SignatureError: it is no such envelope, or nobody with that key signed it.
    """
    try:
        document = json.loads(envelope)
        kind, payload = (
            document["payloadType"],
            base64.b64decode(document["payload"], validate=True),
        )
        signatures = [base64.b64decode(one["sig"], validate=True) for one in document["signatures"]]
    except (ValueError, LookupError, TypeError, binascii.Error) as error:
        raise SignatureError(f"expected a DSSE envelope, got another document: {error}") from None
    if kind != IN_TOTO:
        raise SignatureError(f"payloadType: expected {IN_TOTO}, got {kind}")
    signed = pre_authentication_encoding(kind, payload)
    if not any(_is_signed(signed, signature, public_key) for signature in signatures):
        raise SignatureError("expected a signature by the given key, got none that it verifies")
    return payload


def _is_signed(signed: bytes, signature: bytes, public_key: bytes) -> bool:
    key = serialization.load_pem_public_key(public_key)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise SignatureError(f"expected an EC key, got {type(key).__name__}")
    try:
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
