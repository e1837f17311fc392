"""Everything the routes share, wired once."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from typing import Final, Protocol, cast

from fastapi import Request

from feedmill.contracts.topics import ACTIVITY_ENRICHED, ENRICHED
from feedmill.ingest.door import Door, Waiting
from feedmill.ingest.facts import ClickHouseFacts
from feedmill.ingest.judge import Judge
from feedmill.ingest.memory import Recent
from feedmill.ingest.object_ids import ObjectIds, PostgresBlocks
from feedmill.ingest.rate import Rate
from feedmill.ingest.reservations import Claim, Granted, Reservations, Taken
from feedmill.ingest.sending import Sender
from feedmill.ingest.settings import IngestSettings
from feedmill.ingest.world import PostgresWorld, World
from feedmill.runtime import metrics
from feedmill.runtime.applied import WAREHOUSE_PACE, WAREHOUSE_SQL, Applied
from feedmill.runtime.auth import KeyRing, Principal
from feedmill.runtime.background import background
from feedmill.runtime.clickhouse import ClickHouse
from feedmill.runtime.health import Health
from feedmill.runtime.kafka import Admin, AsyncProducer
from feedmill.runtime.postgres import Postgres


class Keys(Protocol):
    """feedmill.runtime.auth.KeyRing."""

    async def authenticate(self, headers: Mapping[str, str]) -> Principal: ...
    def end(self, user_id: int) -> None: ...


class Names(Protocol):
    """feedmill.ingest.reservations.Reservations."""

    async def reserve(self, claims: Sequence[Claim], handles: Sequence[str]) -> list[Granted | Taken]: ...


BARE_ENRICHED: Final = tuple(topic for topic in ENRICHED if topic is not ACTIVITY_ENRICHED)
"""What ClickHouse alone keeps."""
WATCH_INTERVAL_S: Final = 0.2
ANSWERING_S: Final = 2.0
"""Left of the drain to answer those whose records are given up."""


@dataclass(frozen=True, slots=True)
class House:
    """No field connects anywhere by itself: tests fill them with fakes."""

    settings: IngestSettings
    keys: Keys
    rate: Rate
    door: Door
    world: World
    applied: Waiting
    object_ids: ObjectIds
    reservations: Names
    requests: Recent[tuple[str, str, str], int]
    """Owner, path and Idempotency-Key -> hash of the body: a repeat with another body is told so."""


def house_of(request: Request) -> House:
    return cast(House, request.app.state.house)


async def _watch(producer: AsyncProducer, health: Health, settings: IngestSettings) -> None:
    """A client beyond repair ends the process. A drain that the log holds up ends with an answer for everyone."""
    while not health.draining:
        producer.check()
        await asyncio.sleep(WATCH_INTERVAL_S)
    await asyncio.sleep(max(0.0, settings.drain_delay_s + settings.drain_timeout_s - ANSWERING_S))
    producer.purge()
    await asyncio.Event().wait()


@asynccontextmanager
async def _facts(settings: IngestSettings, health: Health) -> AsyncIterator[ClickHouseFacts | None]:
    """Only `Prefer: wait` asks ClickHouse: the door is ready without it."""
    if settings.clickhouse is None:
        yield None
        return
    with closing(ClickHouse(settings.clickhouse, application="feedmill-ingest", threads=2)) as clickhouse:
        applied = Applied(
            clickhouse, Admin(settings.kafka), health, enriched=BARE_ENRICHED, sql=WAREHOUSE_SQL, pace=WAREHOUSE_PACE
        )
        async with applied.watching():
            yield ClickHouseFacts(clickhouse, applied)


@asynccontextmanager
async def opened(settings: IngestSettings, health: Health) -> AsyncIterator[House]:
    """Connects; closed in reverse, the producer before the stores, after it has answered everyone."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(Postgres(settings.postgres, health, application="feedmill-ingest"))
        keys = KeyRing(postgres)
        await stack.enter_async_context(keys.refreshing())
        applied = Applied(postgres, Admin(settings.kafka), health, enriched=[ACTIVITY_ENRICHED], notices=postgres)
        await stack.enter_async_context(applied.watching())
        facts = await stack.enter_async_context(_facts(settings, health))
        object_ids = ObjectIds(PostgresBlocks(postgres), settings.ids)
        await stack.enter_async_context(background(health, object_ids.keep_refilling()))
        producer = AsyncProducer(settings.kafka, settings.producer)
        stack.push_async_callback(producer.close, settings.flush_timeout_s)
        metrics.QUEUED_RECORDS.at().set_function(lambda: producer.queued_records)
        await stack.enter_async_context(background(health, _watch(producer, health, settings)))
        world = PostgresWorld(postgres)
        yield House(
            settings=settings,
            keys=keys,
            rate=Rate(settings.rate),
            door=Door(
                judge=Judge(world, object_ids, Recent(settings.memory.objects)),
                sender=Sender(producer),
                seen=Recent(settings.memory.events),
                world=world,
                waiting=applied,
                facts=facts,
            ),
            world=world,
            applied=applied,
            object_ids=object_ids,
            reservations=Reservations(postgres, settings.reservation_lease_s),
            requests=Recent(settings.memory.requests),
        )
