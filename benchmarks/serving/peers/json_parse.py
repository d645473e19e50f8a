"""What Python's own JSON parser and numpy take for a body, milliseconds.

    python json_parse.py BODY RUNS

prints the median of so many runs of ``np.array(json.loads(body)["instances"], dtype=float32)``.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np


def main(path: Path, runs: int) -> None:
    """The command line above."""
    body = path.read_bytes()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        np.array(json.loads(body)["instances"], dtype=np.float32)
        times.append((time.perf_counter() - began) * 1000)
    print(statistics.median(times))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
