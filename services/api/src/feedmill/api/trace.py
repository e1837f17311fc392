"""One event's way, put together from Postgres, ClickHouse and the log."""

import asyncio
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from feedmill.api import times
from feedmill.api.parts import Parts
from feedmill.api.queries.event import event
from feedmill.api.wire import Hop, ObjectRef, Trace
from feedmill.contracts.topics import ACTIVITY_ENRICHED, ACTIVITY_PUBLISHED
from feedmill.contracts.verbs import VERBS
from feedmill.runtime.outcome import Transient
from feedmill.runtime.postgres import Row

ORDER: Final = ("accepted", "enriched", "postgres", "clickhouse")


async def trace_of(parts: Parts, event_id: UUID) -> Trace:
    """Applied: what the stores say. Else what the log says. Raises StoreAway for Postgres; ClickHouse may be away."""
    row = await event(parts.postgres, event_id)
    if row is not None:
        trace = _applied(event_id, row)
        verb, actor_id = row["verb"], row["actor_id"]
    elif bare := await _bare(parts, event_id):
        return bare
    else:
        trace = await _searched(parts, event_id)
        verb, actor_id = None, None
    return await _with_fact(parts, trace, verb, actor_id)


def _applied(event_id: UUID, row: Row) -> Trace:
    raw, enriched = ACTIVITY_PUBLISHED.name, ACTIVITY_ENRICHED.name
    partition, source, derived = row["source_partition"], row["source_offset"], row["enriched_offset"]
    hops = [
        Hop("accepted", times.shown(row["accepted_at"]), raw, partition, source),
        Hop("enriched", times.shown(row["enriched_at"]), enriched, partition, derived),
        Hop("postgres", times.shown(row["applied_at"]), enriched, partition, derived),
    ]
    thing = None if row["object_id"] is None else ObjectRef(row["object_type"], row["object_id"])
    return Trace(event_id, VERBS[row["verb"]].type, "applied", None, thing, hops)


async def _bare(parts: Parts, event_id: UUID) -> Trace | None:
    """None also where ClickHouse cannot be asked: the log still knows."""
    try:
        async with asyncio.timeout(parts.settings.trace.clickhouse_s):
            return await parts.warehouse.bare(event_id)
    except (Transient, TimeoutError):
        return None


async def _searched(parts: Parts, event_id: UUID) -> Trace:
    try:
        return await parts.log.find(event_id)
    except Transient:
        return Trace(event_id, None, "unknown", None, None, [], ["kafka"])


async def _with_fact(parts: Parts, trace: Trace, verb: str | None, actor_id: int | None) -> Trace:
    try:
        async with asyncio.timeout(parts.settings.trace.clickhouse_s):
            hop = await parts.warehouse.hop(trace.event_id, verb=verb, actor_id=actor_id)
    except (Transient, TimeoutError):
        return replace(trace, unavailable=[*trace.unavailable, "clickhouse"])
    if hop is None:
        return trace
    hops = sorted([*trace.hops, hop], key=lambda each: ORDER.index(each.hop))
    return replace(trace, hops=hops, status="pending" if trace.status == "unknown" else trace.status)
