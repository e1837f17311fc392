"""Numbers for new objects and users, out of blocks taken from Postgres ahead of need; holes may be, reuse never."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Final, Protocol

from feedmill.ingest.settings import IdSettings
from feedmill.runtime import logs
from feedmill.runtime.postgres import Postgres, StoreAway

log = logs.get("feedmill.ingest.ids")

SQL: Final = """INSERT INTO id_block AS b (kind, next_id)
SELECT $1, 1 + $2::bigint WHERE NOT EXISTS (SELECT FROM rebuild WHERE finished_at IS NULL)
ON CONFLICT (kind) DO UPDATE SET next_id = b.next_id + $2 RETURNING next_id - $2 AS first_id"""


class NoIds(Exception):
    """The blocks are used up and no new one can be had now."""


class Blocks(Protocol):
    async def take(self, kind: str, size: int) -> int: ...


class PostgresBlocks:
    """The first id of `size` ids that nobody else gets. A kind's first block begins at 1.

    Raises StoreAway, also while the state is being rebuilt: the highest id in the log is not known yet.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def take(self, kind: str, size: int) -> int:
        """One statement: two doors never get the same block."""
        row = await self._postgres.fetchrow(SQL, kind, size)
        if row is None:
            raise StoreAway("the state is being rebuilt from the log")
        return int(row["first_id"])


class _Kind:
    """What is left of one kind's blocks, and how fast it goes."""

    __slots__ = ("blocks", "left", "lock", "rate_per_s", "taken")

    def __init__(self) -> None:
        self.blocks: deque[range] = deque()
        self.left = 0
        self.taken = 0
        self.rate_per_s = 0.0
        self.lock = asyncio.Lock()

    def add(self, block: range) -> None:
        self.blocks.append(block)
        self.left += len(block)

    def take(self, count: int) -> list[int]:
        """Ascending; `count` must be left."""
        self.left -= count
        self.taken += count
        ids: list[int] = []
        while count:
            block = self.blocks.popleft()
            ids.extend(block[:count])
            if len(block) > count:
                self.blocks.appendleft(block[count:])
            count -= min(count, len(block))
        return ids


class ObjectIds:
    """Keep `keep_refilling()` running while serving."""

    def __init__(self, blocks: Blocks, settings: IdSettings, clock_s: Callable[[], float] = monotonic) -> None:
        self._blocks = blocks
        self._settings = settings
        self._clock_s = clock_s
        self._kinds: dict[str, _Kind] = {}

    async def take(self, kind: str, count: int = 1) -> Sequence[int]:
        """`count` new ids. Raises NoIds where Postgres is needed and away."""
        known = self._kinds.get(kind)
        if known is None:
            known = self._kinds[kind] = _Kind()
        while known.left < count:  # another request may take what was fetched for this one
            await self._fetch(kind, known, count)
        return known.take(count)

    def left(self, kind: str) -> int:
        """How many are in hand."""
        return self._kinds[kind].left if kind in self._kinds else 0

    async def _fetch(self, kind: str, known: _Kind, count: int) -> None:
        async with known.lock:
            if known.left >= count:
                return  # somebody else did, while we waited
            size = max(self._settings.first_block, count, self._wanted(known))
            try:
                known.add(range(first := await self._blocks.take(kind, size), first + size))
            except StoreAway as error:
                raise NoIds from error

    def _wanted(self, known: _Kind) -> int:
        return int(known.rate_per_s * self._settings.ahead_s)

    async def keep_refilling(self) -> None:
        """Endless: fetch in the background what the present rate will need."""
        then_s = self._clock_s()
        while True:
            await asyncio.sleep(self._settings.refill_interval_s)
            now_s = self._clock_s()
            await self.refill(max(now_s - then_s, 1e-3))
            then_s = now_s

    async def refill(self, passed_s: float) -> None:
        """One turn: what was taken in `passed_s` seconds is the present rate, falling slowly when it is over."""
        for kind, known in list(self._kinds.items()):
            rate_per_s, known.taken = known.taken / passed_s, 0
            known.rate_per_s = max(rate_per_s, known.rate_per_s * 0.98)
            needed = max(self._settings.first_block // 2, self._wanted(known))
            if known.left < needed:
                with suppress(NoIds):
                    await self._fetch(kind, known, needed * 2)
