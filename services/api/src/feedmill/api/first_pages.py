"""First pages of home feeds, kept for seconds beside the positions they were read at.

A kept page is a page read earlier: it says so (`Age`), its `Feedmill-Complete-Through` is that of its reading, and who
asks for a position it was read before gets it read anew. So whoever sends the position of a write sees that write, a
removal as well; who sends none may see a page as it was up to `page_ttl_s` ago.
"""

from collections.abc import Awaitable, Callable
from time import time
from typing import Final, NamedTuple, Protocol
from zlib import crc32

import msgspec

from feedmill.api.settings import CacheSettings
from feedmill.runtime import metrics
from feedmill.runtime.applied import Applied, Snapshot
from feedmill.runtime.position import Positions

FORMAT: Final = 1
"""Of what is kept: another number, other keys."""
HOME, FRIENDS = "home", "friends"
_CHECK_BYTES: Final = 4


class Store(Protocol):
    """feedmill.api.cache.Cache. Never raises."""

    async def get(self, key: str) -> bytes | None: ...
    async def put(self, key: str, value: bytes, ttl_ms: int) -> None: ...
    async def close(self) -> None: ...


class Content(NamedTuple):
    """An answer's body, and what its headers are made of: the cursor after it, and where its stream begins."""

    body: bytes
    after: str | None = None
    place: str = ""


class Shown(NamedTuple):
    """age_s: None for a page just read."""

    content: Content
    snapshot: Snapshot
    age_s: int | None = None

    @property
    def age(self) -> dict[str, str]:
        """The header (RFC 9111 §5.1)."""
        return {} if self.age_s is None else {"Age": str(self.age_s)}


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page as it lies in the store. `key` again: what lies under another one is not it."""

    key: str
    read_at_s: float
    complete_through: str
    applied: list[tuple[str, int, int]]
    after: str | None
    place: str
    body: bytes

    def snapshot(self) -> Snapshot:
        return Snapshot(
            {(topic, partition): offset for topic, partition, offset in self.applied}, self.complete_through
        )


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Kept)


class FirstPages:
    """Cache-aside. Who may read is judged before."""

    def __init__(
        self,
        store: Store,
        *,
        ttl_s: float,
        heeded: Callable[[Positions], Positions],
        clock_s: Callable[[], float] = time,
    ) -> None:
        """`heeded`: those of the positions that Postgres keeps."""
        self._store = store
        self._ttl_s = ttl_s
        self._heeded = heeded
        self._clock_s = clock_s

    @classmethod
    def of(cls, settings: CacheSettings, applied: Applied) -> "FirstPages | None":
        """None where no store is named."""
        if settings.url is None:
            return None
        from feedmill.api.cache import Cache  # its client is 11 MB, for those alone who have a Redis

        return cls(Cache(settings), ttl_s=settings.page_ttl_s, heeded=applied.heeded)

    async def close(self) -> None:
        """Its connections."""
        await self._store.close()

    async def page(
        self,
        kind: str,
        reader_id: int,
        limit: int | None,
        asked: Positions,
        now: Snapshot,
        read: Callable[[], Awaitable[Content]],
    ) -> Shown:
        """The kept page where there is one that will do; else as `read` gives it, and it is kept. Raises as `read`.

        now: taken before; it vouches for what is read.
        """
        key = f"feedmill:first-page:{FORMAT}:{kind}:{reader_id}:{limit or 'all'}"
        found = await self._store.get(key)
        began_at_s = self._clock_s()
        kept, outcome = self._usable(found, key, asked, began_at_s)
        metrics.CACHE.at(outcome).inc()
        if kept is not None:
            content = Content(kept.body, kept.after, kept.place)
            return Shown(content, kept.snapshot(), max(0, int(began_at_s - kept.read_at_s)))
        content = await read()
        left_ms = int((self._ttl_s - (self._clock_s() - began_at_s)) * 1_000)
        if left_ms > 0:
            await self._store.put(key, written(key, content, now, began_at_s), left_ms)
        return Shown(content, now)

    def _usable(self, found: bytes | None, key: str, asked: Positions, now_s: float) -> tuple[Kept | None, str]:
        if found is None:
            return None, "miss"
        kept = read_back(found)
        if kept is None or kept.key != key:
            return None, "wrong"
        if now_s - kept.read_at_s > self._ttl_s:
            return None, "miss"
        if asked and self._heeded(asked).missing_from(kept.snapshot().applied):
            return None, "passed-by"
        return kept, "hit"


def written(key: str, content: Content, snapshot: Snapshot, read_at_s: float) -> bytes:
    """With a sum in front."""
    applied = [(topic, partition, offset) for (topic, partition), offset in snapshot.applied.items()]
    kept = Kept(key, read_at_s, snapshot.complete_through, applied, content.after, content.place, content.body)
    packed = _ENCODER.encode(kept)
    return crc32(packed).to_bytes(_CHECK_BYTES, "big") + packed


def read_back(found: bytes) -> Kept | None:
    """None for what `written` did not write."""
    packed = memoryview(found)[_CHECK_BYTES:]
    if int.from_bytes(found[:_CHECK_BYTES], "big") != crc32(packed):
        return None
    try:
        return _DECODER.decode(packed)
    except msgspec.MsgspecError:
        return None
