"""Finished parts: whole or not there, of one export at a time, forgotten when they do not fit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_export.errors import UsageError
from model_export.recipe.gate import GateSection
from model_export.recipe.inputs import InputSection
from model_export.recipe.measure import MeasureSection
from model_export.recipe.model import DataSection, ModelSection
from model_export.recipe.outputs import OutputSection
from model_export.recipe.prune import PruneSection
from model_export.recipe.publish import PublishSection
from model_export.recipe.quantize import CalibrationSection, QuantizeSection
from model_export.recipe.recipe import Recipe
from model_export.steps.workspace import Workspace, export_key, open_workspace

RECIPE = Recipe(
    model=ModelSection(name="iris", source="iris.keras"), data=DataSection(source="iris.npz")
)


@contextmanager
def opened(base: Path, key: str = "key", *, resume: bool = True) -> Iterator[Workspace]:
    with open_workspace(base, "iris", key, resume=resume) as workspace:
        yield workspace


def test_a_part_is_there_as_soon_as_it_is_saved_and_the_newest_counts(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        assert workspace.load("training.npz") is None
        for data in (b"one", b"another", b""):
            workspace.save("training.npz", data)
            assert workspace.load("training.npz") == data


def test_parts_outlive_the_process(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        workspace.save("part", b"done")
    with opened(tmp_path) as workspace:
        assert workspace.load("part") == b"done"


def test_a_part_that_is_cut_off_leaves_the_one_before(tmp_path: Path) -> None:
    """The kernel kills a process in the middle of writing a part that is longer than it allows."""
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from model_export.steps.workspace import open_workspace\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        "with open_workspace(Path(sys.argv[1]), 'iris', 'key', resume=True) as workspace:\n"
        "    workspace.save('part', b'whole')\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "    workspace.save('part', bytes(100_000))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, check=False
    )
    assert process.returncode < 0, process.stderr
    with opened(tmp_path) as workspace:
        assert workspace.load("part") == b"whole"
        workspace.clear()
        assert workspace.load("part") is None


@pytest.mark.parametrize(("key", "resume"), [("other key", True), ("key", False)])
def test_parts_are_forgotten_under_another_key_or_when_nobody_resumes(
    tmp_path: Path, key: str, *, resume: bool
) -> None:
    with opened(tmp_path) as workspace:
        workspace.save("part", b"done")
    with opened(tmp_path, key, resume=resume) as workspace:
        assert workspace.load("part") is None
        workspace.save("part", b"new")
    with opened(tmp_path, key) as workspace:
        assert workspace.load("part") == b"new"


def test_after_clearing_the_key_still_counts(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        workspace.save("part", b"done")
        workspace.clear()
        assert workspace.load("part") is None
        workspace.save("later", b"done, too")
    with opened(tmp_path) as workspace:
        assert workspace.load("later") == b"done, too"


@pytest.mark.parametrize("name", ["rose", "key", "iris.lock"])
def test_models_do_not_share_parts(tmp_path: Path, name: str) -> None:
    with opened(tmp_path) as iris, open_workspace(tmp_path, name, "key", resume=True) as other:
        iris.save("part", b"of iris")
        assert other.load("part") is None


def test_git_is_told_to_ignore_the_folder(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        workspace.save("part", b"done")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    status = subprocess.run(
        ["git", "-C", str(tmp_path), "status", "--porcelain"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert status.stdout == ""


def test_two_exports_of_one_model_do_not_work_in_one_folder(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from model_export.steps.workspace import open_workspace\n"
        "with open_workspace(Path(sys.argv[1]), 'iris', 'key', resume=True):\n"
        "    print('open', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(UsageError) as caught, opened(tmp_path, "another", resume=False):
            pass
        assert str(caught.value) == (
            f"{tmp_path / '.model_export/iris'}: another export of 'iris' is under way there; "
            "wait for it, or give another folder with --work"
        )
        # What the other one works with is still there.
        assert (tmp_path / ".model_export/iris/key").read_bytes() == b"key"
        with opened(tmp_path / "elsewhere"):
            pass
        other.kill()
    with opened(tmp_path):
        pass


def test_a_place_that_is_no_folder_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as caught, opened(tmp_path / "file"):
        pass
    assert "it cannot be written: Not a directory; give another folder with --work" in str(
        caught.value
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_folder_that_cannot_be_written_is_refused_with_advice(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UsageError) as caught, opened(tmp_path):
            pass
    finally:
        tmp_path.chmod(0o700)
    assert "it cannot be written: Permission denied; give another folder with --work" in str(
        caught.value
    )


def key_of(source_sha256: str = "s", data_sha256: str = "d", **sections: Any) -> str:
    return export_key(replace(RECIPE, **sections), source_sha256, data_sha256)


@pytest.mark.parametrize(
    "change",
    [
        {"model": ModelSection(name="iris", source="iris.keras", labels=("a", "b"))},
        {"prune": PruneSection(method="magnitude")},
        {"prune": PruneSection(sparsity=0.6)},
        {"calibration": CalibrationSection(examples=7)},
        {"quantize": QuantizeSection(variants=("float32",))},
        {"quantize": QuantizeSection(max_tries=7)},
        {"measure": MeasureSection(threads=2)},
        {"gate": GateSection(metric="macro_f1")},
        {"source_sha256": "another model"},
        {"data_sha256": "other examples"},
        {"data": DataSection(source="other.npz")},
        # The same pixels, and other numbers that the model is fed.
        {"inputs": {"photo": InputSection(scale="1/255")}},
        {"outputs": {"species": OutputSection(activation="softmax")}},
        {"outputs": {"species": OutputSection(threshold="tuned")}},
    ],
    ids=str,
)
def test_the_key_changes_with_what_finished_parts_depend_on(change: dict[str, Any]) -> None:
    assert key_of(**change) != key_of()
    assert key_of(**change) == key_of(**change)


def test_how_sure_a_tuned_threshold_must_be_is_a_part_of_the_key() -> None:
    """Fine-tuning keeps the epoch that is best at the thresholds."""
    tuned = {"species": OutputSection(threshold="tuned")}
    sure = GateSection(confidence=0.99)
    assert key_of(outputs=tuned, gate=sure) != key_of(outputs=tuned)
    assert key_of(outputs=tuned, gate=GateSection(confidence=0.95)) == key_of(outputs=tuned)


def test_the_key_changes_with_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of()
    monkeypatch.setattr("model_export.steps.workspace.metadata.version", lambda name: "99")
    assert key_of() != before


@pytest.mark.parametrize(
    "change",
    [
        {"gate": GateSection(max_drop=0.5)},
        {"gate": GateSection(confidence=0.9, prefer="size", max_bytes=7, max_class_drop=0.5)},
        {"publish": PublishSection(registry="elsewhere", alias="staging")},
        {"inputs": {"features": InputSection(units="cm", description="a flower")}},
        {"outputs": {"species": OutputSection(max_drop=0.5)}},
    ],
    ids=str,
)
def test_another_budget_or_place_is_judged_with_the_same_evidence(change: dict[str, Any]) -> None:
    assert key_of(**change) == key_of()
