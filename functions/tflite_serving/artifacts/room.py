"""Free space of a folder in bytes, limited by free memory where the folder is in memory."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

_OF_MEMORY = ("tmpfs", "ramfs")
_MOUNTS, _MEMORY = Path("/proc/self/mounts"), Path("/proc/meminfo")


def free_bytes(folder: Path) -> int:
    """Free space of a folder in bytes; at most the free memory, if the folder is in memory.

    A tmpfs often has half of the machine's memory as its size, however much of that is used.

    Args:
        folder: Existing folder.
    """
    free = shutil.disk_usage(folder).free
    if _kind_of(folder) in _OF_MEMORY:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", _read(_MEMORY), re.MULTILINE)
        if found:
            return min(free, int(found[1]) * 1024)
    return free


def _kind_of(folder: Path) -> str:
    """The type of the file system that a folder is on; "" where nobody tells.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_mounts.5.html
    """
    resolved, kind, nearest = folder.resolve(), "", -1
    for line in _read(_MOUNTS).splitlines():
        _, place, type_, *_ = line.split(" ")
        # A later line of the same place is what is mounted over the earlier one.
        if resolved.is_relative_to(place) and len(place) >= nearest:
            kind, nearest = type_, len(place)
    return kind


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # another system than Linux
