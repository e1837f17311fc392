"""All streams of a process, and the one task that reads what was applied and passes it on.

A step takes what lies between the position reached and the one applied, in the order of partition and offset, so each
message's id is a position set that says exactly what was passed on before it, in whatever process a client asks next.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from feedmill.api.live import messages, removals
from feedmill.api.live.audience import Audience
from feedmill.api.live.edges import NOBODY, Edges, changed_by, edges_of
from feedmill.api.live.messages import Offsets, behind
from feedmill.api.live.places import Places
from feedmill.api.live.pulse import Pulse
from feedmill.api.live.resume import missed_by
from feedmill.api.live.stream import Stream
from feedmill.api.live.unseen import Unseen
from feedmill.api.queries import tail
from feedmill.api.settings import LiveSettings
from feedmill.contracts.topics import ACTIVITY_PUBLISHED
from feedmill.contracts.verbs import FEED_VERBS
from feedmill.runtime import metrics
from feedmill.runtime.applied import Applied, NotYetApplied
from feedmill.runtime.auth import Keys
from feedmill.runtime.background import background
from feedmill.runtime.health import Health
from feedmill.runtime.position import BadPosition, Positions
from feedmill.runtime.postgres import Postgres, Row, StoreAway

AWAY_S: Final = 0.1
RESUMING_AT_ONCE: Final = 2
ROUNDS_BESIDE: Final = 3
"""A stream catches up beside the tail, which goes on meanwhile; after so many rounds the tail waits for it."""
AHEAD_S: Final = 2.0
"""How long a position that a client has and this process has not yet is waited for; then the state is another one."""


class Live:
    """Keep `running()` open while it serves."""

    def __init__(
        self, postgres: Postgres, applied: Applied, keys: Keys, health: Health, settings: LiveSettings
    ) -> None:
        self._postgres = postgres
        self._applied = applied
        self._health = health
        self.settings = settings
        self.places = Places(settings.streams, settings.streams_per_reader)
        self.audience = Audience()
        self.at: Offsets = {}
        self._unseen = Unseen()
        self._pulse = Pulse(self.audience, self.places, keys, health, settings, lambda: self.at)
        self._stepped = asyncio.Event()
        self._stepping = asyncio.Lock()
        self._resuming = asyncio.Semaphore(RESUMING_AT_ONCE)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Pass on what is applied, and give signs of life."""
        async with background(self._health, self._follow(), self._pulse.beat(), self._pulse.watch_drain()):
            yield
        self._pulse.close_all("draining")

    def open(self, stream: Stream) -> bool:
        """Whether there is a place for one more; it is the stream's until it leaves."""
        if not self.places.take(stream):
            return False
        metrics.LIVE_STREAMS.at().set(len(self.places.open))
        if self._health.draining:
            stream.close("draining")
        return True

    async def enter(self, stream: Stream, last: Offsets | None) -> None:
        """Bring a stream up to the position reached, then let it in. last: where the client was; None: it is new."""
        try:
            await self._applied.known.wait()
            if last is not None:
                await self._come_to(last)
            async with self._stepping:
                if not self.audience.streams:
                    self._reach(self._applied_now())
                begin = dict(self.at) if last is None else last  # before what is read: what comes meanwhile is told
            read = await self._postgres.fetch(tail.SQL_READ, [stream.reader_id])
            stream.put(messages.opened(messages.id_of(begin), read))
            await self._bring_in(stream, begin)
        except StoreAway:
            stream.close("store-away")

    async def _bring_in(self, stream: Stream, last: Offsets) -> None:
        for _ in range(ROUNDS_BESIDE):
            async with self._resuming:
                target = dict(self.at)
                edges = await self._tell_missed(stream, last, target)
            last = target
            async with self._stepping:
                if self._let_in(stream, edges, target):
                    return
        async with self._resuming, self._stepping:  # more comes than it can catch up with: the tail waits for it
            target = dict(self.at)
            self._let_in(stream, await self._tell_missed(stream, last, target), target)

    async def _come_to(self, last: Offsets) -> None:
        """A client may have heard of its position elsewhere, a moment before this process does."""
        positions = Positions({(ACTIVITY_PUBLISHED.name, partition): offset for partition, offset in last.items()})
        with suppress(BadPosition, NotYetApplied, TimeoutError):
            async with asyncio.timeout(AHEAD_S):
                await self._applied.wait_for(positions, AHEAD_S)
                while self.audience.streams and behind(self.at, last):
                    await self._stepped.wait()

    async def _tell_missed(self, stream: Stream, last: Offsets, target: Offsets) -> Edges:
        if stream.closed:
            return NOBODY
        found = await edges_of(self._postgres, [stream.reader_id])
        edges = found.get(stream.reader_id)
        if edges is None:
            stream.close("erased")
            return NOBODY
        missed = await missed_by(self._postgres, self.settings, stream.reader_id, edges, last, target)
        if missed.reset:
            stream.put(messages.reset(messages.id_of(target), missed.reset))
        elif missed.messages:
            stream.put(b"".join(missed.messages))
        return edges

    def _let_in(self, stream: Stream, edges: Edges, target: Offsets) -> bool:
        """Whether nothing more is to be done: it is in, or it has ended."""
        if stream.closed:
            return True
        if self.at != target:
            return False
        self.audience.join(stream, edges)
        self._applied.live = True
        return True

    def leave(self, stream: Stream) -> None:
        """It ended, whoever ended it."""
        self.places.free(stream)
        self.audience.leave(stream)
        self._applied.live = bool(self.audience.streams)
        metrics.LIVE_STREAMS.at().set(len(self.places.open))
        metrics.LIVE_ENDED.at(stream.closed).inc()

    async def _follow(self) -> None:
        while True:
            await self._applied.moved.wait()
            self._applied.moved.clear()
            try:
                while await self._step():
                    pass
            except StoreAway:
                await asyncio.sleep(AWAY_S)
                self._applied.moved.set()

    def _applied_now(self) -> Offsets:
        applied = self._applied.snapshot.applied
        return {place[1]: offset for place, offset in applied.items() if place[0] == ACTIVITY_PUBLISHED.name}

    def _reach(self, at: Offsets) -> None:
        """And wake who waits for it."""
        self.at = at
        self._stepped.set()
        self._stepped = asyncio.Event()

    async def _step(self) -> bool:
        """Pass on a stretch; whether there is more."""
        async with self._stepping:
            target = self._applied_now()
            if not self.audience.streams:
                self._reach(target)
                return False
            if behind(target, self.at):
                self._reach(target)  # the state is being rebuilt
                self._reset_all("rebuild")
                return False
            ranges = tail.ranges_between(self.at, target)
            if not ranges:
                return False
            most = self.settings.step_activities
            applied = await tail.between(self._postgres, ranges, most)
            reached = target
            if len(applied) == most:
                last = applied[-1]
                reached = {p: (upto if p < last.partition else self.at.get(p, -1)) for p, upto in target.items()}
                reached[last.partition] = last.offset
            await self._pass_on(applied, reached)
            return reached != target

    async def _pass_on(self, applied: list[tail.Applied], reached: Offsets) -> None:
        audience = self.audience
        wanted = [a.event_id for a in applied if a.verb in FEED_VERBS and a.actor_id in audience.readers_of]
        again = self._unseen.to_ask(applied)
        rows = await tail.items(self._postgres, [*wanted, *again])
        changed = {user for a in applied for user in changed_by(a) if user in audience.edges}
        edges = await edges_of(self._postgres, changed) if changed else {}
        read = {a.actor_id for a in applied if a.verb == "feed-read" and a.actor_id in audience.edges}
        positions = await self._postgres.fetch(tail.SQL_READ, list(read)) if read else []
        around = await removals.actors_around(self._postgres, applied)
        # From here on nothing waits: nobody comes or goes meanwhile.
        at = dict(self.at)
        partition = -1
        for one in applied:
            if one.partition != partition:
                at.update({p: offset for p, offset in reached.items() if p < one.partition})
                partition = one.partition
            at[one.partition] = one.offset
            self._one(one, at, rows.get(one.event_id), edges, positions)
            self._take_out(one, at, around)
        self._reach(dict(reached))
        for event_id in again:
            row = rows.get(event_id)
            if row is not None and row["seen"]:
                self._unseen.forget(event_id)
                self._show(row, self.at)

    def _one(
        self, one: tail.Applied, at: Offsets, row: Row | None, edges: Mapping[int, Edges], positions: list[Row]
    ) -> None:
        for user in changed_by(one):
            if user in edges and user in self.audience.edges:
                self.audience.change(user, edges[user])
                self._put(user, "reset", messages.reset(messages.id_of(at), one.verb))
        if one.verb == "feed-read":
            for position in positions:
                if position["reader_id"] == one.actor_id:
                    self._put(one.actor_id, "read", messages.read_through(messages.id_of(at), position))
        if row is not None:
            self._unseen.note(row)
            if row["seen"]:
                self._show(row, at)

    def _take_out(self, one: tail.Applied, at: Offsets, around: removals.Actors) -> None:
        said = removals.said_of(one)
        if said is None:
            return
        if one.verb == "user-erased" and one.object_id is not None:
            for stream in self.audience.streams_of(one.object_id):
                stream.close("erased")
        chunk = messages.removed(messages.id_of(at), said)
        for reader in removals.readers_of(one, around, self.audience.readers_of, self.audience.edges):
            self._put(reader, "removed", chunk)

    def _show(self, row: Row, at: Offsets) -> None:
        readers = [r for r in self.audience.readers_of.get(row["actor_id"], ()) if self.audience.edges[r].shows(row)]
        if not readers:
            return
        chunk = messages.message("activity", messages.id_of(at), messages.item(row))
        for reader in readers:
            self._put(reader, "activity", chunk)

    def _put(self, reader_id: int, event: str, chunk: bytes) -> None:
        for stream in self.audience.streams_of(reader_id):
            stream.put(chunk)
            metrics.LIVE_MESSAGES.at(event).inc()

    def _reset_all(self, reason: str) -> None:
        for stream in list(self.audience.streams):
            stream.put(messages.reset(messages.id_of(self.at), reason))
