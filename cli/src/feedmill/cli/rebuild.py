"""Both stores anew from the enriched topics: state is a function of the log.

    1  the rebuild is announced        what is judged against Postgres answers 503 from here on
    2  the sinks stop                  and their groups have no member left
    3  the groups are forgotten        the ClickHouse sink's position with them
    4  both stores are emptied         Postgres in one transaction, its positions back at the start
    5  the sinks start
    6  until both are at the end of the log as it was at 5
    7  the rebuild is over                 id blocks begin above every id there is

A rebuild that was interrupted is finished by another one. Keys and reservations stay. A Postgres that came back from a
backup needs 1, 6 and 7 alone: its positions came back with it (`catch_up`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Protocol

import psycopg2

from feedmill.cli import digest
from feedmill.cli.local.services import Connections
from feedmill.cli.migrate import clickhouse_client
from feedmill.contracts import headers
from feedmill.contracts.topics import ACTIVITY_ENRICHED, ENRICHED
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import Admin, LogReader
from feedmill.runtime.outcome import TopicPartition, Transient
from feedmill.runtime.settings import KafkaSettings

GROUPS: Final = ("feed-writer-postgres", "feed-writer-clickhouse")
LEAVE_TIMEOUT_S: Final = 30.0
"""A static member keeps its place for its session (6 s) after it has gone."""
LOOK_S: Final = 0.2
TAIL_RECORDS: Final = 100
"""Of so many last records of a partition at least one says its source offset."""

ATTEMPTS_MAX: Final = 5
"""Of a statement that loses a deadlock: api notes who reads while everything is emptied."""

Positions = Mapping[TopicPartition, int]
"""Enriched partition -> a source offset."""


class RebuildFailed(Exception):
    """What stands in the way, and what to do about it."""


class Sinks(Protocol):
    """Both sinks of a platform."""

    def stop(self) -> None: ...

    def start(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """Source offsets passed, of how many: Postgres keeps fewer topics."""

    postgres: int
    clickhouse: int
    postgres_total: int
    clickhouse_total: int

    @property
    def done(self) -> bool:
        return self.postgres >= self.postgres_total and self.clickhouse >= self.clickhouse_total


def rebuild(connections: Connections, sinks: Sinks, look: Callable[[Progress], None], timeout_s: float) -> None:
    """Empty both stores and wait until the sinks have filled them again. Raises RebuildFailed."""
    announce(connections.postgres)
    sinks.stop()
    forget_groups(connections.kafka)
    empty_postgres(connections.postgres)
    empty_clickhouse(connections.clickhouse)
    goal = ends(connections.kafka)
    sinks.start()
    wait_until(connections, goal, look, timeout_s)
    finish(connections.postgres)


def catch_up(connections: Connections, look: Callable[[Progress], None], timeout_s: float) -> None:
    """After a restore of Postgres: wait until its sink has applied the rest of the log. Raises RebuildFailed."""
    announce(connections.postgres)
    wait_until(connections, ends(connections.kafka), look, timeout_s)
    finish(connections.postgres)


def announce(dsn: str) -> None:
    _execute(
        dsn,
        "INSERT INTO rebuild (started_at) VALUES (now()) "
        "ON CONFLICT (only_row) DO UPDATE SET started_at = now(), finished_at = NULL",
    )


def finish(dsn: str) -> None:
    """From here on ids are handed out again: none that the log has seen, however old the blocks were."""
    _execute(
        dsn,
        "INSERT INTO id_block AS kept (kind, next_id) "
        "SELECT kind, 1 + max(id) FROM (SELECT type, id FROM object WHERE author_id IS NOT NULL"
        " UNION ALL SELECT 'user', id FROM user_profile WHERE handle IS NOT NULL) AS made (kind, id) "
        "GROUP BY kind "
        "ON CONFLICT (kind) DO UPDATE SET next_id = greatest(kept.next_id, excluded.next_id); "
        "UPDATE rebuild SET finished_at = now()",
    )


def forget_groups(bootstrap_servers: str) -> None:
    """Waits until neither group has a member: while one lives, nothing may be emptied under it."""
    admin = Admin(KafkaSettings(bootstrap_servers=bootstrap_servers))
    deadline = Deadline(LEAVE_TIMEOUT_S)
    for group in GROUPS:
        while True:
            try:
                admin.delete_group(group)
                break
            except Transient as reason:
                if deadline.passed:
                    raise RebuildFailed(f"{group} still runs ({reason}): stop it, then rebuild again") from reason
                time.sleep(LOOK_S)


def empty_postgres(dsn: str) -> None:
    """State and positions in one transaction: no sink ever sees one without the other."""
    tables = ", ".join(sorted({*digest.POSTGRES, *digest.DERIVED_IN_POSTGRES}))
    _execute(
        dsn,
        f"TRUNCATE {tables}; "  # noqa: S608
        "UPDATE feed_reader SET complete_from = '-infinity', wants_fill = true, began_offset = -1; "
        "UPDATE sink_position SET source_offset = -1, next_offset = 0",
    )


def empty_clickhouse(url: str) -> None:
    """Truncating a table also forgets its deduplication tokens, so that the same ranges go in again."""
    with closing(clickhouse_client(url)) as client:
        for table in (*sorted(digest.CLICKHOUSE), "sink_position"):
            client.command(f"TRUNCATE TABLE {table}")


def ends(bootstrap_servers: str) -> Positions:
    """The source offset each enriched partition has reached; only of partitions that hold something."""
    reached = {}
    with LogReader(KafkaSettings(bootstrap_servers=bootstrap_servers)) as reader:
        for partition in [
            TopicPartition(topic.name, number) for topic in ENRICHED for number in range(topic.partitions)
        ]:
            tail = reader.tail(partition, TAIL_RECORDS, Deadline(30))
            said = [int(text) for record in tail if (text := record.header(headers.SOURCE_OFFSET))]
            if said:
                reached[partition] = max(said)
    return reached


def wait_until(connections: Connections, goal: Positions, look: Callable[[Progress], None], timeout_s: float) -> None:
    """Until both stores have passed the goal; `look` is told meanwhile."""
    deadline = Deadline(timeout_s)
    of_postgres = {tp: offset for tp, offset in goal.items() if tp.topic == ACTIVITY_ENRICHED.name}
    with (
        closing(psycopg2.connect(connections.postgres)) as postgres,
        closing(clickhouse_client(connections.clickhouse)) as clickhouse,
    ):
        postgres.autocommit = True
        while True:
            with postgres.cursor() as cursor:
                cursor.execute("SELECT topic, partition, source_offset FROM sink_position")
                in_postgres = {TopicPartition(topic, number): offset for topic, number, offset in cursor}
            rows = clickhouse.query(
                "SELECT topic, partition, max(source_offset) FROM sink_position GROUP BY topic, partition"
            ).result_rows
            in_clickhouse = {TopicPartition(topic, number): int(offset) for topic, number, offset in rows}
            progress = Progress(
                _passed(in_postgres, of_postgres),
                _passed(in_clickhouse, goal),
                _passed(of_postgres, of_postgres),
                _passed(goal, goal),
            )
            look(progress)
            if progress.done:
                return
            if deadline.passed:
                raise RebuildFailed(f"not at the end after {timeout_s:.0f} s: see the sinks' logs, then rebuild again")
            time.sleep(LOOK_S)


def _passed(positions: Positions, goal: Positions) -> int:
    return sum(min(positions.get(partition, -1), offset) + 1 for partition, offset in goal.items())


def _execute(dsn: str, statement: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection:
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                with connection, connection.cursor() as cursor:
                    cursor.execute(statement)
                return
            except psycopg2.errors.DeadlockDetected:
                if attempt == ATTEMPTS_MAX:
                    raise
