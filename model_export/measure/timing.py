"""Measures the candidates' latencies in interleaved rounds, so that noise affects all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from model_export.dataset.sequence_buckets import of_length
from model_export.errors import ConversionError
from model_export.measure.process import Process, Servable, Start
from model_export.recipe.measure import MeasureSection
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


@dataclass
class _Timed:
    """One candidate while it is timed.

    Attributes:
        servable: the candidate.
        starts, ones, batches: what was measured of it.
        error: what ended it; None if nothing did.
    """

    servable: Servable
    starts: list[Start] = field(default_factory=list)
    ones: list[float] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)
    error: ConversionError | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """What ends this candidate does not end the others."""
        try:
            yield
        except ConversionError as error:
            self.error = error

    def timing(self) -> Timing | ConversionError:
        """What the candidate costs, or what ended it."""
        return self.error or Timing(
            cold_load_ms=median(start.cold_load_ms for start in self.starts),
            peak_rss_mib=median(start.peak_rss_mib for start in self.starts),
            latency_ms=_latency(self.ones),
            batch_latency_ms=_latency(self.batches),
        )


def time_all(
    servables: Sequence[Servable],
    examples: Arrays,
    section: MeasureSection,
    advance: Callable[[float], None] = lambda fraction: None,
) -> list[Timing]:
    """As `time_each`, where none may fail.

    Raises:
        ConversionError: one of them cannot be run.
    """
    timings = []
    for timing in time_each(servables, examples, section, advance):
        if isinstance(timing, ConversionError):
            raise timing
        timings.append(timing)
    return timings


def time_each(
    servables: Sequence[Servable],
    examples: Arrays,
    section: MeasureSection,
    advance: Callable[[float], None] = lambda fraction: None,
) -> list[Timing | ConversionError]:
    """Times all candidates in turn, a little each, round after round.

    Args:
        servables: the candidates.
        examples: by input name, at least one.
        section: of the recipe.
        advance: told how much of the work is done, 0 to 1.

    Returns:
        in the order of `servables`; the error of one that cannot be run.
    """
    steps = section.starts + section.rounds
    timed = [_Timed(servable) for servable in servables]
    for turn in range(section.starts - 1):
        for one in _alive(timed):
            with one.turn(), Process(section.threads) as process:
                one.starts.append(process.load(one.servable, examples, section.batch))
        advance((turn + 1) / steps)
    with ExitStack() as stack:
        running = [(one, stack.enter_context(Process(section.threads))) for one in _alive(timed)]
        for one, process in running:
            with one.turn():
                one.starts.append(process.load(one.servable, examples, section.batch))
        stop = time.perf_counter() + _LONGEST_SECONDS * len(running)
        for turn in range(section.rounds):
            if turn >= _FEWEST_ROUNDS and time.perf_counter() > stop:
                break
            for one, process in running:
                if one.error is not None:
                    continue
                with one.turn():
                    one.ones.extend(process.time(1, _RUNS, _SLICE_SECONDS))
                    one.batches.extend(process.time(section.batch, _RUNS, _SLICE_SECONDS))
            advance((section.starts + turn + 1) / steps)
    return [one.timing() for one in timed]


def _alive(timed: Sequence[_Timed]) -> Iterator[_Timed]:
    return (one for one in timed if one.error is None)


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
