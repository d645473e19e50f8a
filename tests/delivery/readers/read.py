"""Reads a bill of materials and a signed provenance with the libraries of their formats.

    python read.py sbom.cdx.json provenance.dsse.json public.pem

It runs in an environment of its own, and ends with a message if one is not what its format asks.
"""

import json
import sys
from pathlib import Path

from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1.statement import Statement, spb
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

bill, provenance, public = map(Path, sys.argv[1:])

problem = make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(
    bill.read_text()
)
if problem is not None:
    sys.exit(f"{bill}: {problem}")

envelope = Envelope.from_dict(json.loads(provenance.read_text()))
keyid = next(iter(envelope.signatures))
key = SSlibKey(keyid, "ecdsa", "ecdsa-sha2-nistp256", {"public": public.read_text()})
envelope.verify([key], 1)

document = ParseDict(json.loads(envelope.payload), spb.Statement())
Statement.copy_from_pb(document).validate()
