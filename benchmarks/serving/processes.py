"""What a server's processes cost, all of them together, as Linux accounts for it."""

from __future__ import annotations

import os
import re
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def tree(pid: int) -> list[int]:
    """A process and all that descend from it, as they are now."""
    found = [pid]
    for parent in found:
        for children in (_PROC / str(parent) / "task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text().split()]
            except OSError:  # it ended meanwhile
                continue
    return found


def pss_mib(pid: int) -> float:
    """Memory of the tree, MiB; pages that processes share count in part for each."""
    return sum(_pss_kib(process) for process in tree(pid)) / 1024


def cpu_seconds(pid: int) -> float:
    """Processor time of the tree, user and system, of its living processes."""
    return sum(_ticks(process) for process in tree(pid)) / _TICKS


def _pss_kib(pid: int) -> int:
    try:
        rollup = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) if found else 0


def _ticks(pid: int) -> int:
    try:
        # The name, in parentheses, may have spaces in it.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
