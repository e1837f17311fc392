"""What lies in Kafka, Postgres and ClickHouse, read by the checker's own means: no code of the services is used."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg2
from confluent_kafka import Consumer, Message, TopicPartition

RAW = "activity.published.v1"
ENRICHED = "activity.enriched.v1"
DEAD_LETTERS = (f"{RAW}.dlq", f"{ENRICHED}.dlq")

Place = tuple[int, int]
"""(partition, offset) in the raw topic."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the checker reads."""

    kafka: str
    postgres: str
    clickhouse: str


@dataclass(frozen=True, slots=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]

    @property
    def event_id(self) -> str | None:
        return self.headers.get("event-id")

    @property
    def verb(self) -> str:
        return self.headers["ce_type"].split(".")[1]

    def json(self) -> Any:
        return json.loads(self.value or b"null")


@dataclass(frozen=True, slots=True)
class Row:
    """One activity as a store has it; no object: None, 0."""

    event_id: str
    verb: str
    actor_id: int
    object_type: str | None
    object_id: int
    occurred_at: datetime
    source: Place


@dataclass(frozen=True, slots=True)
class Observed:
    raw: list[Record]
    enriched: list[Record]
    dead: list[Record]
    activity: list[Row]
    facts: list[Row]
    facts_raw_rows: int
    facts_distinct: int
    by_day: dict[tuple[str, str], int]
    follows: set[tuple[int, int, datetime | None]]
    """(follower, followee, since) of those that follow now."""
    likes: set[tuple[int, str, int]]


def read_topic(kafka: str, topic: str) -> list[Record]:
    """Everything in a topic, partition by partition in the log's order."""
    settings = {
        "bootstrap.servers": kafka,
        "group.id": "chaos-checker",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
    }
    with closing(Consumer(settings)) as consumer:
        found = consumer.list_topics(topic, timeout=15).topics[topic].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=15) for p in sorted(found)}
        left = {p: high for p, (low, high) in ends.items() if high > low}
        consumer.assign([TopicPartition(topic, p, ends[p][0]) for p in left])
        records: list[Record] = []
        while left:
            for message in consumer.consume(2_000, timeout=0.2):
                record = record_of(message)
                if record.partition in left and record.offset < left[record.partition]:
                    records.append(record)
                    if record.offset == left[record.partition] - 1:
                        del left[record.partition]
    return sorted(records, key=lambda r: (r.partition, r.offset))


def record_of(message: Message) -> Record:
    if message.error() is not None:
        raise RuntimeError(f"reading {message.topic()}: {message.error()}")
    headers = {n: v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for n, v in message.headers() or []}
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return Record(topic, partition, offset, as_bytes(message.key()), as_bytes(message.value()), headers)


def as_bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def ends_of(kafka: str, topic: str) -> dict[int, int]:
    """The next offset of each partition."""
    with closing(Consumer({"bootstrap.servers": kafka, "group.id": "chaos-checker"})) as consumer:
        found = consumer.list_topics(topic, timeout=15).topics[topic].partitions
        return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=15)[1] for p in found}


def committed(kafka: str, group: str, topic: str, partitions: int) -> dict[int, int]:
    """What a group has committed, -1001 where nothing."""
    with closing(Consumer({"bootstrap.servers": kafka, "group.id": group, "enable.auto.commit": False})) as consumer:
        asked = [TopicPartition(topic, p) for p in range(partitions)]
        return {c.partition: c.offset for c in consumer.committed(asked, timeout=15)}


def rows_of(postgres: str, query: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(postgres)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def clickhouse(url: str, query: str, *, output: bool = True) -> Iterator[list[Any]]:
    """Rows of a query over HTTP; `url` is http://user:password@host:port/database. A statement has no output."""
    parts = urllib.parse.urlsplit(url)
    parameters = {"database": parts.path.strip("/") or "default", "output_format_json_quote_64bit_integers": "0"}
    address = f"http://{parts.hostname}:{parts.port}/?{urllib.parse.urlencode(parameters)}"
    request = urllib.request.Request(address, (f"{query} FORMAT JSONCompactEachRow" if output else query).encode())
    request.add_header("X-ClickHouse-User", parts.username or "default")
    request.add_header("X-ClickHouse-Key", parts.password or "")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            for line in answer:
                yield json.loads(line)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"ClickHouse: {error.read(2_000).decode('utf-8', 'replace')}") from error


def postgres_positions(dsn: str) -> dict[int, int]:
    found = rows_of(dsn, f"SELECT partition, source_offset FROM sink_position WHERE topic = '{ENRICHED}'")
    return {int(p): int(o) for p, o in found}


def clickhouse_positions(url: str) -> dict[int, int]:
    query = f"SELECT partition, max(source_offset) FROM sink_position WHERE topic = '{ENRICHED}' GROUP BY partition"
    return {int(p): int(o) for p, o in clickhouse(url, query)}


def observe(stores: Stores) -> Observed:
    raw_rows, distinct = next(clickhouse(stores.clickhouse, "SELECT count(), uniqExact(event_id) FROM fact_activity"))
    return Observed(
        raw=read_topic(stores.kafka, RAW),
        enriched=read_topic(stores.kafka, ENRICHED),
        dead=[record for topic in DEAD_LETTERS for record in read_topic(stores.kafka, topic)],
        activity=read_activity(stores.postgres),
        facts=read_facts(stores.clickhouse),
        facts_raw_rows=raw_rows,
        facts_distinct=distinct,
        by_day={
            (str(day), str(verb)): int(count)
            for day, verb, count in clickhouse(stores.clickhouse, "SELECT day, verb, activities FROM activity_by_day")
        },
        follows=read_follows(stores.postgres),
        likes={
            (int(a), str(t), int(i))
            for a, t, i in rows_of(
                stores.postgres, "SELECT actor_id, object_type, object_id FROM object_like WHERE active"
            )
        },
    )


ACTIVITY = """SELECT event_id::text, verb, actor_id, object_type, coalesce(object_id, 0), occurred_at,
 source_partition, source_offset FROM activity"""

FACTS = """SELECT toString(event_id), verb, actor_id, object_type, object_id, toUnixTimestamp64Micro(occurred_at),
 source_partition, source_offset FROM fact_activity FINAL"""


def read_activity(dsn: str) -> list[Row]:
    return [
        Row(i, verb, actor, kind, thing, at.astimezone(UTC), (partition, offset))
        for i, verb, actor, kind, thing, at, partition, offset in rows_of(dsn, ACTIVITY)
    ]


def read_facts(url: str) -> list[Row]:
    return [
        Row(row[0], row[1], row[2], row[3] or None, row[4], time_of_us(row[5]), (row[6], row[7]))
        for row in clickhouse(url, FACTS)
    ]


def time_of_us(us: int) -> datetime:
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)


def read_follows(dsn: str) -> set[tuple[int, int, datetime | None]]:
    found = rows_of(dsn, "SELECT follower_id, followee_id, since FROM follow_edge WHERE active")
    return {(a, b, since.astimezone(UTC) if since else None) for a, b, since in found}
