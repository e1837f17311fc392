"""Percentiles, open-loop probes and the watch over both ends, without any store."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import pytest

from feedmill.cli.arrivals import Watch
from feedmill.cli.latency import Latency, Visibility, percentile
from feedmill.cli.sender import Accepted
from feedmill.runtime.deadline import Deadline


@pytest.mark.parametrize(
    ("samples", "rank", "value"),
    [([5.0], 50, 5.0), ([5.0], 99, 5.0), ([4.0, 1.0, 3.0, 2.0], 50, 2.0), (list(map(float, range(1, 101))), 99, 99.0)],
)
def test_a_percentile_is_the_nearest_rank(samples: list[float], rank: float, value: float) -> None:
    assert percentile(samples, rank) == value


def test_nothing_measured_is_no_number() -> None:
    assert math.isnan(Latency.of(()).p50_ms)


def test_latencies_are_told_in_milliseconds() -> None:
    assert Latency.of([0.5, 0.25]) == Latency(2, 250.0, 500.0)


class FakeEnd:
    """Shows what it holds; holds what `arrives` says, one lot a look."""

    name = "Fake"

    def __init__(self, *arrives: set[str]) -> None:
        self._arrives = list(arrives)
        self._held: set[str] = set()
        self.asked: list[str] = []

    def applied(self) -> dict[int, int]:
        if self._arrives:
            self._held |= self._arrives.pop(0)
        return {0: max((offset_of(event_id) for event_id in self._held), default=-1)}

    def seen(self, ids: Sequence[str]) -> set[str]:
        self.asked += ids
        return self._held & set(ids)

    def close(self) -> None:
        """Nothing to close."""


def offset_of(event_id: str) -> int:
    return int(event_id)


def watched(end: FakeEnd, ids: list[str], seconds: float) -> tuple[Watch, list[int]]:
    moved: list[int] = []
    watch = Watch(end, moved.append)
    watch.add([Accepted(event_id, (0, offset_of(event_id)), None) for event_id in ids])

    async def run() -> None:
        complete = asyncio.Event()
        complete.set()
        await watch.run(complete, Deadline(seconds))

    asyncio.run(run())
    return watch, moved


def test_a_watch_ends_when_everything_was_seen() -> None:
    watch, moved = watched(FakeEnd(set(), {"1"}, {"2", "3"}), ["1", "2", "3"], 30.0)
    assert not watch.waiting
    assert moved == [1, 2]


def test_what_was_not_seen_by_the_deadline_is_left_in_the_watch() -> None:
    watch, _ = watched(FakeEnd({"1", "3"}), ["1", "2", "3"], 0.3)
    assert list(watch.waiting) == ["2"]


def test_nothing_is_asked_for_before_its_position_was_applied() -> None:
    end = FakeEnd(set(), {"1"}, {"2"})
    watched(end, ["1", "2"], 30.0)
    assert end.asked == ["1", "2"]


def test_more_ids_than_fit_one_question_are_all_asked_for() -> None:
    ids = [str(number) for number in range(5_000)]
    watch, moved = watched(FakeEnd(set(ids)), ids, 30.0)
    assert not watch.waiting
    assert sum(moved) == 5_000


def test_a_probe_counts_from_when_it_was_due() -> None:
    async def look(ids: Sequence[str]) -> set[str]:
        return set(ids)

    async def run() -> list[float]:
        place = Visibility(look, 0.0, waiting={"probe": asyncio.get_running_loop().time() - 5.0})
        complete = asyncio.Event()
        complete.set()
        await place.run(complete, Deadline(10.0))
        return place.samples_s

    (sample_s,) = asyncio.run(run())
    assert 5.0 <= sample_s < 15.0
