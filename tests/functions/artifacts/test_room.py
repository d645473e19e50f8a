from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tflite_serving.artifacts import room

GIB = 2**30
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # which is memory on every Linux
MOUNTS = """\
overlay / overlay rw 0 0
tmpfs {folder} tmpfs rw 0 0
/dev/vda {folder}/disk ext4 rw 0 0
tmpfs {folder}\\040other tmpfs rw 0 0
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is memory, of which a gibibyte is left; but for its folder "disk"."""
    folder = tmp_path / "memory"
    (folder / "disk" / "below").mkdir(parents=True)
    (tmp_path / "mounts").write_text(MOUNTS.format(folder=folder.resolve()))
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    1048576 kB\n")
    monkeypatch.setattr(room, "_MOUNTS", tmp_path / "mounts")
    monkeypatch.setattr(room, "_MEMORY", tmp_path / "meminfo")
    usage = shutil.disk_usage(tmp_path)._replace(free=4 * GIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    return folder


def test_a_folder_of_memory_has_as_much_room_as_memory_is_left(machine: Path) -> None:
    assert room.free_bytes(machine) == GIB
    (machine / "link").symlink_to(machine / "disk")
    assert room.free_bytes(machine / "link") == 4 * GIB


def test_a_folder_of_a_disk_has_the_disk_s(machine: Path) -> None:
    for folder in (machine.parent, machine / "disk", machine / "disk" / "below"):
        assert room.free_bytes(folder) == 4 * GIB


def test_where_nobody_tells_the_file_system_does(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_MEMORY", machine / "nothing")
    assert room.free_bytes(machine) == 4 * GIB
    monkeypatch.setattr(room, "_MOUNTS", machine / "nothing")
    assert room.free_bytes(machine) == 4 * GIB


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="no Linux")
def test_this_machine_tells() -> None:
    assert 0 < room.free_bytes(SHARED_MEMORY) <= shutil.disk_usage(SHARED_MEMORY).free
