"""The bill of materials of a bundle (SBOM): every package that its lock installs on the platform.

The format is CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json/.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from packaging.requirements import Requirement

from delivery.licences import licence
from delivery.revision import Revision

_COMMENT = re.compile(r"^\s*#.*\n", re.MULTILINE)
_ENTRY = re.compile(
    r"(?P<pin>[a-z0-9][^\n]*?==[^\n]*?)(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n+"
)
_PLATFORM = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
}


class LockError(Exception):
    """A lock has a line that is not understood: what it installs would not be in the bill."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock.

    Attributes:
        name: Normalized name of the package.
        version: Its version.
        hashes: sha256 of each of its files, in hexadecimal.
    """

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def pins(lock: str, python: str) -> Iterator[Pin]:
    """What a lock installs on Cloud Run, in its order.

    Args:
        lock: Text of the lock, as uv compiles it.
        python: Minor version of Python, such as ``3.12``.

    Raises:
        LockError: a line is no version with its hashes.
    """
    # Which patch release the platform has, nobody knows: what one of them installs is in the bill.
    environments = [
        {**_PLATFORM, "python_version": python, "python_full_version": f"{python}.{patch}"}
        for patch in (0, 99)
    ]
    text = _COMMENT.sub("", lock)
    place = 0
    while place < len(text):
        entry = _ENTRY.match(text, place)
        if entry is None:
            line = text[place:].partition("\n")[0]
            raise LockError(
                "functions/requirements.txt: expected NAME==VERSION and its sha256 hashes, as "
                f"`make lock` writes them, got {line[:200]!r}"
            )
        place = entry.end()
        requirement = Requirement(entry["pin"])
        if requirement.marker is None or any(map(requirement.marker.evaluate, environments)):
            (specifier,) = requirement.specifier
            hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", entry["hashes"])
            yield Pin(requirement.name, specifier.version, tuple(hashes))


def bill_of_materials(lock: str, python: str, revision: Revision) -> dict[str, Any]:
    """The document, the same for the same commit.

    Args:
        lock: Text of functions/requirements.txt.
        python: Minor version of Python that the function runs on.
        revision: The commit, and the bundle's digest.

    Raises:
        LockError: see `pins`.
        LicenceError: a package has a licence that nobody looked up, or that is not allowed.
    """
    function = {
        "type": "application",
        "bom-ref": f"function@{revision.commit}",
        "name": "tflite-functions",
        "version": revision.commit,
        "hashes": [{"alg": "SHA-256", "content": revision.digest}],
    }
    found = list(pins(lock, python))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, revision.digest)}",
        "version": 1,
        "metadata": {"timestamp": revision.committed_at, "component": function},
        "components": [_component(pin) for pin in found],
        "dependencies": [
            {"ref": function["bom-ref"], "dependsOn": [pin.purl for pin in found]},
        ],
    }


def _component(pin: Pin) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.purl,
        "licenses": [{"expression": licence(pin.name)}],
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in pin.hashes],
    }
