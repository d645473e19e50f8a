"""What an artifact was made from."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from model_export.artifact.provenance import collect_provenance, host_cpu, source_sha256


def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "model.keras"
    file.write_bytes(b"model")
    assert source_sha256(file) == hashlib.sha256(b"model").hexdigest()


def test_the_digest_of_a_folder_depends_on_all_names_and_contents_and_nothing_else(
    tmp_path: Path,
) -> None:
    def folder(name: str, files: dict[str, bytes]) -> str:
        for path, data in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_bytes(data)
        return source_sha256(tmp_path / name)

    files = {"saved_model.pb": b"graph", "variables/data": b"weights"}
    digest = folder("one", files)
    assert folder("other", dict(reversed(files.items()))) == digest
    assert folder("content", {**files, "variables/data": b"others"}) != digest
    assert folder("name", {"saved_model.pb": b"graph", "variables/more": b"weights"}) != digest


def test_digests_versions_and_the_processor_are_recorded(tmp_path: Path) -> None:
    found = collect_provenance(tmp_path, "0", "1", "2")
    assert (found.source_sha256, found.recipe_sha256, found.data_sha256) == ("0", "1", "2")
    assert found.packages["python"] == platform.python_version()
    assert found.packages["tensorflow"] == metadata.version("tensorflow")
    assert found.host_cpu == host_cpu() != ""


def test_the_commit_of_the_recipes_repository_is_recorded_where_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert collect_provenance(tmp_path, "0", "1", "2").git_commit is None
    author = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *author, *command], check=True)
    commit = collect_provenance(tmp_path, "0", "1", "2").git_commit
    assert commit is not None
    assert len(commit) == 40
