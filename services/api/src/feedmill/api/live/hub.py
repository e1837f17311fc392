"""All streams of a process, and the one task that reads what was applied and passes it on.

A step takes what lies between the position reached and the one applied, in the order of partition and offset, so each
message's id is a position set that says exactly what was passed on before it, in whatever process a client asks next.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from feedmill.api.live import messages, removals
from feedmill.api.live.audience import Audience
from feedmill.api.live.edges import Edges, changed_by, edges_of
from feedmill.api.live.messages import Offsets
from feedmill.api.live.resume import Missed, missed_by
from feedmill.api.live.stream import Stream
from feedmill.api.live.unseen import Unseen
from feedmill.api.queries import tail
from feedmill.api.settings import LiveSettings
from feedmill.contracts.topics import ACTIVITY_PUBLISHED
from feedmill.contracts.verbs import FEED_VERBS
from feedmill.runtime import metrics
from feedmill.runtime.applied import Applied
from feedmill.runtime.auth import KeyNotValid, KeyRing
from feedmill.runtime.background import background
from feedmill.runtime.health import Health
from feedmill.runtime.postgres import Postgres, Row, StoreAway

AWAY_S: Final = 0.1
DRAIN_LOOK_S: Final = 0.1
BEATEN_AT_ONCE: Final = 200
RESUMING_AT_ONCE: Final = 2


class Live:
    """Keep `running()` open while it serves."""

    def __init__(
        self, postgres: Postgres, applied: Applied, keys: KeyRing, health: Health, settings: LiveSettings
    ) -> None:
        self._postgres = postgres
        self._applied = applied
        self._keys = keys
        self._health = health
        self.settings = settings
        self.audience = Audience()
        self.at: Offsets = {}
        self._unseen = Unseen()
        self._stepping = asyncio.Lock()
        self._resuming = asyncio.Semaphore(RESUMING_AT_ONCE)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Pass on what is applied, and give signs of life."""
        async with background(self._health, self._follow(), self._beat(), self._watch_drain()):
            yield
        self._close_all("draining")

    @property
    def draining(self) -> bool:
        return self._health.draining

    async def enter(self, stream: Stream, last: Offsets | None) -> None:
        """Bring a stream up to the position reached, then let it in. last: where the client was; None: it is new."""
        await self._applied.known.wait()
        async with self._stepping:
            if not self.audience.streams:
                self.at = self._applied_now()
        try:
            read = await self._postgres.fetch(tail.SQL_READ, [stream.reader_id])
        except StoreAway:
            stream.close("store-away")
            return
        stream.put(messages.opened(messages.id_of(self.at if last is None else last), read))
        while not stream.closed:
            target = dict(self.at)
            async with self._resuming:
                try:
                    edges = (await edges_of(self._postgres, [stream.reader_id]))[stream.reader_id]
                    missed = await missed_by(self._postgres, self.settings, stream.reader_id, edges, last, target)
                except StoreAway:
                    stream.close("store-away")
                    return
            self._tell(stream, missed, target)
            last = target
            async with self._stepping:
                if self.at == target and not stream.closed:
                    self.audience.join(stream, edges)
                    self._applied.live = True
                    metrics.LIVE_STREAMS.at().set(len(self.audience.streams))
                    return

    @staticmethod
    def _tell(stream: Stream, missed: Missed, target: Offsets) -> None:
        if missed.reset:
            stream.put(messages.reset(messages.id_of(target), missed.reset))
            return
        if missed.messages:
            stream.put(b"".join(missed.messages))

    def leave(self, stream: Stream) -> None:
        """It ended, whoever ended it."""
        self.audience.leave(stream)
        self._applied.live = bool(self.audience.streams)
        metrics.LIVE_STREAMS.at().set(len(self.audience.streams))
        metrics.LIVE_ENDED.at(stream.closed or "gone").inc()

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

    async def _step(self) -> bool:
        """Pass on a stretch; whether there is more."""
        async with self._stepping:
            target = self._applied_now()
            if not self.audience.streams:
                self.at = target
                return False
            if any(target.get(partition, -1) < offset for partition, offset in self.at.items()):
                self.at = target  # the state is being rebuilt
                self._reset_all("rebuild")
                return False
            ranges = [(p, self.at.get(p, -1), upto) for p, upto in sorted(target.items()) if upto > self.at.get(p, -1)]
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
        self.at = dict(reached)
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

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.settings.heartbeat_s)
            for number, stream in enumerate(list(self.audience.streams)):
                if number % BEATEN_AT_ONCE == 0:
                    await asyncio.sleep(0)
                await self._beat_one(stream)

    async def _beat_one(self, stream: Stream) -> None:
        try:
            await self._keys.authenticate(stream.headers)
        except KeyNotValid:
            stream.close("key")
        except StoreAway:
            pass  # a key that was good stays good while nobody can be asked
        if monotonic() - stream.since_s > self.settings.age_max_s:
            stream.close("age")
        if stream in self.audience.streams:
            stream.put(messages.heartbeat(messages.id_of(self.at)))

    async def _watch_drain(self) -> None:
        while not self._health.draining:  # noqa: ASYNC110 (told by a signal handler)
            await asyncio.sleep(DRAIN_LOOK_S)
        self._close_all("draining")
        await asyncio.Event().wait()

    def _close_all(self, reason: str) -> None:
        for stream in list(self.audience.streams):
            stream.close(reason)
