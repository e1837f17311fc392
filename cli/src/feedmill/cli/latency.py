"""How long until others see it: probes posted at fixed times, whatever happened to those before (open loop)."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from feedmill.cli.arrivals import ClickHouseEnd
from feedmill.cli.sender import Sender
from feedmill.runtime.deadline import Deadline

PROBES_PER_S: Final = 20
FEED_POLL_S: Final = 0.01
WAREHOUSE_POLL_S: Final = 0.05
"""Looks at a store, so a figure's resolution."""
SOURCE: Final = "feedmill-probe"
PAGE: Final = 100

Look = Callable[[Sequence[str]], Awaitable[set[str]]]
"""Which of these events are visible now."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Of `count` samples, in milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, samples_s: Sequence[float]) -> Latency:
        return cls(len(samples_s), percentile(samples_s, 50) * 1e3, percentile(samples_s, 99) * 1e3)


def percentile(samples: Sequence[float], rank: float) -> float:
    """Nearest rank: the smallest sample that at least `rank` percent do not exceed; NaN of nothing."""
    if not samples:
        return math.nan
    return sorted(samples)[max(0, math.ceil(len(samples) * rank / 100) - 1)]


@dataclass(slots=True)
class Visibility:
    """One place where probes become visible; a probe counts from when it was due, not from when it was sent."""

    look: Look
    poll_s: float
    waiting: dict[str, float] = field(default_factory=dict)
    samples_s: list[float] = field(default_factory=list)

    async def run(self, complete: asyncio.Event, deadline: Deadline) -> None:
        """Until `complete` and all are seen. What is not seen by the deadline stays in `waiting`."""
        while not deadline.passed and not (complete.is_set() and not self.waiting):
            if self.waiting:
                seen = await self.look(list(self.waiting))
                now_s = time.monotonic()
                self.samples_s += [now_s - self.waiting.pop(event_id) for event_id in seen]
            await asyncio.sleep(self.poll_s)


@dataclass(frozen=True, slots=True)
class Probes:
    """`author` posts, `sender` carries; every place in `places` is watched."""

    sender: Sender
    author: int
    places: Sequence[Visibility]
    per_s: float = PROBES_PER_S

    async def run(self, enough: asyncio.Event, deadline: Deadline) -> None:
        """Until `enough` is set and every probe was seen everywhere."""
        complete = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for place in self.places:
                tasks.create_task(place.run(complete, deadline))
            tasks.create_task(self._send(enough, complete, deadline))

    async def _send(self, enough: asyncio.Event, complete: asyncio.Event, deadline: Deadline) -> None:
        try:
            async with asyncio.TaskGroup() as sent:
                due_s = time.monotonic()
                while not (enough.is_set() or deadline.passed):
                    sent.create_task(self._one(due_s))
                    due_s += 1 / self.per_s
                    await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        finally:
            complete.set()

    async def _one(self, due_s: float) -> None:
        (accepted,) = await self.sender.events([probe(self.author)])
        for place in self.places:
            place.waiting[accepted.event_id] = due_s


def probe(author: int) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": SOURCE,
        "type": "feedmill.post.v1",
        "data": {"actor_id": author, "object": {"type": "post", "content": "Is this on?"}},
    }


def in_feed_of(client: httpx2.AsyncClient, reader: int) -> Look:
    """The reader's home feed, as any client gets it: as many pages as could hold what is looked for."""

    async def look(ids: Sequence[str]) -> set[str]:
        found: set[str] = set()
        path = f"/v1/users/{reader}/feed?limit={PAGE}"
        for _ in range(2 + len(ids) // PAGE):
            answer = await client.get(path)
            if not answer.is_success:
                return found
            page = answer.json()
            found |= {item["activity_id"] for item in page["items"]} & set(ids)
            if len(found) == len(ids) or not page["next"]:
                return found
            path = f"/v1/users/{reader}/feed?limit={PAGE}&cursor={page['next']}"
        return found

    return look


def in_warehouse(end: ClickHouseEnd, author: int) -> Look:
    async def look(ids: Sequence[str]) -> set[str]:
        return await asyncio.to_thread(end.posts_seen, author, ids)

    return look
