"""The worker's memory in the course of a load, as Linux accounts for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.serving.processes import tree

_PER = 100_000


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory after so many requests.

    Attributes:
        requests: that were answered.
        rss_mib: resident memory.
        pss_mib: the same, with pages that processes share counted in part.
    """

    requests: int
    rss_mib: float
    pss_mib: float


@dataclass(frozen=True, slots=True)
class Course:
    """What the samples come to, once the first tenth of the requests has warmed everything up.

    Attributes:
        early_mib: resident memory after a tenth of the requests.
        end_mib: after the last.
        slope_mib: growth of the line of least squares, for 100,000 requests.
    """

    early_mib: float
    end_mib: float
    slope_mib: float


def worker(pid: int) -> int:
    """The process that answers, of those that a server consists of."""
    return max(tree(pid), key=lambda process: _kib(process, "status", "VmRSS"))


def sample(pid: int, requests: int) -> Sample:
    """What a process takes now."""
    return Sample(
        requests,
        _kib(pid, "status", "VmRSS") / 1024,
        _kib(pid, "smaps_rollup", "Pss") / 1024,
    )


def course(samples: list[Sample]) -> Course:
    """What the samples of a load come to."""
    tenth = samples[-1].requests / 10
    later = [sample for sample in samples if sample.requests >= tenth]
    asked = np.array([sample.requests for sample in later], dtype=np.float64)
    rss = np.array([sample.rss_mib for sample in later])
    slope = float(np.polyfit(asked / _PER, rss, 1)[0]) if len(later) > 1 else 0.0
    return Course(float(rss[0]), float(rss[-1]), slope)


def _kib(pid: int, file: str, name: str) -> int:
    text = Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8")
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else 0
