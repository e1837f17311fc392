"""Who reads home feeds, noted in batches: they are the ones who are pushed to.

The one thing api writes, and operational: no state of the log. A note that is lost costs nothing but speed, as who is
not noted is read by pull.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from feedmill.runtime.background import background
from feedmill.runtime.postgres import Postgres, StoreAway

AGAIN_S: Final = 600.0
"""Who was noted less than so long ago is not noted again."""
MAX_REMEMBERED: Final = 200_000

SQL: Final = """
INSERT INTO feed_reader (reader_id, read_at)
SELECT u.id, now() FROM user_profile u WHERE u.id = ANY($1) ORDER BY u.id
ON CONFLICT (reader_id) DO UPDATE SET read_at = excluded.read_at"""


class Readers:
    """Keep `noting()` open while it serves."""

    def __init__(self, postgres: Postgres, *, every_s: float, clock_s: Callable[[], float] = monotonic) -> None:
        self._postgres = postgres
        self._every_s = every_s
        self._clock_s = clock_s
        self._noted_at_s: dict[int, float] = {}
        self._new: set[int] = set()

    def note(self, reader_id: int) -> None:
        """This home feed is being read. Costs the request a look into a dict."""
        noted_at_s = self._noted_at_s.get(reader_id)
        if noted_at_s is None or self._clock_s() - noted_at_s > AGAIN_S:
            self._new.add(reader_id)

    def forget(self) -> None:
        """As new."""
        self._noted_at_s.clear()
        self._new.clear()

    async def write(self) -> None:
        """All that was noted, in one statement. Raises StoreAway; then it stays noted."""
        readers = sorted(self._new)
        if not readers:
            return
        await self._postgres.execute(SQL, readers)
        self._new.difference_update(readers)
        if len(self._noted_at_s) > MAX_REMEMBERED:
            self._noted_at_s.clear()
        self._noted_at_s.update(dict.fromkeys(readers, self._clock_s()))

    @asynccontextmanager
    async def noting(self) -> AsyncIterator[None]:
        """Write what was noted, a few times a second."""
        async with background(self._postgres.health, self._keep_writing()):
            yield

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.write()
            except StoreAway:
                continue
