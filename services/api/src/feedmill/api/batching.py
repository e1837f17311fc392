"""Natural batching: what is asked while others are being answered goes together in the next question.

Nobody waits for company. While fewer than `at_once` questions are under way each is asked at once, by itself; from then
on those who wait share the next one. So a batch is as large as the load makes it, and whoever asks alone pays nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

AskedT = TypeVar("AskedT")
AnswerT = TypeVar("AnswerT")


class _Batch(Generic[AskedT, AnswerT]):
    __slots__ = ("answers", "asked")

    def __init__(self) -> None:
        self.asked: list[AskedT] = []
        self.answers: asyncio.Task[Sequence[AnswerT]]


class Batching(Generic[AskedT, AnswerT]):
    """For one event loop. `ask` answers a batch, of `most` at most, in its order."""

    def __init__(
        self, ask: Callable[[Sequence[AskedT]], Awaitable[Sequence[AnswerT]]], *, at_once: int, most: int
    ) -> None:
        self._ask = ask
        self._most = most
        self._slots = asyncio.Semaphore(at_once)
        self._filling: _Batch[AskedT, AnswerT] | None = None

    async def answer(self, asked: AskedT) -> AnswerT:
        """Raises what `ask` raises, for all who asked together. Whoever stops waiting takes nothing from the others."""
        if not self._slots.locked():
            async with self._slots:
                return (await self._ask([asked]))[0]
        batch = self._filling
        if batch is None or len(batch.asked) == self._most:
            batch = self._filling = _Batch()
            batch.answers = asyncio.create_task(self._answers(batch))
        place = len(batch.asked)
        batch.asked.append(asked)
        return (await asyncio.shield(batch.answers))[place]

    async def _answers(self, batch: _Batch[AskedT, AnswerT]) -> Sequence[AnswerT]:
        async with self._slots:
            if self._filling is batch:
                self._filling = None
            return await self._ask(batch.asked)
