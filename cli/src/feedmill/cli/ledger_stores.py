"""What the ledger asks the stores: fingerprints of ranges of the log in one pass, and single events by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol
from uuid import UUID

import psycopg2
from clickhouse_connect.driver.client import Client
from psycopg2.extensions import connection as Connection

from feedmill.contracts.topics import (
    ACTIVITY_PUBLISHED,
    ARTICLE_PUBLISHED,
    CONTENT_META,
    ENRICHED_OF,
    USER_INTERACTION,
)
from feedmill.contracts.verbs import BARE
from feedmill.runtime.outcome import TopicPartition

CHUNK: Final = 20_000
"""Offsets of a partition that are compared by one fingerprint, and held at once where they differ."""

Bounds = Mapping[TopicPartition, tuple[int, int]]
"""Raw partition -> offsets [low, high)."""


class Cell(NamedTuple):
    """Where and of what: a partition, `offset // CHUNK`, a verb."""

    partition: int
    chunk: int
    verb: str


class Print(NamedTuple):
    """So many events, and their ids' lower halves xored: equal prints, equal sets (ids are hashes)."""

    events: int
    xor: int


class Row(NamedTuple):
    """Where a store says an event lay."""

    event_id: bytes
    partition: int
    offset: int
    verb: str


def print_of(event_ids: Iterable[bytes]) -> Print:
    events, xor = 0, 0
    for event_id in event_ids:
        events += 1
        xor ^= int.from_bytes(event_id[8:], "big")
    return Print(events, xor)


class Store(Protocol):
    """A store that keeps every event of some raw topics."""

    @property
    def name(self) -> str: ...

    @property
    def topics(self) -> Sequence[str]: ...

    def applied(self) -> dict[TopicPartition, int]:
        """Raw partition -> the highest offset applied."""

    def prints(self, topic: str, bounds: Bounds) -> dict[Cell, Print]:
        """Of the rows whose raw record lies in the bounds."""

    def by_id(self, topic: str, event_ids: Sequence[bytes]) -> list[Row]:
        """Those that are there, wherever they lay."""

    def by_place(self, topic: str, partition: int, low: int, high: int) -> list[Row]:
        """All whose raw record lies in [low, high)."""

    def incomplete(self, topic: str, bounds: Bounds) -> list[Row]:
        """Events that are there, and not all rows that were made of them."""


@dataclass(frozen=True, slots=True)
class PostgresStore:
    connection: Connection
    name: str = "postgres"
    topics: Sequence[str] = (ACTIVITY_PUBLISHED.name,)

    def applied(self) -> dict[TopicPartition, int]:
        rows = self._rows("SELECT topic, partition, source_offset FROM sink_position", ())
        raw = {ENRICHED_OF[topic].name: topic for topic in self.topics}
        return {TopicPartition(raw[str(t)], int(str(p))): int(str(at)) for t, p, at in rows if t in raw}

    def prints(self, topic: str, bounds: Bounds) -> dict[Cell, Print]:
        places = [(tp.partition, low, high) for tp, (low, high) in bounds.items() if tp.topic == topic]
        rows = self._rows(
            """SELECT source_partition, source_offset / %s, verb, count(*),
                      bit_xor(('x' || right(replace(event_id::text, '-', ''), 16))::bit(64)::bigint)
                 FROM activity JOIN unnest(%s::int[], %s::bigint[], %s::bigint[]) AS asked(number, low, high)
                   ON number = source_partition AND source_offset >= low AND source_offset < high
                GROUP BY 1, 2, 3""",
            (CHUNK, *([place[n] for place in places] for n in range(3))),
        )
        return {
            Cell(int(str(p)), int(str(chunk)), str(verb)): Print(int(str(n)), int(str(xor)) % 2**64)
            for p, chunk, verb, n, xor in rows
        }

    def by_id(self, topic: str, event_ids: Sequence[bytes]) -> list[Row]:
        ids = [str(UUID(bytes=event_id)) for event_id in event_ids]
        return self._found("event_id = ANY(%s::uuid[])", (ids,))

    def by_place(self, topic: str, partition: int, low: int, high: int) -> list[Row]:
        where = "source_partition = %s AND source_offset >= %s AND source_offset < %s"
        return self._found(where, (partition, low, high))

    def _found(self, where: str, values: tuple[object, ...]) -> list[Row]:
        sql = f"SELECT event_id::text, source_partition, source_offset, verb FROM activity WHERE {where}"  # noqa: S608
        return [
            Row(UUID(str(i)).bytes, int(str(p)), int(str(at)), str(verb)) for i, p, at, verb in self._rows(sql, values)
        ]

    def incomplete(self, topic: str, bounds: Bounds) -> list[Row]:
        """None: an event's rows are made in one transaction."""
        return []

    def _rows(self, sql: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values)
            found: list[tuple[object, ...]] = cursor.fetchall()
            return found


@dataclass(frozen=True, slots=True)
class ClickHouseStore:
    client: Client
    name: str = "clickhouse"
    topics: Sequence[str] = tuple(ENRICHED_OF)

    def applied(self) -> dict[TopicPartition, int]:
        raw = {enriched.name: topic for topic, enriched in ENRICHED_OF.items()}
        rows = self.client.query("SELECT topic, partition, max(source_offset) FROM sink_position GROUP BY 1, 2")
        return {TopicPartition(raw[t], int(p)): int(at) for t, p, at in rows.result_rows if t in raw}

    def prints(self, topic: str, bounds: Bounds) -> dict[Cell, Print]:
        places = _places(topic, bounds)
        if not places:
            return {}
        rows = self.client.query(
            f"""SELECT source_partition, intDiv(source_offset, {CHUNK}), {_verb(topic)}, count(),
                       groupBitXor(reinterpretAsUInt64(reverse(substring(UUIDToNum(event_id), 9, 8))))
                  FROM {_TABLES[topic]} FINAL WHERE {places} GROUP BY 1, 2, 3"""  # noqa: S608  our own numbers
        )
        return {
            Cell(int(p), int(chunk), str(verb)): Print(int(n), int(xor)) for p, chunk, verb, n, xor in rows.result_rows
        }

    def by_id(self, topic: str, event_ids: Sequence[bytes]) -> list[Row]:
        listed = ",".join(f"'{UUID(bytes=event_id)}'" for event_id in event_ids)
        return self._found(topic, f"event_id IN ({listed})")

    def by_place(self, topic: str, partition: int, low: int, high: int) -> list[Row]:
        where = f"source_partition = {partition} AND source_offset >= {low} AND source_offset < {high}"
        return self._found(topic, where)

    def incomplete(self, topic: str, bounds: Bounds) -> list[Row]:
        """Articles whose entities, or whose being set aside, are not all in the tables that say so."""
        places = _places(topic, bounds)
        if not places or topic != ARTICLE_PUBLISHED.name:
            return []
        rows = self.client.query(_INCOMPLETE.format(places=places))
        return [Row(i.bytes, int(p), int(at), BARE[topic].name) for i, p, at in rows.result_rows]

    def _found(self, topic: str, where: str) -> list[Row]:
        rows = self.client.query(
            f"SELECT event_id, source_partition, source_offset, {_verb(topic)} "  # noqa: S608  our own names and ids
            f"FROM {_TABLES[topic]} FINAL WHERE {where}",
            settings={"max_query_size": 16 * 1024 * 1024},
        )
        return [Row(i.bytes, int(p), int(at), str(verb)) for i, p, at, verb in rows.result_rows]


_TABLES: Final = {
    ACTIVITY_PUBLISHED.name: "fact_activity",
    USER_INTERACTION.name: "fact_reading",
    CONTENT_META.name: "content_change",
    ARTICLE_PUBLISHED.name: "article",
}


_INCOMPLETE: Final = """
SELECT article.event_id, article.source_partition, article.source_offset
  FROM (SELECT * FROM article FINAL WHERE entities >= 0 AND ({places})) AS article
  LEFT JOIN (
    SELECT event_id, version, count() AS kept FROM fact_readers FINAL WHERE {places} GROUP BY event_id, version
  ) AS named ON named.event_id = article.event_id AND named.version = article.version
  LEFT JOIN (
    SELECT event_id, version, count() AS kept FROM article_set_aside FINAL WHERE {places} GROUP BY event_id, version
  ) AS aside ON aside.event_id = article.event_id AND aside.version = article.version
 WHERE named.kept != article.entities OR aside.kept != (article.set_aside != '')
 ORDER BY 2, 3"""
"""Rows of the version that was read first: those of a later reading count nowhere (ADR 28)."""


def _places(topic: str, bounds: Bounds) -> str:
    """A condition; empty where there is nothing to ask for."""
    return " OR ".join(
        f"(source_partition = {tp.partition} AND source_offset >= {low} AND source_offset < {high})"
        for tp, (low, high) in bounds.items()
        if tp.topic == topic
    )


def _verb(topic: str) -> str:
    return "verb" if topic == ACTIVITY_PUBLISHED.name else f"'{BARE[topic].name}'"


def connected(postgres_dsn: str) -> closing[Connection]:
    """One snapshot for everything it is asked."""
    connection = psycopg2.connect(postgres_dsn, application_name="feedmill-audit")
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    return closing(connection)
