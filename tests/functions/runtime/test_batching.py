"""Requests that meet are run together; each gets its own rows, and its own failure alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflite_serving.contract.tensors import Arrays
from tflite_serving.errors import DeadlineExceeded
from tflite_serving.runtime.batching import Batcher
from tflite_serving.runtime.interpreter_pool import MOST_ROWS, InterpreterPool
from tflite_serving.runtime.length_buckets import SubBatch
from tflite_serving.telemetry import Timings

LONG = 60.0


class Doubling:
    """Stands in for a model: puts out twice its input, and remembers how it was asked."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.may_run = Event()
        self.may_run.set()

    def run(
        self, inputs: Arrays, timings: Timings, wait_seconds: float | None = None
    ) -> dict[str, Any]:
        assert wait_seconds is None
        assert self.may_run.wait(LONG)
        timings.lap("queue")
        self.batches.append(len(inputs["x"]))
        if (inputs["x"] < 0).any():
            raise ValueError("a negative number")
        timings.lap("infer")
        return {"y": inputs["x"] * 2}


def rows(*values: float) -> dict[str, Any]:
    return {"x": np.array(values)[:, np.newaxis]}


Ask = Callable[[Arrays], Awaitable[Any]]


def together(
    model: Doubling, talk: Callable[[Ask], Awaitable[Any]], window: float = 0, turns: int = 1
) -> Any:
    async def main() -> Any:
        with ThreadPoolExecutor(turns) as threads:
            batcher = Batcher(window, threads, asyncio.Semaphore(turns))

            async def ask(inputs: Arrays) -> Any:
                found = await batcher.run(cast("InterpreterPool", model), inputs, Timings(), LONG)
                return found["y"][..., 0].tolist()

            return await talk(ask)

    return asyncio.run(main())


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_each_gets_its_own_rows_and_no_batch_is_larger_than_one_invoke(sizes: list[int]) -> None:
    model = Doubling()
    values = iter(range(sum(sizes)))
    asked = [[next(values) for _ in range(size)] for size in sizes]
    found = together(model, lambda ask: asyncio.gather(*[ask(rows(*each)) for each in asked]))
    assert found == [[2 * value for value in each] for each in asked]
    assert max(model.batches) <= MOST_ROWS
    assert sum(model.batches) == sum(sizes)
    # Of two that follow each other, the second one did not fit into the first.
    assert len(model.batches) <= 2 * sum(sizes) // MOST_ROWS + 1


def test_a_full_batch_does_not_wait_for_the_window() -> None:
    model = Doubling()
    half = rows(*range(MOST_ROWS // 2))
    together(model, lambda ask: asyncio.gather(ask(half), ask(half)), window=LONG)
    assert model.batches == [MOST_ROWS]


def test_what_does_not_fit_does_not_keep_the_others_waiting() -> None:
    model = Doubling()
    large = rows(*range(5 * MOST_ROWS))
    together(model, lambda ask: asyncio.gather(ask(rows(1)), ask(large), ask(rows(2))))
    assert model.batches == [1, 5 * MOST_ROWS, 1]


def test_a_batch_stays_open_while_all_interpreters_are_busy() -> None:
    model = Doubling()
    model.may_run.clear()

    async def talk(ask: Ask) -> None:
        first = asyncio.ensure_future(ask(rows(1)))
        for _ in range(20):  # turns of the loop: the first batch is under way
            await asyncio.sleep(0)
        others = [asyncio.ensure_future(ask(rows(n))) for n in range(3)]
        for _ in range(20):
            await asyncio.sleep(0)
        others.append(asyncio.ensure_future(ask(rows(9))))
        await asyncio.sleep(0)
        model.may_run.set()
        await asyncio.gather(first, *others)

    together(model, talk)
    assert model.batches == [1, 4]


def test_shapes_that_differ_are_not_put_together() -> None:
    model = Doubling()
    wide = {"x": np.ones((1, 3))}
    together(model, lambda ask: asyncio.gather(ask(rows(1)), ask(wide), ask(rows(2)), ask(wide)))
    assert sorted(model.batches) == [2, 2]


def test_models_are_not_put_together() -> None:
    models = Doubling(), Doubling()

    async def main() -> None:
        with ThreadPoolExecutor(1) as threads:
            batcher = Batcher(0, threads, asyncio.Semaphore(1))
            await asyncio.gather(
                *[batcher.run(cast("InterpreterPool", m), rows(1), Timings(), LONG) for m in models]
            )

    asyncio.run(main())
    assert [model.batches for model in models] == [[1], [1]]


def test_all_of_a_batch_are_told_what_went_wrong_and_the_next_one_runs() -> None:
    model = Doubling()

    async def talk(ask: Ask) -> Any:
        bad = await asyncio.gather(ask(rows(1)), ask(rows(-1)), return_exceptions=True)
        return bad, await ask(rows(2))

    bad, good = together(model, talk)
    assert [str(error) for error in bad] == ["a negative number"] * 2
    assert good == [4]


def test_whoever_is_out_of_time_is_told_so_and_the_others_get_their_answers() -> None:
    model = Doubling()
    model.may_run.clear()

    async def main() -> Any:
        with ThreadPoolExecutor(1) as threads:
            batcher = Batcher(0, threads, asyncio.Semaphore(1))

            async def ask(value: float, seconds: float) -> Any:
                return await batcher.run(
                    cast("InterpreterPool", model), rows(value), Timings(), seconds
                )

            patient = asyncio.ensure_future(ask(1, LONG))
            with pytest.raises(DeadlineExceeded):
                await ask(2, 0)
            model.may_run.set()
            return (await patient)["y"].tolist()

    assert asyncio.run(main()) == [[2]]


def test_the_times_tell_of_waiting_and_of_the_model() -> None:
    timings = Timings()

    async def main() -> None:
        with ThreadPoolExecutor(1) as threads:
            batcher = Batcher(0, threads, asyncio.Semaphore(1))
            timings.start()
            await batcher.run(cast("InterpreterPool", Doubling()), rows(1), timings, LONG)

    asyncio.run(main())
    assert set(timings.stages) == {"queue", "infer"}
    assert all(0 <= duration < LONG * 1000 for duration in timings.stages.values())


class Summing(Doubling):
    """Stands in for a model of sequences: puts out the sum of each."""

    def run(
        self, inputs: Arrays, timings: Timings, wait_seconds: float | None = None
    ) -> dict[str, Any]:
        super().run(inputs, timings, wait_seconds)
        return {"y": inputs["x"].sum(axis=1)}


def test_groups_of_a_request_meet_those_of_others_and_are_put_together_in_its_order() -> None:
    model = Summing()

    def groups(*lengths: int) -> list[SubBatch]:
        if len(lengths) == 1:
            return [SubBatch({"x": np.ones((1, *lengths))})]
        return [SubBatch({"x": np.ones((1, n))}, np.array([row])) for row, n in enumerate(lengths)]

    async def main() -> list[list[float]]:
        with ThreadPoolExecutor(1) as threads:
            batcher = Batcher(0.05, threads, asyncio.Semaphore(1))

            async def ask(*lengths: int) -> list[float]:
                asked = groups(*lengths)
                found = await batcher.run_groups(
                    cast("InterpreterPool", model), asked, Timings(), LONG
                )
                answer: list[float] = found["y"].tolist()
                return answer

            return [*await asyncio.gather(ask(2, 3), ask(3), ask(3, 2))]

    assert asyncio.run(main()) == [[2, 3], [3], [3, 2]]
    assert sorted(model.batches) == [2, 3]
