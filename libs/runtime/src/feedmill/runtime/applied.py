"""How far a store has come, for everybody in the process who wants to know.

The Postgres sink tells its positions behind each commit, and who listens (a connection of its own) need not ask. All
the same one task reads `sink_position`, a handful of rows, for all waiting requests together: every 100 ms while it
hears notices; else, of Postgres, every 2.5 ms while somebody waits and every 50 ms while nobody does. Another asks the
log for the ends of the raw topics, ten times a second: from both follows `Feedmill-Complete-Through`. ClickHouse is
asked less often: it takes in what it gets twice a second.
"""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from types import MappingProxyType
from typing import Any, Final, Protocol

from feedmill.contracts.times import format_time
from feedmill.contracts.topics import RAW, RAW_OF, Topic
from feedmill.runtime import logs, metrics
from feedmill.runtime.background import background
from feedmill.runtime.health import Health
from feedmill.runtime.outcome import TopicPartition, Transient
from feedmill.runtime.position import CHANNEL, HEADER, BadPosition, Place, Positions
from feedmill.runtime.postgres import StoreAway

LISTEN_AGAIN_S: Final = 1.0
LONG_S: Final = 0.5
POLL_LIVE_S: Final = 0.010  # while streams are open: what is applied is passed on within this time
POLL_TIMEOUT_S: Final = 2.0  # a frozen store is known to be away after this time; one half a second away is not
PROBE_TIMEOUT_S: Final = 2.0
LOG_SLOW_S: Final = 3.0  # without an answer for so long the log is away: a read does not need it, so no hurry
MAX_PROBES: Final = 512
NEVER: Final = "1970-01-01T00:00:00.000000Z"

log = logs.get("feedmill.applied")

SQL: Final = "SELECT topic, partition, source_offset FROM sink_position"
PAST_THE_END: Final = f"{HEADER} is past the end of the log"


class PositionStore(Protocol):
    """feedmill.runtime.postgres.Postgres or feedmill.runtime.clickhouse.ClickHouse."""

    @property
    def up(self) -> bool: ...

    async def poll(self, sql: str, *, silent_s: float) -> Sequence[Any]: ...


class Notices(Protocol):
    """feedmill.runtime.postgres.Postgres."""

    def hearing(self, channel: str, told: Callable[[str], None]) -> AbstractAsyncContextManager[asyncio.Event]: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a store is asked for its positions, and the log for its ends."""

    heard_s: float = 0.1  # while the sink's notices are heard: only what was told to nobody is found late
    waiting_s: float = 0.0025
    long_waiting_s: float = 0.010  # once the newest has waited for LONG_S: something is slow, do not add to it
    idle_s: float = 0.050
    probe_s: float = 0.1


POSTGRES_PACE: Final = Pace()
WAREHOUSE_PACE: Final = Pace(waiting_s=0.025, long_waiting_s=0.1, idle_s=1.0, probe_s=0.5)
WAREHOUSE_SQL: Final = """SELECT topic, partition, max(source_offset) AS source_offset
  FROM sink_position GROUP BY topic, partition"""


class Ends(Protocol):
    """The log's ends; feedmill.runtime.kafka.Admin is one. Called in a thread, may raise Transient."""

    def ends(self, partitions: Sequence[TopicPartition], timeout_s: float = 5) -> Mapping[TopicPartition, int]: ...


class NotYetApplied(Exception):
    """The positions were not applied in time."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one reading of `sink_position` found. Take it before the rows it vouches for are read.

    applied: the highest raw offset applied at each place; complete_through: RFC 3339, see interfaces.md.
    """

    applied: Mapping[Place, int]
    complete_through: str


@dataclass(frozen=True, slots=True)
class _Probe:
    began_at: datetime
    ends: Mapping[TopicPartition, int]

    def reached_by(self, applied: Mapping[Place, int]) -> bool:
        return all(applied.get(place, -1) >= end - 1 for place, end in self.ends.items())


@dataclass(slots=True, eq=False)
class _Waiter:
    positions: Positions
    done: asyncio.Future[None]
    since_s: float
    doubted: bool
    """Whether they may be past the log's end: its end, asked since, will tell."""


class Applied:
    """Positions of the raw topics behind these enriched ones, as far as a store has them."""

    def __init__(
        self,
        store: PositionStore,
        log_ends: Ends,
        health: Health,
        *,
        enriched: Iterable[Topic],
        sql: str = SQL,
        pace: Pace = POSTGRES_PACE,
        notices: Notices | None = None,
    ) -> None:
        self._store = store
        self._notices = notices
        self._hears = False
        self._heard: dict[Place, int] = {}
        """Since the store was last asked, whose answer may be older."""
        self._sql = sql
        self._pace = pace
        self._log_ends = log_ends
        self._health = health
        self._raw_names = {topic.name: RAW_OF[topic.name].name for topic in enriched}
        raw = [RAW_OF[name] for name in self._raw_names]
        self._partitions = [TopicPartition(topic.name, p) for topic in raw for p in range(topic.partitions)]
        self._thread = ThreadPoolExecutor(1, "log-ends")
        self._waiters: list[_Waiter] = []
        self._somebody_waits = asyncio.Event()
        self._probes: list[_Probe] = []  # oldest first; the first may be the one that stands now
        self.snapshot = Snapshot(MappingProxyType({}), NEVER)
        self.moved = asyncio.Event()
        """Set whenever the positions changed; whoever waits for it clears it."""
        self.known = asyncio.Event()
        """Set once the positions were read."""
        self.live = False
        """Whether somebody passes on what is applied as it comes."""

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Keep both tasks running."""
        self._health.report("kafka", up=False, detail="not asked yet")
        hearing = () if self._notices is None else (self._keep_hearing(self._notices),)
        async with background(self._health, self._keep_polling(), self._keep_probing(), *hearing):
            yield
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def wait_for(self, positions: Positions, timeout_s: float, *, acknowledged: bool = False) -> None:
        """Return once all that the store keeps of `positions` is applied.

        Raises BadPosition for one past the log's end (asked afresh) or of no raw topic, NotYetApplied when it takes
        longer than `timeout_s`, StoreAway when the store is or goes away. `acknowledged`: the log itself told us these
        positions, so its end need not be asked. Nobody waits for that question: what is applied meanwhile needs none.
        """
        missing = self.heeded(positions).missing_from(self.snapshot.applied)
        if not missing:
            return
        if not self._store.up:
            raise StoreAway("the store is away")
        began_s = monotonic()
        doubted = not acknowledged and self._past(missing, self._probes[-1].ends if self._probes else {})
        waiter = _Waiter(missing, asyncio.get_running_loop().create_future(), began_s, doubted)
        self._waiters.append(waiter)
        self._somebody_waits.set()
        outcome = "not-yet-applied"
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await waiter.done
            outcome = "applied"
        except TimeoutError:
            if waiter.doubted:
                await self._refuse_past_the_end(missing)
            raise NotYetApplied from None
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            metrics.POSITION_WAIT.at(outcome).observe(monotonic() - began_s)

    async def wait_through(self, moment: datetime, timeout_s: float) -> None:
        """Return once all that the log had accepted by then is applied: `Feedmill-Complete-Through` has passed it.

        Raises NotYetApplied when it takes longer than `timeout_s`, StoreAway when the store is or goes away.
        """
        wanted, ends_s = format_time(moment), monotonic() + timeout_s
        while self.snapshot.complete_through <= wanted:
            if not self._store.up:
                raise StoreAway("the store is away")
            if monotonic() >= ends_s:
                raise NotYetApplied
            await asyncio.sleep(min(self._pace.probe_s / 4, max(0.0, ends_s - monotonic())))

    def heeded(self, positions: Positions) -> Positions:
        """Those the store keeps. Raises BadPosition for one of no raw topic."""
        raw_partitions = {topic.name: topic.partitions for topic in RAW}
        for topic, partition, _ in positions:
            if partition >= raw_partitions.get(topic, 0):
                raise BadPosition(f"{HEADER} names a topic or partition that no write answers with")
        return positions.only(self._raw_names.values())

    async def _refuse_past_the_end(self, missing: Positions) -> None:
        try:
            probe = await self._probe()
        except Transient:
            return  # it cannot be judged now
        if self._past(missing, probe.ends):
            raise BadPosition(PAST_THE_END)

    @staticmethod
    def _past(positions: Positions, ends: Mapping[TopicPartition, int]) -> bool:
        return any(offset >= ends.get(TopicPartition(*place), 0) for place, offset in positions.offsets.items())

    async def _keep_polling(self) -> None:
        while True:
            self._heard = {}
            try:
                rows = await self._store.poll(self._sql, silent_s=POLL_TIMEOUT_S)
            except StoreAway as error:
                self._fail_waiters(error)
                await asyncio.sleep(self._pace.idle_s)
                continue
            found = {
                (self._raw_names[row["topic"]], row["partition"]): row["source_offset"]
                for row in rows
                if row["topic"] in self._raw_names
            }
            self._answered(found)
            await self._pause()

    def _answered(self, found: Mapping[Place, int]) -> None:
        self._take(_higher(found, self._heard))

    async def _pause(self) -> None:
        if self._hears:
            await asyncio.sleep(self._pace.heard_s)
            return
        if self._waiters:
            waited_s = monotonic() - self._waiters[-1].since_s
            await asyncio.sleep(self._pace.waiting_s if waited_s < LONG_S else self._pace.long_waiting_s)
            return
        self._somebody_waits.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(self._pace.idle_s, POLL_LIVE_S) if self.live else self._pace.idle_s):
                await self._somebody_waits.wait()

    async def _keep_hearing(self, notices: Notices) -> None:
        while True:
            with suppress(StoreAway):
                async with notices.hearing(CHANNEL, self._hear) as lost:
                    self._hears = True
                    metrics.NOTICES_HEARD.at().set(1)
                    await lost.wait()
            self._hears = False
            metrics.NOTICES_HEARD.at().set(0)
            await asyncio.sleep(LISTEN_AGAIN_S)

    def _hear(self, told: str) -> None:
        try:
            positions = Positions.parse([told])
        except BadPosition:
            log.warning("notice_not_understood", channel=CHANNEL)
            return
        news = {(self._raw_names[t], p): offset for t, p, offset in positions if t in self._raw_names}
        self._heard = _higher(self._heard, news)
        if self.known.is_set():
            self._take(_higher(self.snapshot.applied, news))

    def _take(self, applied: Mapping[Place, int]) -> None:
        if applied != self.snapshot.applied:
            self.moved.set()
        self.snapshot = Snapshot(MappingProxyType(applied), self._complete_through(applied))
        self.known.set()
        waiting = []
        for waiter in self._waiters:
            if waiter.positions.missing_from(applied):
                waiting.append(waiter)
            elif not waiter.done.done():
                waiter.done.set_result(None)
        self._waiters = waiting

    def _fail_waiters(self, error: StoreAway) -> None:
        for waiter in self._waiters:
            if not waiter.done.done():
                waiter.done.set_exception(error)
        self._waiters = []

    def _complete_through(self, applied: Mapping[Place, int]) -> str:
        """When the latest probe began whose ends are all applied; positions may also go back (a rebuild)."""
        reached = bisect_left(self._probes, True, key=lambda probe: not probe.reached_by(applied))
        if not reached:
            return NEVER
        del self._probes[: reached - 1]
        return self._probes[0].began_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    async def _keep_probing(self) -> None:
        answered_at_s = float("-inf")
        while True:
            try:
                await self._probe()
            except Transient as error:
                if monotonic() - answered_at_s > LOG_SLOW_S:
                    self._health.report("kafka", up=False, detail=type(error).__name__)
            else:
                answered_at_s = monotonic()
                self._health.report("kafka", up=True)
            await asyncio.sleep(self._pace.probe_s)

    def _judge(self, asked_at_s: float, probe: _Probe) -> None:
        """Of those who waited before the log was asked: is there such a record at all?"""
        for waiter in self._waiters:
            if not waiter.doubted or waiter.since_s > asked_at_s:
                continue
            waiter.doubted = False
            if self._past(waiter.positions, probe.ends) and not waiter.done.done():
                waiter.done.set_exception(BadPosition(PAST_THE_END))

    async def _probe(self) -> _Probe:
        """Ask the log for its ends and remember them with the time before the question."""
        began_at, asked_at_s = datetime.now(UTC), monotonic()
        ask = partial(self._log_ends.ends, self._partitions, PROBE_TIMEOUT_S)
        probe = _Probe(began_at, await asyncio.get_running_loop().run_in_executor(self._thread, ask))
        self._judge(asked_at_s, probe)
        self._probes.append(probe)
        self._probes.sort(key=lambda each: each.began_at)
        if len(self._probes) > MAX_PROBES:
            self._probes[1:-1] = self._probes[1:-1:2]  # far behind: every second one will do
        return probe


def _higher(one: Mapping[Place, int], other: Mapping[Place, int]) -> dict[Place, int]:
    """At each place the higher offset."""
    merged = dict(one)
    for place, offset in other.items():
        if merged.get(place, -1) < offset:
            merged[place] = offset
    return merged
