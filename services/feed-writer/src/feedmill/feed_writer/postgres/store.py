"""Postgres as this sink uses it: positions, and one transaction a batch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.postgres import apply, merges
from feedmill.feed_writer.postgres.apply import Move
from feedmill.feed_writer.postgres.errors import Meaning, meaning_of
from feedmill.feed_writer.postgres.watchdog import Watchdog
from feedmill.feed_writer.row import Position, Row
from feedmill.feed_writer.settings import PostgresSinkSettings
from feedmill.runtime import metrics
from feedmill.runtime.failpoints import Guard, Point, armed, guarded, hit
from feedmill.runtime.outcome import Overtaken, TopicPartition, Transient


class Poisoned(Exception):
    """A record of the batch can never be stored; nothing of it is."""


class PostgresStore:
    """One connection, opened when needed and after each loss. Raises Transient while Postgres is away."""

    def __init__(self, dsn: str, settings: PostgresSinkSettings, seen: Contact) -> None:
        self._dsn = dsn
        self._settings = settings
        self._seen = seen
        self._connection: Connection | None = None
        self._planned_at_s = 0.0
        self._watchdog = Watchdog(settings.call_timeout_ms / 1_000)
        self.opened = 0
        """Connections so far: behind a new one may be a Postgres that was restored."""

    def positions(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Position]:
        """Where each partition stands; one never seen gets its row and stands at the start."""
        with self._transaction() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(merges.CREATE_POSITIONS, _asked(partitions))
            cursor.execute(merges.READ_POSITIONS, _asked(partitions))
            found = _positions(cursor)
            cursor.execute("COMMIT")
        return found

    def write(self, rows: Sequence[Row], moves: Mapping[TopicPartition, Move]) -> None:
        """Rows and positions together, or neither. Raises Overtaken where a position is not as expected, Poisoned."""
        hit(Point.POSTGRES_BEFORE_WRITE)
        compared, trusting = guarded(Guard.COMPARE_AND_SET), not guarded(Guard.NEWLY_INSERTED)
        called = _sendable(apply.call(rows, moves, compared=compared, trusting=trusting))
        with self._transaction() as cursor:
            if armed(Point.POSTGRES_BEFORE_COMMIT):
                cursor.execute(f"{self._plans()}BEGIN; {called}")
                hit(Point.POSTGRES_BEFORE_COMMIT)
                cursor.execute(f"COMMIT; {apply.told(moves)}")
            else:
                cursor.execute(f"{self._plans()}BEGIN; {called}; COMMIT; {apply.told(moves)}")
            [(pushed,)] = cursor.fetchall()
        metrics.FEED_ROWS_PUSHED.at("post").inc(pushed)
        hit(Point.POSTGRES_AFTER_COMMIT)

    def refusal(self, rows: Sequence[Row]) -> str | None:
        """Why Postgres would never store these rows, or None. Stores nothing."""
        try:
            called = _sendable(apply.call(rows, {}))
            with self._transaction() as cursor:
                cursor.execute(f"BEGIN; {called}")
                cursor.execute("ROLLBACK")
        except Poisoned as reason:
            return str(reason)
        return None

    def _plans(self) -> str:
        """Now and then all plans are made anew: tables grow, and statistics come later than rows."""
        now_s = time.monotonic()
        if now_s - self._planned_at_s < self._settings.plans_kept_ms / 1_000:
            return ""
        self._planned_at_s = now_s
        return "DISCARD PLANS; "

    @property
    def is_unseen(self) -> bool:
        """Whether nobody has heard of it lately. Any thread may ask."""
        return self._seen.is_old()

    def probe(self) -> None:
        """Ask whether it is there. Raises nothing for being away."""
        with suppress(Transient), self._transaction() as cursor:
            cursor.execute("SELECT 1")

    def close(self) -> None:
        """For good."""
        self._drop()
        self._watchdog.close()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg2.Error):
                connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        """Statements that begin and end one transaction; whatever happens, none is left open."""
        try:
            connection = self._connection or self._open()
            with self._watchdog.watching(connection), connection.cursor() as cursor:
                yield cursor
            self._seen.up()
        except psycopg2.Error as error:
            raise self._translated(error) from error

    def _open(self) -> Connection:
        connection = psycopg2.connect(
            self._dsn,
            connect_timeout=max(1, round(self._settings.connect_timeout_ms / 1_000)),
            application_name="feed-writer-postgres",
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
        )
        try:
            connection.autocommit = True
            connection.set_client_encoding("UTF8")
            with self._watchdog.watching(connection), connection.cursor() as cursor:
                cursor.execute(_session(self._settings))
                cursor.execute(apply.function())
        except psycopg2.Error:
            connection.close()
            raise
        self._connection = connection
        self.opened += 1
        return connection

    def _translated(self, error: psycopg2.Error) -> Exception:
        meaning = meaning_of(error)
        if meaning in (Meaning.AGAIN, Meaning.OVERTAKEN, Meaning.POISON):
            try:
                if self._connection is not None:
                    with self._watchdog.watching(self._connection), self._connection.cursor() as cursor:
                        cursor.execute("ROLLBACK")
            except psycopg2.Error:
                self._drop()
        else:
            self._drop()
        if meaning is Meaning.OVERTAKEN:
            return Overtaken(error.diag.message_primary or "")
        if meaning is Meaning.POISON:
            return Poisoned(f"{error.pgcode}: {error.diag.message_primary or ''}")
        if meaning is Meaning.BUG:
            return error
        reason = f"{error.pgcode or ''} {str(error).strip().partition(chr(10))[0]}".strip()
        if meaning is Meaning.AWAY:
            self._seen.down(reason)
        return Transient(f"postgres: {reason}")


def _session(settings: PostgresSinkSettings) -> str:
    return (
        f"SET lock_timeout = {settings.lock_timeout_ms}; SET statement_timeout = {settings.statement_timeout_ms}; "
        f"SET idle_in_transaction_session_timeout = {settings.idle_timeout_ms}; "
        f"SET timezone = 'UTC'; SET client_min_messages = warning; {apply.SESSION}"
    )


def _sendable(sql: str) -> str:
    """Raises Poisoned where a text holds what no text of Postgres can: the protocol would end the statement there."""
    if "\0" in sql:
        raise Poisoned("22021: a text holds NUL")
    return sql


def _asked(partitions: Sequence[TopicPartition]) -> dict[str, Any]:
    return {"topics": [p.topic for p in partitions], "partitions": [p.partition for p in partitions]}


def _positions(cursor: Cursor) -> dict[TopicPartition, Position]:
    return {TopicPartition(topic, partition): Position(source, next_) for topic, partition, source, next_ in cursor}
