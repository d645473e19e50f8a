"""The locks of providers: Terraform takes what they name, and nothing else."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.support.infra.terraform import assert_done, terraform
from tests.support.places import INFRA, ROOT
from tests.support.programs.installed import find_program

LOCKS = [INFRA / ".terraform.lock.hcl", INFRA / "bootstrap" / ".terraform.lock.hcl"]
PROVIDER = "registry.terraform.io/hashicorp/google"
# Of the release 7.45.0, as its SHA256SUMS has them.
ZIPS = {
    "darwin_amd64": "58dadd7b96b7b706e2995a04f356862be7cfd6b55f6257464c8b10986abf8efa",
    "darwin_arm64": "172c9e4902e9a01b1111bbbb9063a47804ec5f4207b2221df9c398239ff3b350",
    "linux_amd64": "fb1b9d1ea7bc79b7409f02aa7c19ba39afa22dbead69e83ae7eb2691ac5c2426",
    "linux_arm64": "7230a5e49abed243317b9de0ee7fd365b4a2775b532a5d66006b39c4703978ac",
}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.parent.name)
def test_a_lock_names_the_release_for_every_platform_that_people_use(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert re.findall(r'^provider "(.*)"', text, re.MULTILINE) == [PROVIDER]
    (version,) = re.findall(r'^  version += "(.*)"$', text, re.MULTILINE)
    assert version == "7.45.0"
    # The registry signs these; an h1 would be of one platform, or of a mirror's own build.
    assert set(re.findall(r'"(\w+:.*)"', text)) == {f"zh:{digest}" for digest in ZIPS.values()}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.parent.name)
def test_a_lock_is_of_the_constraints_of_its_configuration(lock: Path) -> None:
    (locked,) = re.findall(r'constraints += "(.*)"', lock.read_text(encoding="utf-8"))
    for path in (lock.parent / "versions.tf", *INFRA.glob("modules/*/versions.tf")):
        text = path.read_text(encoding="utf-8")
        (version,) = re.findall(r'source +=.*\n +version = "(.*)"', text)
        assert version == ">= 7.45, < 8.0"
    assert locked == ">= 7.45.0, < 8.0.0"


def test_locks_are_kept_and_what_terraform_downloads_is_not() -> None:
    paths = [str(lock.relative_to(ROOT)) for lock in LOCKS]
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", *paths, "infra/.terraform/x"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ignored.returncode == 128:
        pytest.skip(f"no Git repository: {ignored.stderr.strip()}")
    assert ignored.stdout.split() == ["infra/.terraform/x"]


@pytest.mark.parametrize("is_locked", [True, False])
def test_terraform_takes_a_locked_zip_and_no_other(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_locked: bool,  # noqa: FBT001
) -> None:
    """Such a lock has hashes of zips alone, and `-lockfile=readonly` is content with that."""
    find_program("terraform")
    system = f"{platform.system().lower()}_{_architecture()}"
    mirror = tmp_path / "mirror" / PROVIDER
    mirror.mkdir(parents=True)
    archive = mirror / f"terraform-provider-google_7.45.0_{system}.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("terraform-provider-google_v7.45.0_x5", "nobody starts it")
    place = f'  filesystem_mirror {{\n    path = "{mirror.parents[2]}"\n  }}\n'
    settings = f"provider_installation {{\n{place}}}\n"
    (tmp_path / "terraformrc").write_text(settings)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "terraformrc"))

    folder = tmp_path / "infra"
    folder.mkdir()
    versions = (INFRA / "modules" / "model_bucket" / "versions.tf").read_text(encoding="utf-8")
    (folder / "versions.tf").write_text(versions)
    lock = LOCKS[0].read_text(encoding="utf-8")
    if is_locked:
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        lock = re.sub(r"zh:[0-9a-f]+", f"zh:{digest}", lock, count=1)
    (folder / LOCKS[0].name).write_text(lock)
    process = terraform("init", "-input=false", "-no-color", "-lockfile=readonly", folder=folder)
    if is_locked:
        assert_done(process)
    else:
        assert process.returncode == 1
        assert "doesn't match any of the checksums" in " ".join(process.stderr.split())
    assert (folder / LOCKS[0].name).read_text(encoding="utf-8") == lock


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
