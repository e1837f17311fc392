"""Natural batching: nobody waits for company, and whoever waits anyway shares the next question."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from feedmill.api.batching import Batching


class Slow:
    """Answers every number with its tenfold, once it may; a batch with 0 fails."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_answer = asyncio.Event()

    async def ask(self, asked: Sequence[int]) -> list[int]:
        self.batches.append(list(asked))
        await self.may_answer.wait()
        return [number // number * number * 10 for number in asked]


def run(test: Callable[[Slow], Awaitable[None]]) -> None:
    async def made() -> None:
        await asyncio.wait_for(test(Slow()), 5)

    asyncio.run(made())


async def turns(count: int = 5) -> None:
    """Of the loop: whatever can go on has gone on."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_below_the_bound_each_is_asked_at_once_by_itself() -> None:
    async def test(slow: Slow) -> None:
        batching = Batching(slow.ask, at_once=2, most=16)
        first, second = (asyncio.create_task(batching.answer(number)) for number in (1, 2))
        await turns()
        assert slow.batches == [[1], [2]]
        slow.may_answer.set()
        assert [await first, await second] == [10, 20]

    run(test)


def test_who_waits_shares_the_next_question_and_gets_its_own_answer() -> None:
    async def test(slow: Slow) -> None:
        batching = Batching(slow.ask, at_once=1, most=3)
        waiting = [asyncio.create_task(batching.answer(number)) for number in (1, 2, 5, 10, 20, 50)]
        await turns()
        assert slow.batches == [[1]]
        slow.may_answer.set()
        assert await asyncio.gather(*waiting) == [10, 20, 50, 100, 200, 500]
        assert slow.batches == [[1], [2, 5, 10], [20, 50]]
        assert await batching.answer(100) == 1_000
        assert slow.batches[-1] == [100]

    run(test)


def test_what_goes_wrong_reaches_all_who_asked_together_and_nobody_else() -> None:
    async def test(slow: Slow) -> None:
        batching = Batching(slow.ask, at_once=1, most=2)
        waiting = [asyncio.create_task(batching.answer(number)) for number in (1, 0, 2, 4)]
        await turns()
        slow.may_answer.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert (outcomes[0], outcomes[3]) == (10, 40)
        assert [type(outcome) for outcome in outcomes[1:3]] == [ZeroDivisionError, ZeroDivisionError]

    run(test)


def test_who_stops_waiting_takes_nothing_from_the_others() -> None:
    async def test(slow: Slow) -> None:
        batching = Batching(slow.ask, at_once=1, most=16)
        asked, gone, left = (asyncio.create_task(batching.answer(number)) for number in (1, 2, 5))
        await turns()
        gone.cancel()
        slow.may_answer.set()
        assert [await asked, await left] == [10, 50]
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert await batching.answer(10) == 100

    run(test)
