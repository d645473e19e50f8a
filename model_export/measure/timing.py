"""Times candidates against each other, so that whatever disturbs the machine disturbs all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

import numpy as np

from model_export.measure.process import Process, Servable, Start
from model_export.sections.measure import MeasureSection
from model_export.sequences import of_length
from tflite_serving.contract.evidence import Latency, LengthLatency
from tflite_serving.contract.preprocessing import Step
from tflite_serving.contract.tensors import Arrays

_RUNS = 50
_SLICE_SECONDS = 0.1
_FEWEST_ROUNDS = 3
_LONGEST_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Timing:
    """What one candidate costs.

    Attributes:
        cold_load_ms: import of the runtime, load, and the first answer, in a fresh process; the
            median of several.
        peak_rss_mib: of such a process, after one instance and one batch; the median.
        latency_ms: of one instance, through (de)quantization and back.
        batch_latency_ms: of a batch of `MeasureSection.batch` instances.
    """

    cold_load_ms: float
    peak_rss_mib: float
    latency_ms: Latency
    batch_latency_ms: Latency


def time_all(
    servables: Sequence[Servable],
    examples: Arrays,
    section: MeasureSection,
    advance: Callable[[float], None] = lambda fraction: None,
) -> list[Timing]:
    """Times all candidates in turn, a little each, round after round.

    Args:
        servables: the candidates.
        examples: by input name, at least one.
        section: of the recipe.
        advance: told how much of the work is done, 0 to 1.

    Returns:
        in the order of `servables`.

    Raises:
        ConversionError: one of them cannot be run.
    """
    steps = section.starts + section.rounds
    starts: list[list[Start]] = [[] for _ in servables]
    for turn in range(section.starts - 1):
        for servable, found in zip(servables, starts, strict=True):
            with Process(section.threads) as process:
                found.append(process.load(servable, examples, section.batch))
        advance((turn + 1) / steps)
    with ExitStack() as stack:
        processes = []
        for servable, found in zip(servables, starts, strict=True):
            processes.append(stack.enter_context(Process(section.threads)))
            found.append(processes[-1].load(servable, examples, section.batch))
        ones: list[list[float]] = [[] for _ in servables]
        batches: list[list[float]] = [[] for _ in servables]
        stop = time.perf_counter() + _LONGEST_SECONDS * len(processes)
        for turn in range(section.rounds):
            if turn >= _FEWEST_ROUNDS and time.perf_counter() > stop:
                break
            for process, one, batch in zip(processes, ones, batches, strict=True):
                one.extend(process.time(1, _RUNS, _SLICE_SECONDS))
                batch.extend(process.time(section.batch, _RUNS, _SLICE_SECONDS))
            advance((section.starts + turn + 1) / steps)
    return [
        Timing(
            cold_load_ms=median(start.cold_load_ms for start in found),
            peak_rss_mib=median(start.peak_rss_mib for start in found),
            latency_ms=_latency(one),
            batch_latency_ms=_latency(batch),
        )
        for found, one, batch in zip(starts, ones, batches, strict=True)
    ]


def time_lengths(
    servable: Servable, examples: Arrays, step: Step | None, section: MeasureSection
) -> tuple[LengthLatency, ...]:
    """Times one instance at each length that its sequences may have.

    Args:
        servable: the model.
        examples: by name of the tensor, filled up to the largest length.
        step: that makes tokens; None if there are none.
        section: of the recipe.
    """
    if step is None or step.tokens is None:
        return ()
    found = []
    with Process(section.threads) as process:
        for length in step.tokens.buckets:
            process.load(servable, of_length(examples, step, length))
            times = process.time(1, _RUNS, _SLICE_SECONDS * section.rounds / _FEWEST_ROUNDS)
            found.append(LengthLatency(length, _latency(times)))
    return tuple(found)


def _latency(latencies_ms: list[float]) -> Latency:
    p50, p99 = np.percentile(latencies_ms, (50, 99))
    return Latency(float(p50), float(p99))
