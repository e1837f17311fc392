"""A trace puts Postgres, ClickHouse and the log together, and says what it could not ask."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from feedmill.api.warehouse import FactSearch
from feedmill.api.wire import Hop, Trace
from feedmill.cli import migrate
from feedmill.cli.migrate import clickhouse_client
from feedmill.contracts.times import short_time
from feedmill.contracts.topics import ACTIVITY_ENRICHED, ACTIVITY_PUBLISHED
from feedmill.runtime.clickhouse import ClickHouse
from feedmill.runtime.outcome import Transient
from feedmill.runtime.settings import ClickHouseSettings
from feedmill.testkit.reader import NoWarehouse, Reader, a_reader
from feedmill.testkit.running import RunningClickHouse
from feedmill.testkit.state import Seed

pytestmark = pytest.mark.integration
RAW, ENRICHED = ACTIVITY_PUBLISHED.name, ACTIVITY_ENRICHED.name

COLUMNS = [
    *("event_id", "verb", "actor_id", "object_type", "object_id"),
    *("occurred_at", "accepted_at", "source_partition", "source_offset", "version"),
]


class Away:
    """A warehouse that cannot be asked."""

    async def hop(self, event_id: uuid.UUID, *, verb: str | None, actor_id: int | None) -> Hop | None:
        raise Transient("away")

    async def bare(self, event_id: uuid.UUID) -> Trace | None:
        raise Transient("away")


class OneFact:
    """A warehouse that has any fact it is asked for."""

    async def hop(self, event_id: uuid.UUID, *, verb: str | None, actor_id: int | None) -> Hop | None:
        return Hop("clickhouse", short_time(datetime.now(UTC)), RAW, 0, 5)

    async def bare(self, event_id: uuid.UUID) -> Trace | None:
        return None


@pytest.fixture
def ivan(seed: Seed) -> Seed:
    seed.user("ivan", key="abc123")
    return seed


def test_an_applied_event_shows_every_hop_in_order(ivan: Seed, state: str) -> None:
    event_id = ivan.activity("like", 1, "photo", 21)
    with a_reader(state, warehouse=OneFact()) as reader:
        body = reader.get(f"/v1/events/{event_id}").json()
    assert (body["status"], body["type"], body["reason"]) == ("applied", "feedmill.like.v1", None)
    assert body["object"] == {"type": "photo", "id": 21}
    assert body["event_id"] == str(event_id)
    assert [(hop["hop"], hop["topic"], hop["partition"]) for hop in body["hops"]] == [
        ("accepted", RAW, 0),
        ("enriched", ENRICHED, 0),
        ("postgres", ENRICHED, 0),
        ("clickhouse", RAW, 0),
    ]
    assert all(hop["at"] for hop in body["hops"])
    assert body["unavailable"] == []


def test_a_warehouse_away_is_said_and_spoils_nothing(ivan: Seed, state: str) -> None:
    event_id = ivan.activity("follow", 1, "user", 2)
    with a_reader(state, warehouse=Away()) as reader:
        body = reader.get(f"/v1/events/{event_id}").json()
    assert (body["status"], len(body["hops"]), body["unavailable"]) == ("applied", 3, ["clickhouse"])


def test_an_event_only_in_the_warehouse_is_pending(ivan: Seed, state: str) -> None:
    with a_reader(state, warehouse=OneFact()) as reader:
        body = reader.get(f"/v1/events/{uuid.uuid4()}").json()
    assert (body["status"], [hop["hop"] for hop in body["hops"]]) == ("pending", ["clickhouse"])


def test_an_unknown_event_is_200_unknown_and_a_bad_id_400(ivan: Seed, reader: Reader) -> None:
    assert reader.get(f"/v1/events/{uuid.uuid4()}").json()["status"] == "unknown"
    for bad in ("x", "4b0a2a53-1a0f-4f57-8ad9-6bb7b2b3c6a", "4b0a2a53-1a0f-4f57-8ad9-6bb7b2b3c6ag"):
        assert reader.get(f"/v1/events/{bad}").status_code == 400


@pytest.fixture
def facts(state: str, clickhouse: RunningClickHouse) -> Iterator[tuple[str, Client]]:
    """A migrated ClickHouse database of the test's own."""
    base, _, _ = clickhouse.url.rpartition("/")
    url = f"{base}/test_{uuid.uuid4().hex}"
    migrate.run(state, url)
    with clickhouse_client(url) as client:
        yield url, client
        client.command(f"DROP DATABASE {url.rpartition('/')[2]}")


def test_a_fact_is_found_with_and_without_its_verb_and_actor(facts: tuple[str, Client]) -> None:
    url, client = facts
    event_id = uuid.uuid4()
    client.insert(
        "fact_activity",
        [[event_id, "like", 7, "photo", 21, datetime.now(UTC), datetime.now(UTC), 3, 42, 2**64 - 43]],
        column_names=COLUMNS,
    )

    async def ask() -> list[Hop | None]:
        with closing(ClickHouse(ClickHouseSettings(url=SecretStr(url)), application="test")) as client:
            warehouse = FactSearch(client, 10)
            return [
                await warehouse.hop(event_id, verb="like", actor_id=7),
                await warehouse.hop(event_id, verb=None, actor_id=None),
                await warehouse.hop(uuid.uuid4(), verb=None, actor_id=None),
            ]

    known, searched, absent = asyncio.run(ask())
    assert known is not None
    assert (known.topic, known.partition, known.offset) == (RAW, 3, 42)
    assert known.at is not None
    assert datetime.fromisoformat(known.at).tzinfo is not None
    assert searched == known
    assert absent is None


def test_a_clickhouse_away_is_transient_and_asked_anew_each_time() -> None:
    async def ask() -> None:
        given = ClickHouseSettings(url=SecretStr("http://u:p@127.0.0.1:1/feedmill"))
        with closing(ClickHouse(given, application="test")) as client:
            warehouse = FactSearch(client, 1)
            for _ in range(2):
                with pytest.raises(Transient):
                    await warehouse.hop(uuid.uuid4(), verb=None, actor_id=None)

    asyncio.run(ask())


def test_the_empty_warehouse_has_nothing() -> None:
    assert asyncio.run(NoWarehouse().hop(uuid.uuid4(), verb=None, actor_id=None)) is None
