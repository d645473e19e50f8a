"""Writes down what a bundle consists of and comes from, signed; and checks that before it is used.

python -m delivery.attest make   --key projects/…/cryptoKeyVersions/1 …
python -m delivery.attest verify --key projects/…/cryptoKeyVersions/1 …
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from delivery.bill_of_materials import LockError, bill_of_materials
from delivery.documents import check_file
from delivery.dsse import SignatureError, open_sealed, seal
from delivery.kms import KMS, Key, KmsError
from delivery.licences import LicenceError
from delivery.revision import Revision
from delivery.statement import ProvenanceError, builder_id, check, statement

_LOCK = Path("functions/requirements.txt")
_REFUSALS = (SignatureError, KmsError, LicenceError, LockError, ProvenanceError)


@dataclass(frozen=True, slots=True)
class Files:
    """What bundle.sh and attest.sh leave in a folder.

    Attributes:
        folder: The folder.
    """

    folder: Path

    @property
    def revision(self) -> Revision:
        """The commit, and the digest that the bundle had."""
        return Revision.read(self.folder / "revision.json")

    @property
    def bundle(self) -> Path:
        """Path of the zip."""
        name = check_file(self.folder / "bundle")
        return check_file(Path(name.read_text(encoding="utf-8").strip()))

    @property
    def bill(self) -> Path:
        """Path of the bill of materials."""
        return self.folder / "sbom.cdx.json"

    @property
    def envelope(self) -> Path:
        """Path of the signed provenance."""
        return self.folder / "provenance.dsse.json"


def make(
    files: Files, key: Key | None, repository: str, builder: str, run: str, python: str
) -> None:
    """Writes the bill of materials, and the provenance if there is a key.

    Args:
        files: What bundle.sh left.
        key: Signs the provenance; None for a bill of materials alone.
        repository: URL of the Git repository.
        builder: Account of the pipeline.
        run: Name of the run.
        python: Minor version of Python that the function runs on.

    Raises:
        ProvenanceError: the zip is not the one that bundle.sh made.
        LockError, LicenceError, KmsError: see there.
    """
    revision = _checked(files)
    bill = bill_of_materials(_LOCK.read_text(encoding="utf-8"), python, revision)
    files.bill.write_text(json.dumps(bill, indent=2), encoding="utf-8")
    if key is not None:
        document = _statement(files, revision, repository, builder, run)
        sealed = seal(json.dumps(document).encode(), key.name, key.sign)
        files.envelope.write_text(json.dumps(sealed), encoding="utf-8")


def verify(
    files: Files, public_key: Callable[[], bytes], repository: str, builder: str, run: str
) -> None:
    """Refuses a bundle that is not the one that this run attested.

    Args:
        files: What would be deployed.
        public_key: Gives the key of the signer, in PEM.
        repository: URL of the Git repository that it must be made from.
        builder: Account that must have built it.
        run: Name of the run that must have built it.

    Raises:
        SignatureError, ProvenanceError, KmsError: see there.
    """
    revision = _checked(files)
    if not files.envelope.exists():
        raise ProvenanceError(f"{files.envelope}: there is no provenance; attest.sh comes first")
    payload = open_sealed(files.envelope.read_bytes(), public_key())
    check(payload, _statement(files, revision, repository, builder, run))


def _statement(
    files: Files, revision: Revision, repository: str, builder: str, run: str
) -> dict[str, Any]:
    """What is stated of the files as they are now."""
    bill = check_file(files.bill)
    materials = {_LOCK.as_posix(): _LOCK.read_bytes(), bill.name: bill.read_bytes()}
    return statement(revision, repository, builder_id(builder), run, materials)


def _checked(files: Files) -> Revision:
    """The revision, if the zip is still the one that it speaks of."""
    revision = files.revision
    digest = hashlib.sha256(files.bundle.read_bytes()).hexdigest()
    if digest != revision.digest:
        raise ProvenanceError(f"{files.bundle}: expected sha256 {revision.digest}, got {digest}")
    return revision


@click.command()
@click.argument("verb", type=click.Choice(["make", "verify"]))
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Of the steps.")
@click.option("--key", default="", help="Version of the signing key; empty for no signature.")
@click.option("--builder", required=True, help="Account of the pipeline.")
@click.option("--repository", default="", help="URL of the Git repository.")
@click.option("--run", required=True, help="Name of the run.")
@click.option("--python", default="3.12", help="Minor version that the function runs on.")
@click.option("--kms", default=KMS, help="URL of Cloud KMS.")
def main(
    verb: str,
    folder: Path,
    key: str,
    builder: str,
    repository: str,
    run: str,
    python: str,
    kms: str,
) -> None:
    """Attest a bundle, or check that it was attested; exit code 1 if it is refused."""
    files, signer = Files(folder), Key(key, kms)
    try:
        if verb == "make":
            make(files, signer if key else None, repository, builder, run, python)
        else:
            verify(files, signer.public_key, repository, builder, run)
    except _REFUSALS as error:
        click.echo(f"REFUSED: {error}", err=True)
        sys.exit(1)
    click.echo({"make": "attested", "verify": "verified"}[verb] + f": {files.revision.digest}")


if __name__ == "__main__":
    main()
