"""Ids: from 1, never twice, and enough of them while Postgres is away; and other small memories of the door."""

import asyncio

import pytest

from feedmill.ingest.memory import Recent
from feedmill.ingest.object_ids import NoIds, ObjectIds
from feedmill.ingest.rate import Rate
from feedmill.ingest.settings import IdSettings, RateSettings
from feedmill.runtime.problem import Kind, Problem
from feedmill.runtime.rate import MOST_OWNERS
from feedmill.testkit.door import FakeBlocks

SETTINGS = IdSettings(first_block=10, ahead_s=600)


def test_counting_starts_at_1_for_each_kind_and_no_id_comes_twice() -> None:
    async def taken() -> list[int]:
        ids = ObjectIds(FakeBlocks(), SETTINGS)
        assert list(await ids.take("photo")) == [1]
        return [id_ for count in (1, 3, 25, 7) for id_ in await ids.take("post", count)]

    numbers = asyncio.run(taken())
    assert numbers[0] == 1
    assert len(set(numbers)) == len(numbers) == 36
    assert numbers == sorted(numbers)


def test_many_requests_at_once_share_blocks_without_sharing_ids() -> None:
    async def taken() -> list[int]:
        ids = ObjectIds(FakeBlocks(), SETTINGS)
        rounds = await asyncio.gather(*(ids.take("post", 7) for _ in range(50)))
        return [id_ for some in rounds for id_ in some]

    numbers = asyncio.run(taken())
    assert len(set(numbers)) == 350


def test_what_the_present_rate_needs_for_ten_minutes_is_in_hand_when_postgres_goes_away() -> None:
    async def lasts() -> int:
        blocks = FakeBlocks()
        ids = ObjectIds(blocks, SETTINGS)
        for _ in range(3):
            await ids.take("post", 20)
            await ids.refill(passed_s=1.0)
        blocks.away = True
        seconds = 0
        try:
            while True:
                await ids.take("post", 20)
                await ids.refill(passed_s=1.0)
                seconds += 1
        except NoIds:
            return seconds

    assert asyncio.run(lasts()) >= 600


def test_the_first_use_needs_postgres() -> None:
    blocks = FakeBlocks()
    blocks.away = True
    ids = ObjectIds(blocks, SETTINGS)
    with pytest.raises(NoIds):
        asyncio.run(ids.take("post"))
    assert ids.left("post") == ids.left("photo") == 0


def test_a_bounded_memory_keeps_the_latest() -> None:
    memory: Recent[int, int] = Recent(100)
    for number in range(1, 1_000):
        assert memory.put_first(number, number * 2) is None
        assert len(memory) <= 100
    assert memory.get(999) == memory.put_first(999, 0) == 1_998
    assert memory.get(950) == 1_900
    assert memory.get(1) is None
    memory.forget(999)
    assert memory.get(999) is None
    memory.put(999, 7)
    assert memory.get(999) == 7


def test_what_is_all_new_is_remembered_at_once_and_else_not_at_all() -> None:
    memory: Recent[str, int] = Recent(10)
    assert memory.put_all_new(["a", "b"], [1, 2])
    assert not memory.put_all_new(["c", "a"], [3, 4])
    assert not memory.put_all_new(["c", "c"], [3, 4])
    assert not memory.put_all_new([str(number) for number in range(6)], range(6)), "more than it may hold"
    assert [memory.get(key) for key in "abc"] == [1, 2, None]
    assert memory.put_all_new(["d", "e", "f"], [5, 6, 7])
    assert memory.put_all_new(["g"], [8])
    assert not memory.put_all_new(["a"], [9]), "of the older generation, too"
    assert len(memory) == 6


def test_a_rates_windows_end_and_are_forgotten() -> None:
    now_s = [1_000.0]
    rate = Rate(RateSettings(events="10/minute"), lambda: now_s[0])
    assert rate.spend("a", 5)["RateLimit"] == '"events";r=5;t=60'
    now_s[0] += 30.5
    assert rate.spend("a", 0)["RateLimit"] == '"events";r=4;t=30'
    with pytest.raises(Problem) as refused:
        rate.spend("a", 5)
    assert (refused.value.kind, refused.value.retry_after_s) == (Kind.TOO_MANY_REQUESTS, 30)
    assert rate.spend("a", 4)["RateLimit"] == '"events";r=0;t=30'
    now_s[0] += 30
    assert rate.spend("a", 1)["RateLimit"] == '"events";r=9;t=60'
    for number in range(2 * MOST_OWNERS):
        now_s[0] += 1
        rate.spend(str(number), 1)
    assert len(rate._windows) <= MOST_OWNERS + 60
