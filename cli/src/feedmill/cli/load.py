"""A made-up town through the doors, watched until every accepted event is at both ends."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import httpx2

from feedmill.cli.arrivals import ClickHouseEnd, PostgresEnd, Watch
from feedmill.cli.latency import FEED_POLL_S, WAREHOUSE_POLL_S, Latency, Probes, Visibility, in_feed_of, in_warehouse
from feedmill.cli.local.services import Connections
from feedmill.cli.sender import Sender, client_of
from feedmill.cli.town import Draft, Ids, NewUser, Plan
from feedmill.runtime.deadline import Deadline

BATCH: Final = 500
"""Events, or people, in a request."""
BATCHES_AT_ONCE: Final = 4
PROBES_AT_ONCE: Final = 32
PROBE_AUTHOR: Final = NewUser("probe.author", "Probe Author", "probe.author@example.org", "")
PROBE_READER: Final = NewUser("probe.reader", "Probe Reader", "probe.reader@example.org", "")

NOTHING_MEASURED: Final = Latency.of(())

Moved = Callable[[str, int], None]
"""Told what moved on (`people`, `accepted`, `Postgres`, `ClickHouse`) and by how many."""


@dataclass(frozen=True, slots=True)
class Target:
    """A running platform."""

    origin: str
    key: str
    connections: Connections


@dataclass(slots=True)
class Report:
    """What a load came to. `missing`: end -> accepted events that it had not shown when time ran out."""

    people: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    accepted_in_s: float = 0.0
    all_seen_in_s: float = 0.0
    to_feed: Latency = NOTHING_MEASURED
    to_warehouse: Latency = NOTHING_MEASURED
    missing: dict[str, list[str]] = field(default_factory=dict)
    ids: Ids = field(default_factory=Ids)

    @property
    def events(self) -> int:
        return self.accepted.total()

    @property
    def complete(self) -> bool:
        return not any(self.missing.values())

    @property
    def accepted_per_s(self) -> float:
        return self.events / self.accepted_in_s

    @property
    def seen_per_s(self) -> float:
        """Through the whole pipe: accepted and seen at both ends."""
        return self.events / self.all_seen_in_s

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "people": self.people,
            "events": self.events,
            "by_verb": dict(self.accepted),
            "accepted_per_s": round(self.accepted_per_s, 1),
            "seen_at_both_ends_per_s": round(self.seen_per_s, 1),
            "post_to_feed": asdict(self.to_feed),
            "post_to_warehouse": asdict(self.to_warehouse),
            "missing": self.missing,
        }


class Load:
    """One town into one platform. What it opens, `opened` closes."""

    def __init__(self, plan: Plan, client: httpx2.AsyncClient, ends: tuple[PostgresEnd, ClickHouseEnd], moved: Moved):
        self._plan = plan
        self._client = client
        self._postgres, self._clickhouse = ends
        self._moved = moved
        self._report = Report()

    async def run(self, deadline: Deadline, probe_end: ClickHouseEnd) -> Report:
        """Raises NotTaken when the door refuses or time runs out before everything is accepted."""
        sender = Sender(self._client, deadline, BATCHES_AT_ONCE)
        people = [*self._plan.people(), PROBE_AUTHOR, PROBE_READER]
        *self._report.ids.people, author, reader = await self._people(sender, people)
        self._report.people = len(self._report.ids.people)
        await sender.events([follow_of_probes(author, reader)], stored=True)
        feed = Visibility(in_feed_of(self._client, reader), FEED_POLL_S)
        warehouse = Visibility(in_warehouse(probe_end, author), WAREHOUSE_POLL_S)
        probes = Probes(Sender(self._client, deadline, PROBES_AT_ONCE), author, (feed, warehouse))
        async with AsyncExitStack() as stack:
            group = await stack.enter_async_context(asyncio.TaskGroup())
            enough = asyncio.Event()
            group.create_task(probes.run(enough, deadline))
            await self._events(sender, deadline)
            enough.set()
        self._report.to_feed = Latency.of(feed.samples_s)
        self._report.to_warehouse = Latency.of(warehouse.samples_s)
        return self._report

    async def _people(self, sender: Sender, people: Sequence[NewUser]) -> list[int]:
        """Their ids; those who are there already keep theirs."""
        known = await asyncio.to_thread(self._postgres.ids_of, [user.handle for user in people])
        missing = [user for user in people if user.handle not in known]
        self._moved("people", len(known))
        for chunk in batches(missing):
            ids = await sender.users([body_of(user) for user in chunk])
            known.update(zip((user.handle for user in chunk), ids, strict=True))
            self._moved("people", len(chunk))
        return [known[user.handle] for user in people]

    async def _events(self, sender: Sender, deadline: Deadline) -> None:
        """Sends everything while both ends are watched, and waits until both have it."""
        watches = [
            Watch(end, lambda count, name=end.name: self._moved(name, count))  # type: ignore[misc]
            for end in (self._postgres, self._clickhouse)
        ]
        complete = asyncio.Event()
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for watch in watches:
                group.create_task(watch.run(complete, deadline))
            await self._send_all(sender, watches)
            self._report.accepted_in_s = time.monotonic() - began_s
            complete.set()
        self._report.all_seen_in_s = time.monotonic() - began_s
        self._report.missing = {watch.end.name: list(watch.waiting) for watch in watches}

    async def _send_all(self, sender: Sender, watches: Sequence[Watch]) -> None:
        """Round by round: creations are waited for, as reactions need their ids; reactions overlap the next round."""
        rounds = self._plan.rounds()
        async with asyncio.TaskGroup() as group:
            reactions: list[asyncio.Task[None]] = []
            while (part := await asyncio.to_thread(next, rounds, None)) is not None:
                async with asyncio.TaskGroup() as creations:
                    for chunk in batches(part.creations):
                        creations.create_task(self._send(sender, chunk, watches, stored=True))
                for earlier in reactions:
                    await earlier
                reactions = [
                    group.create_task(self._send(sender, chunk, watches, stored=False))
                    for chunk in batches(part.reactions)
                ]

    async def _send(self, sender: Sender, drafts: Sequence[Draft], watches: Sequence[Watch], *, stored: bool) -> None:
        events = [self._plan.event(draft, self._report.ids) for draft in drafts]
        accepted = await sender.events(events, stored=stored)
        for draft, taken in zip(drafts, accepted, strict=True):
            self._report.accepted[draft.verb] += 1
            if stored and taken.object is not None:
                self._report.ids.creations[draft.about] = taken.object
        for watch in watches:
            watch.add(accepted)
        self._moved("accepted", len(accepted))


def batches(things: Sequence[Any]) -> list[Any]:
    return [things[start : start + BATCH] for start in range(0, len(things), BATCH)]


def body_of(user: NewUser) -> dict[str, str]:
    """As `POST /v1/users` takes it."""
    college = {"college": user.college} if user.college else {}
    return {"handle": user.handle, "name": user.name, "email": user.email, **college}


def follow_of_probes(author: int, reader: int) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "reader-follows-author",
        "source": "feedmill-probe",
        "type": "feedmill.follow.v1",
        "data": {"actor_id": reader, "object": {"type": "user", "id": author}},
    }


async def load_town(target: Target, plan: Plan, moved: Moved, timeout_s: float) -> Report:
    """Raises NotTaken; what arrived too late is in the report's `missing`."""
    async with opened(target) as (client, postgres, clickhouse, probe_end):
        return await Load(plan, client, (postgres, clickhouse), moved).run(Deadline(timeout_s), probe_end)


@asynccontextmanager
async def opened(
    target: Target,
) -> AsyncIterator[tuple[httpx2.AsyncClient, PostgresEnd, ClickHouseEnd, ClickHouseEnd]]:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_of(target.origin, target.key, PROBES_AT_ONCE * 2))
        postgres = stack.enter_context(closing(PostgresEnd(target.connections.postgres)))
        clickhouse = stack.enter_context(closing(ClickHouseEnd(target.connections.clickhouse)))
        probe_end = stack.enter_context(closing(ClickHouseEnd(target.connections.clickhouse)))
        yield client, postgres, clickhouse, probe_end
