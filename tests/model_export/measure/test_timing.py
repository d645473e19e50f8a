"""All candidates are timed in turn, and not for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Self

import pytest

from model_export.errors import ConversionError
from model_export.flatbuffer.inspect import bindings
from model_export.measure import timing
from model_export.measure.process import Servable, Start
from model_export.measure.timing import Timing, time_all, time_each
from model_export.recipe.measure import MeasureSection
from tests.support.models import tiny
from tflite_serving.contract.evidence import Latency
from tflite_serving.contract.tensors import Arrays, OutputSpec, Tensors

EXAMPLES = tiny.examples(5).inputs


@dataclass
class Machine:
    """Stands in for processes and the time that they take."""

    seconds: float = 0.0
    now: float = 0.0
    events: list[tuple[object, ...]] = field(default_factory=list)
    starts: Iterator[Start] = field(default_factory=lambda: iter(()))
    latencies: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    running: int = 0
    dies: tuple[str, int] | None = None

    def process(self, threads: int) -> StandIn:
        self.events.append(("start", threads))
        return StandIn(self)

    def asked(self, what: str) -> list[tuple[object, ...]]:
        return [event[1:] for event in self.events if event[0] == what]


@dataclass
class StandIn:
    """One process."""

    machine: Machine
    name: str = ""

    def __enter__(self) -> Self:
        self.machine.running += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.running -= 1

    def load(self, servable: Servable, examples: Arrays, batch: int) -> Start:
        assert examples is EXAMPLES
        self.name = servable.name
        if servable.name == "broken":
            raise ConversionError("broken")
        self.machine.events.append(("load", servable.name, batch))
        return next(self.machine.starts, Start(1.0, 1.0))

    def time(self, batch: int, runs: int, seconds: float) -> list[float]:
        assert runs > 1
        assert seconds <= 1
        self.machine.events.append(("time", self.name, batch))
        if self.machine.dies == (self.name, sum(e[1] == self.name for e in self.machine.events)):
            raise ConversionError(f"{self.name} died")
        self.machine.now += self.machine.seconds
        return self.machine.latencies.get((self.name, batch), [1.0])


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(timing, "Process", made.process)
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: made.now))
    return made


def named(*names: str) -> list[Servable]:
    return [Servable(name, b"", Tensors((), ()), ()) for name in names]


def test_every_candidate_has_its_turn_in_every_round(machine: Machine) -> None:
    section = MeasureSection(starts=2, rounds=3, batch=4, threads=2)
    time_all(named("a", "b"), EXAMPLES, section)
    assert machine.asked("load") == [("a", 4), ("b", 4)] * 2
    assert machine.asked("time") == [("a", 1), ("a", 4), ("b", 1), ("b", 4)] * 3
    assert machine.asked("start") == [(2,)] * 4
    assert machine.running == 0


def test_starts_give_their_median_and_rounds_their_percentiles(machine: Machine) -> None:
    machine.starts = (Start(load, 10 * load) for load in (3.0, 30.0, 1.0, 10.0, 2.0, 20.0))
    machine.latencies = {("a", 1): [1.0, 2.0, 9.0], ("a", 4): [4.0]}
    first, second = time_all(named("a", "b"), EXAMPLES, MeasureSection(starts=3, batch=4))
    assert (first.cold_load_ms, first.peak_rss_mib) == (2.0, 20.0)
    assert (second.cold_load_ms, second.peak_rss_mib) == (20.0, 200.0)
    assert first.latency_ms == Latency(2.0, 9.0)
    assert first.batch_latency_ms == Latency(4.0, 4.0)
    assert second.latency_ms == Latency(1.0, 1.0)


@pytest.mark.parametrize(("seconds", "rounds"), [(0.001, 1000), (1.0, 11), (10.0, 3), (1000.0, 3)])
def test_slow_candidates_get_fewer_rounds_but_some(
    machine: Machine, seconds: float, rounds: int
) -> None:
    machine.seconds = seconds
    time_all(named("a", "b"), EXAMPLES, MeasureSection(starts=1, rounds=1000))
    assert machine.asked("time").count(("a", 1)) == rounds
    assert machine.asked("time").count(("b", 8)) == rounds


def test_as_few_rounds_as_the_recipe_wants_are_enough(machine: Machine) -> None:
    time_all(named("a"), EXAMPLES, MeasureSection(starts=1, rounds=1))
    assert machine.asked("time") == [("a", 1), ("a", 8)]


@pytest.mark.usefixtures("machine")
def test_progress_goes_up_to_the_whole() -> None:
    told: list[float] = []
    time_all(named("a", "b"), EXAMPLES, MeasureSection(starts=2, rounds=3), told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) == 4


@pytest.mark.parametrize("starts", [1, 2])
def test_a_candidate_that_does_not_start_is_told_and_the_others_are_timed(
    machine: Machine, starts: int
) -> None:
    section = MeasureSection(starts=starts, rounds=2)
    first, second, third = time_each(named("a", "broken", "c"), EXAMPLES, section)
    assert isinstance(first, Timing)
    assert isinstance(third, Timing)
    assert str(second) == "broken"
    assert machine.running == 0
    assert machine.asked("time") == [("a", 1), ("a", 8), ("c", 1), ("c", 8)] * 2


def test_a_candidate_that_dies_in_a_round_has_no_turn_in_the_next(machine: Machine) -> None:
    machine.dies = ("b", 4)
    first, second, third = time_each(named("a", "b", "c"), EXAMPLES, MeasureSection(starts=1))
    assert isinstance(first, Timing)
    assert isinstance(third, Timing)
    assert str(second) == "b died"
    turns = [name for name, batch in machine.asked("time") if batch == 1]
    assert turns == ["a", "b", "c", "a", "b", "c", *["a", "c"] * 18]


def test_where_none_may_fail_the_first_that_does_is_raised(machine: Machine) -> None:
    with pytest.raises(ConversionError, match="broken"):
        time_all(named("a", "broken", "c"), EXAMPLES, MeasureSection(starts=1))
    assert machine.running == 0


def test_real_candidates_get_plausible_figures() -> None:
    servables = []
    for name, made in (("float32", tiny.flatbuffer()), ("full_int8", tiny.quantized("full_int8"))):
        tensors = Tensors(*bindings(made, ("features",), ("species",)))
        output = OutputSpec("species", "float32", (None, 3))
        servables.append(Servable(name, made, tensors, (output,)))
    for found in time_all(servables, EXAMPLES, MeasureSection(starts=1, rounds=2)):
        assert 0 < found.latency_ms.p50 <= found.latency_ms.p99 < 1000
        assert 0 < found.batch_latency_ms.p50 <= found.batch_latency_ms.p99 < 1000
        assert found.latency_ms.p50 < found.cold_load_ms < 60_000
        assert 20 < found.peak_rss_mib < 150
