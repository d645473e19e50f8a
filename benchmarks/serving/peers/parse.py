"""What parsers alone take for a JSON body, milliseconds.

    python parse.py BODY RUNS json|simdjson

prints the median of so many runs: of ``np.array(json.loads(body)["instances"], dtype=float32)``, or
of simdjson's parser with all numbers put into one buffer, whose nesting nobody has looked at.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import simdjson

_parser = simdjson.Parser()


def with_json(body: bytes) -> npt.NDArray[Any]:
    """The shaped array."""
    return np.array(json.loads(body)["instances"], dtype=np.float32)


def with_simdjson(body: bytes) -> npt.NDArray[Any]:
    """A flat array."""
    document: Any = _parser.parse(body)
    return np.frombuffer(document["instances"].as_buffer(of_type="d"))


def main(path: Path, runs: int, name: str) -> None:
    """The command line above."""
    body = path.read_bytes()
    parse = {"json": with_json, "simdjson": with_simdjson}[name]
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        parse(body)
        times.append((time.perf_counter() - began) * 1000)
    print(statistics.median(times))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
