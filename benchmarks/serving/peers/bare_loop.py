"""What the model costs by itself: interpreters in threads, no server, nothing to read.

    python bare_loop.py MODEL THREADS SECONDS

prints predictions per second.
"""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter

_WARM_UP = 5


def main(model: str, threads: int, seconds: float) -> None:
    """The command line above."""
    counts = [0] * threads
    start = threading.Barrier(threads)

    def loop(place: int) -> None:
        interpreter = Interpreter(model_path=model, num_threads=1)
        interpreter.allocate_tensors()
        (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()
        batch = np.random.default_rng(place).random(given["shape"], dtype=np.float32)

        def run() -> None:
            interpreter.set_tensor(given["index"], batch)
            interpreter.invoke()
            interpreter.get_tensor(found["index"])

        for _ in range(_WARM_UP):
            run()
        start.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            run()
            counts[place] += 1

    workers = [threading.Thread(target=loop, args=(place,)) for place in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(sum(counts) / seconds)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
