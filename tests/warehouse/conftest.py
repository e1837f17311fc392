"""A real ClickHouse of these tests' own, filled as the services fill it: raw records through the pure parts of enricher
and sink, without a log between them.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from feedmill.cli.digest import CLICKHOUSE
from feedmill.cli.migrate import ClickHouseStore as Schema
from feedmill.cli.migrate import clickhouse_client
from feedmill.cli.migration_files import folder_of, load
from feedmill.contracts import headers, topics
from feedmill.contracts.times import format_time
from feedmill.contracts.topics import ENRICHED_OF
from feedmill.contracts.verbs import VERBS
from feedmill.enricher.articles import Articles
from feedmill.enricher.lane import Lane
from feedmill.enricher.memory import SeenIds
from feedmill.enricher.pipeline import Pipeline
from feedmill.feed_writer.clickhouse.kinds import KINDS
from feedmill.feed_writer.clickhouse.store import ClickHouseStore
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.settings import ClickHouseSinkSettings
from feedmill.feed_writer.take_apart import take_apart
from feedmill.runtime.clickhouse import ClickHouse
from feedmill.runtime.health import Health
from feedmill.runtime.outcome import Record, TopicPartition
from feedmill.runtime.settings import ClickHouseSettings
from feedmill.sagas import entities, model
from feedmill.testkit.reader import Reader, a_reader
from feedmill.testkit.running import Bench, RunningClickHouse, start_clickhouse
from feedmill.testkit.state import Seed
from warehouse.town import Town


@dataclass
class Mill:
    """What comes in by `take` is in the warehouse when it returns. `client` is the services' own user."""

    client: Client
    store: ClickHouseStore
    server: RunningClickHouse
    articles: Articles
    offsets: dict[str, int] = field(default_factory=dict)

    def take(self, verb: str, *values: Mapping[str, Any], at: datetime | None = None) -> None:
        """One batch of one verb; its own repeats are remembered, those of earlier batches are not."""
        self.take_records([self.raw(verb, value, at=at) for value in values])

    def raw(
        self, verb: str, value: Mapping[str, Any], *, at: datetime | None = None, event: str | None = None
    ) -> Record:
        """A raw record at the next offset of its topic; bare topics without an envelope unless `event` names it."""
        known = VERBS[verb]
        topic = known.topic.name
        offset = self.offsets[topic] = self.offsets.get(topic, -1) + 1
        named: list[tuple[str, bytes]] = []
        if topic == topics.ACTIVITY_PUBLISHED.name or event is not None:
            moment = at or datetime(2026, 11, 1, tzinfo=UTC)
            named = [
                (headers.EVENT_ID, str(uuid.uuid5(uuid.NAMESPACE_OID, event or f"{topic}{offset}")).encode()),
                (headers.CE_TYPE, known.type.encode()),
                (headers.CE_TIME, format_time(moment).encode()),
            ]
        data = json.dumps(value)
        key = known.key(_decoded(known.struct, data)) if verb != "delete" else "1"
        return Record(topic, 0, offset, 1_700_000_000_000, key.encode(), data.encode(), named)

    def take_records(self, records: Sequence[Record]) -> None:
        """Of one topic."""
        place = TopicPartition(records[0].topic, 0)
        outgoing, rejected = Pipeline(self.articles)({place: Lane(place, SeenIds(100_000))}, records)
        assert not rejected
        enriched = [message for message in outgoing if message[2] is not None]
        topic = ENRICHED_OF[place.topic].name
        read = [
            Record(topic, 0, offset, 1_700_000_000_000, message[1], message[2], list(message[3]))
            for offset, message in enumerate(enriched)
        ]
        decoded = take_apart(read, {}, KINDS[topic].judge, find_holes=False)
        assert not decoded.rejected
        self.store.insert(KINDS[topic].blocks_of(decoded.rows), uuid.uuid4().hex)

    def rows(self, sql: str, **bound: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.client.query(sql, parameters=bound).result_rows]

    def one(self, sql: str, **bound: object) -> Any:
        ((value,),) = self.rows(sql, **bound)
        return value

    def clear(self) -> None:
        for table in CLICKHOUSE:
            self.client.command(f"TRUNCATE TABLE {table}")
        self.offsets.clear()


def _decoded(struct: type[Any], data: str) -> Any:
    import msgspec

    return msgspec.json.decode(data, type=struct)


@pytest.fixture(scope="session")
def own_server() -> Iterator[RunningClickHouse]:
    """Not the session's: its database `analytics` is this one's alone."""
    with Bench() as bench:
        yield start_clickhouse(bench)


@pytest.fixture(scope="session")
def filled_by_hand(own_server: RunningClickHouse) -> Iterator[Mill]:
    with closing(clickhouse_client(own_server.url)) as client:
        schema = Schema(client, "feedmill")
        schema.prepare()
        for migration in load(folder_of("clickhouse")):
            schema.apply(migration)
        store = ClickHouseStore(own_server.url, ClickHouseSinkSettings(), Contact(Health("test"), "clickhouse"))
        yield Mill(client, store, own_server, Articles(entities.PACKAGED, model.PACKAGED))
        store.close()


@pytest.fixture
def mill(filled_by_hand: Mill) -> Mill:
    """Empty."""
    filled_by_hand.clear()
    return filled_by_hand


@pytest.fixture(scope="module")
def town(filled_by_hand: Mill) -> tuple[Mill, Town]:
    """A town's events, and what they amount to; for those who only read."""
    filled_by_hand.clear()
    town = Town(random.Random(17))
    town.fill(filled_by_hand)
    return filled_by_hand, town


@pytest.fixture(scope="module")
def asked(filled_by_hand: Mill, shared_state: str) -> Iterator[Reader]:
    """An api over the warehouse, and a key with analytics:read."""
    with Seed(shared_state) as seed:
        seed.clear()
        seed.key("reads", owner="service:reads", scopes=["analytics:read"])
        seed.user("ivan", key="abc123")
    url = ClickHouseSettings(url=SecretStr(filled_by_hand.server.url))
    with (
        closing(ClickHouse(url, application="test")) as clickhouse,
        a_reader(shared_state, clickhouse=clickhouse) as api,
    ):
        yield api
