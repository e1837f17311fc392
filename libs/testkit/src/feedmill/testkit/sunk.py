"""A log whose records the Postgres sink applies when a test says so: partitions in any order, cut as it likes.

log = SunkLog(dsn)
log.says(1, "user-created", object={"type": "user", "id": 1}, user={"id": 1, "handle": "ivan"})
log.says(2, "like", object={"type": "post", "id": 1})
log.apply_all()
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

import psycopg2

from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.decode import decode
from feedmill.feed_writer.postgres.apply import Move
from feedmill.feed_writer.postgres.sink import first_of_each
from feedmill.feed_writer.postgres.store import PostgresStore
from feedmill.feed_writer.settings import PostgresSinkSettings
from feedmill.runtime.health import Health
from feedmill.runtime.outcome import Record, TopicPartition
from feedmill.testkit.enriched import a_record, an_activity

PARTITIONS = 3


class SunkLog:
    """Keys are user ids, as for most verbs; a record's event is named by the test or by its place."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.store = PostgresStore(dsn, PostgresSinkSettings(), Contact(Health("sink"), "postgres"))
        self.records: list[list[Record]] = [[] for _ in range(PARTITIONS)]
        self.applied = [0] * PARTITIONS

    def close(self) -> None:
        self.store.close()

    def says(
        self, actor_id: int, verb: str, *, at: datetime, event: str | None = None, key: int | None = None, **fields: Any
    ) -> tuple[int, int]:
        """Append one activity to its key's partition: the partition and the offset there."""
        partition = (actor_id if key is None else key) % PARTITIONS
        offset = len(self.records[partition])
        value = an_activity(verb, actor_id, occurred_at=at.isoformat(), **{"object": None, **fields})
        name = event or f"{partition}/{offset}"
        self.records[partition].append(a_record(value, offset=offset, partition=partition, event=name))
        return partition, offset

    def apply(self, partition: int, count: int) -> None:
        """The next `count` records of a partition, as one batch."""
        start = self.applied[partition]
        batch = self.records[partition][start : start + count]
        if not batch:
            return
        at = self.store.positions([TopicPartition(ACTIVITY_ENRICHED.name, partition)])
        decoded = decode(batch, at, find_holes=False)
        assert not decoded.rejected, decoded.rejected
        self.store.write(first_of_each(decoded.rows), {tp: Move(at[tp], new) for tp, new in decoded.moved.items()})
        self.applied[partition] = start + len(batch)

    def apply_all(self, pick: Callable[[list[int]], tuple[int, int]] | None = None) -> None:
        """Until nothing is left; `pick` says the next partition (of those with something left) and how many."""
        while left := [p for p in range(PARTITIONS) if self.applied[p] < len(self.records[p])]:
            partition, count = pick(left) if pick else (left[0], len(self.records[left[0]]))
            self.apply(partition, count)

    def start_over(self, tables: tuple[str, ...]) -> None:
        """Empty log, empty tables."""
        with closing(psycopg2.connect(self._dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(tables)}")
        self.records = [[] for _ in range(PARTITIONS)]
        self.applied = [0] * PARTITIONS
