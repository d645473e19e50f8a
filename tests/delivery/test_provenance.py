"""What a bundle consists of and comes from: written, signed, read by others, and refused."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, replace
from importlib import metadata
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from delivery.attest import main
from delivery.bill_of_materials import LockError, bill_of_materials, pins
from delivery.dsse import pre_authentication_encoding, seal
from delivery.licences import ALLOWED, LICENCES, LicenceError, is_allowed, licence
from delivery.statement import STATEMENT, statement
from tests.delivery.fake_kms import KEY, FakeKms, running_kms
from tests.delivery.project import PLANNED, revision
from tests.delivery.steps import Steps
from tests.support.places import ROOT
from tests.support.programs.tool_environment import tool_environment

LOCK = (ROOT / "functions" / "requirements.txt").read_text(encoding="utf-8")
READERS = ROOT / "tests" / "delivery" / "readers"
ACCOUNT = "delivery-staging@example.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def kms() -> Iterator[FakeKms]:
    with running_kms() as kms:
        yield kms


@pytest.fixture
def bundled(steps: Steps, kms: FakeKms) -> Steps:
    """A run whose bundle is made, and whose key is in Cloud KMS."""
    kms.refuses = False
    steps.out.mkdir()
    archive = steps.out / "function-0123.zip"
    archive.write_bytes(b"a zip")
    made = replace(revision(1), digest=hashlib.sha256(b"a zip").hexdigest())
    (steps.out / "bundle").write_text(f"{archive}\n")
    (steps.out / "revision.json").write_text(json.dumps(asdict(made)))
    (steps.out / "plan.tfplan").write_text("a plan")
    (steps.out / "plan.json").write_text(json.dumps(PLANNED))
    published = {"model": "iris", "version": "20260131T235959Z-0123abcd"}
    (steps.out / "published.json").write_text(json.dumps(published))
    steps.variables.update(
        ALIAS="staging",
        CANDIDATE_ALIAS="candidate",
        PIPELINE_ACCOUNT=ACCOUNT,
        SIGNING_KEY=KEY,
        KMS=kms.url,
        GOOGLE_APPLICATION_CREDENTIALS=str(kms.credentials(steps.folder)),
    )
    return steps


@pytest.fixture
def attested(bundled: Steps) -> Steps:
    done = bundled.run("attest")
    assert done.returncode == 0, done.stderr
    return bundled


def refused(steps: Steps, **variables: str) -> str:
    done = steps.run("policy", **variables)
    assert done.returncode == 1
    assert not (steps.out / "allowed").exists()
    return done.stderr


def test_an_attested_bundle_may_be_applied(attested: Steps) -> None:
    done = attested.run("policy")
    assert done.returncode == 0, done.stderr
    assert "verified" in done.stdout


def test_others_read_what_was_attested(attested: Steps, kms: FakeKms) -> None:
    """CycloneDX's validator, and in-toto's and securesystemslib's readers."""
    python = tool_environment(READERS / "requirements.txt", ROOT / "build" / "readers") / "python"
    public = attested.folder / "public.pem"
    public.write_text(kms.pem)
    files = [attested.out / "sbom.cdx.json", attested.out / "provenance.dsse.json", public]
    done = subprocess.run(
        [python, READERS / "read.py", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_signed_is_what_the_specification_says() -> None:
    # Its own test vector.
    assert (
        pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_a_bundle_that_changed_since_is_refused(attested: Steps) -> None:
    (attested.out / "function-0123.zip").write_bytes(b"another zip")
    assert "function-0123.zip: expected sha256" in refused(attested)


def test_a_bundle_that_changed_before_is_not_attested(bundled: Steps) -> None:
    (bundled.out / "function-0123.zip").write_bytes(b"another zip")
    done = bundled.run("attest")
    assert done.returncode == 1
    assert "function-0123.zip: expected sha256" in done.stderr
    assert not (bundled.out / "provenance.dsse.json").exists()


def test_a_bundle_that_nobody_attested_is_refused(bundled: Steps) -> None:
    assert "there is no provenance" in refused(bundled)


def test_provenance_that_was_changed_is_refused(attested: Steps) -> None:
    path = attested.out / "provenance.dsse.json"
    envelope = json.loads(path.read_text())
    payload = base64.b64decode(envelope["payload"]).replace(b'"invocationId": "run-1"', b'"i": "x"')
    envelope["payload"] = base64.b64encode(payload).decode()
    path.write_text(json.dumps(envelope))
    assert "got none that it verifies" in refused(attested)


def sealed(steps: Steps, key: ec.EllipticCurvePrivateKey, document: Any) -> None:
    """Leaves a statement that somebody signed."""
    envelope = seal(
        json.dumps(document).encode(), KEY, lambda data: key.sign(data, ec.ECDSA(hashes.SHA256()))
    )
    (steps.out / "provenance.dsse.json").write_text(json.dumps(envelope))


def stated(steps: Steps) -> Any:
    """The statement that attest.sh signed."""
    envelope = json.loads((steps.out / "provenance.dsse.json").read_text())
    return json.loads(base64.b64decode(envelope["payload"]))


def test_provenance_by_another_key_is_refused(attested: Steps) -> None:
    sealed(attested, ec.generate_private_key(ec.SECP256R1()), stated(attested))
    assert "got none that it verifies" in refused(attested)


SOURCE = "predicate.buildDefinition.externalParameters.source"


@pytest.mark.parametrize(
    "path",
    [
        "_type",
        "predicateType",
        "subject.0.digest.sha256",
        "predicate.buildDefinition.buildType",
        f"{SOURCE}.uri",
        f"{SOURCE}.digest.gitCommit",
        f"{SOURCE}.annotations.committedAt",
        "predicate.buildDefinition.resolvedDependencies.1.digest.sha256",
        "predicate.buildDefinition.resolvedDependencies.2.digest.sha256",
        "predicate.runDetails.builder.id",
        "predicate.runDetails.metadata.invocationId",
    ],
)
def test_provenance_of_something_else_is_refused(attested: Steps, kms: FakeKms, path: str) -> None:
    document = stated(attested)
    *outer, last = [int(name) if name.isdigit() else name for name in path.split(".")]
    place = document
    for name in outer:
        place = place[name]
    ours, place[last] = place[last], "other"
    sealed(attested, kms.key, document)
    assert f"{path}: expected {ours}, got other" in refused(attested)


def test_provenance_that_says_more_or_less_is_refused(attested: Steps, kms: FakeKms) -> None:
    document = stated(attested)
    document["subject"].append({"name": "other.zip", "digest": {"sha256": "0" * 64}})
    sealed(attested, kms.key, document)
    assert "subject.1: expected nothing, got {" in refused(attested)
    sealed(attested, kms.key, {})
    assert f"_type: expected {STATEMENT}, got nothing" in refused(attested)
    sealed(attested, kms.key, [])
    assert "expected an object, got []" in refused(attested)


def test_a_bill_of_materials_that_changed_since_is_refused(attested: Steps) -> None:
    (attested.out / "sbom.cdx.json").write_text("{}")
    assert "resolvedDependencies.2.digest.sha256: expected" in refused(attested)
    (attested.out / "sbom.cdx.json").unlink()
    assert "sbom.cdx.json: expected a file, got none" in refused(attested)


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("https://token:x-oauth@github.com/o/r.git", "git+https://github.com/o/r.git"),
        ("https://github.com:8443/o/r", "git+https://github.com:8443/o/r"),
        ("git@github.com:o/r.git", "git+git@github.com:o/r.git"),
        ("", "git+"),
    ],
)
def test_a_repository_is_named_without_its_credentials(url: str, uri: str) -> None:
    document = statement(revision(1), url, "builder", "run-1", {})
    assert document["predicate"]["buildDefinition"]["externalParameters"]["source"]["uri"] == uri


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"payloadType": "x", "payload": "%"}'])
def test_what_is_no_envelope_is_refused(attested: Steps, text: str) -> None:
    (attested.out / "provenance.dsse.json").write_text(text)
    assert "expected a DSSE envelope" in refused(attested)


def test_a_key_that_may_not_be_used_stops_the_run(bundled: Steps, kms: FakeKms) -> None:
    kms.refuses = True
    done = bundled.run("attest")
    assert done.returncode == 1
    assert "expected 200, got 403" in done.stderr
    assert not (bundled.out / "provenance.dsse.json").exists()


def test_without_a_key_there_is_a_bill_of_materials_alone(bundled: Steps) -> None:
    assert bundled.run("attest", SIGNING_KEY="").returncode == 0
    assert (bundled.out / "sbom.cdx.json").exists()
    assert not (bundled.out / "provenance.dsse.json").exists()
    assert bundled.run("policy", SIGNING_KEY="").returncode == 0


def test_the_bill_of_materials_is_the_lock_on_the_platform() -> None:
    named = {pin.name: pin for pin in pins(LOCK, "3.12")}
    assert named["numpy"].version.startswith("2.5")
    assert {pin.name: pin for pin in pins(LOCK, "3.11")}["numpy"].version.startswith("2.4")
    assert "colorama" not in named  # of Windows
    assert all(pin.hashes for pin in named.values())
    bill = bill_of_materials(LOCK, "3.12", revision(1))
    assert bill == bill_of_materials(LOCK, "3.12", revision(1))
    assert {"ai-edge-litert", "numpy", "starlette"} < {one["name"] for one in bill["components"]}
    flask = next(one for one in bill["components"] if one["name"] == "flask")
    assert flask["purl"] == f"pkg:pypi/flask@{named['flask'].version}"
    assert f"--hash=sha256:{flask['hashes'][0]['content']}" in LOCK


HASH = "0" * 64
ENTRY = f"good==1.0 \\\n    --hash=sha256:{HASH}\n"


@pytest.mark.parametrize(
    "line",
    [
        f"evil @ https://example.com/evil.whl \\\n    --hash=sha256:{HASH}\n",
        f"Evil==1.0 \\\n    --hash=sha256:{HASH}\n",
        "evil==1.0\n",
        f"evil==1.0 --hash=sha256:{HASH}\n",
        f"evil==1.0 \\\n\t--hash=sha256:{HASH}\n",
        f"evil==1.0 \\\r\n    --hash=sha256:{HASH}\r\n",
        f"evil==1.0 \\\n    --hash=sha256:{HASH}",
        f"evil==1.0 \\\n    --hash=sha512:{HASH}{HASH}\n",
        f"  evil==1.0 \\\n    --hash=sha256:{HASH}\n",
        "-r more.txt\n",
        "--index-url https://example.com\n",
    ],
)
def test_a_line_that_the_bill_would_leave_out_is_refused(line: str) -> None:
    assert [pin.name for pin in pins(f"# a lock\n{ENTRY}    # via more\n", "3.12")] == ["good"]
    with pytest.raises(LockError, match="expected NAME==VERSION and its sha256 hashes"):
        list(pins(ENTRY + line, "3.12"))


def test_what_some_patch_release_installs_is_in_the_bill() -> None:
    entry = ENTRY.replace("1.0", "1.0 ; python_full_version >= '3.12.4'")
    assert [pin.name for pin in pins(entry, "3.12")] == ["good"]
    assert list(pins(entry, "3.11")) == []


def test_the_python_that_is_assumed_is_the_one_that_is_deployed() -> None:
    text = (ROOT / "infra" / "variables.tf").read_text(encoding="utf-8")
    (runtime,) = re.findall(r'runtime +=.*"python3(\d+)"', text)
    (option,) = [each for each in main.params if each.name == "python"]
    assert option.default == f"3.{runtime}"


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_every_licence_is_known_and_allowed(python: str) -> None:
    for pin in pins(LOCK, python):
        assert licence(pin.name)


def test_licences_are_what_packages_say_where_they_say_it() -> None:
    for name, expression in LICENCES.items():
        told = metadata.metadata(name).json.get("license_expression")
        assert told in (None, expression), name
    assert LICENCES.keys() == {pin.name for each in ("3.11", "3.13") for pin in pins(LOCK, each)}


def test_a_licence_that_asks_for_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LicenceError, match="somepackage: expected its licence"):
        licence("somepackage")
    monkeypatch.setitem(LICENCES, "somepackage", "AGPL-3.0-only")
    with pytest.raises(LicenceError, match=r"got AGPL-3\.0-only"):
        licence("somepackage")


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR GPL-2.0-only)", True),
        ("(GPL-2.0-only OR LGPL-3.0-only) AND MIT", False),
    ],
)
def test_alternatives_and_conjunctions(expression: str, allowed: bool) -> None:  # noqa: FBT001
    assert is_allowed(expression) is allowed
    assert "GPL-3.0-only" not in ALLOWED
