"""Postgres as this sink uses it: positions, and one transaction a batch."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from feedmill.contracts.verbs import FEED_VERBS
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.decode import CHANGES_EDGE
from feedmill.feed_writer.postgres import copy_text, merges, notices
from feedmill.feed_writer.postgres.errors import Meaning, meaning_of
from feedmill.feed_writer.postgres.watchdog import Watchdog
from feedmill.feed_writer.row import Position, Row
from feedmill.feed_writer.settings import PostgresSinkSettings
from feedmill.runtime import metrics
from feedmill.runtime.failpoints import Guard, Point, guarded, hit
from feedmill.runtime.outcome import Overtaken, TopicPartition, Transient

_COPY_CHUNK_BYTES = 1 << 20
SESSION_TABLES = merges.TEMPORARY + notices.TEMPORARY


class Poisoned(Exception):
    """A record of the batch can never be stored; nothing of it is."""


@dataclass(frozen=True, slots=True)
class Move:
    """A partition's position as it is expected in the store, and as it shall be."""

    expected: Position
    new: Position


class PostgresStore:
    """One connection, opened when needed and after each loss. Raises Transient while Postgres is away."""

    def __init__(self, dsn: str, settings: PostgresSinkSettings, seen: Contact) -> None:
        self._dsn = dsn
        self._settings = settings
        self._seen = seen
        self._connection: Connection | None = None
        self._watchdog = Watchdog(settings.call_timeout_ms / 1_000)

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
        with self._transaction() as cursor:
            cursor.execute(merges.LOCK_POSITIONS, _asked(list(moves)))
            stored = _positions(cursor)
            compared = guarded(Guard.COMPARE_AND_SET)
            if compared and stored != {partition: move.expected for partition, move in moves.items()}:
                raise Overtaken("another writer moved these positions")
            _merge(cursor, rows)
            cursor.execute(merges.MOVE_POSITIONS if compared else merges.SET_POSITIONS, _moved(moves))
            if compared and cursor.rowcount != len(moves):
                raise Overtaken(f"{cursor.rowcount} of {len(moves)} positions moved")
            hit(Point.POSTGRES_BEFORE_COMMIT)
            cursor.execute("COMMIT")
        hit(Point.POSTGRES_AFTER_COMMIT)

    def refusal(self, rows: Sequence[Row]) -> str | None:
        """Why Postgres would never store these rows, or None. Stores nothing."""
        try:
            with self._transaction() as cursor:
                cursor.execute("BEGIN")
                _merge(cursor, rows)
                cursor.execute("ROLLBACK")
        except Poisoned as reason:
            return str(reason)
        return None

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
                try:
                    yield cursor
                except Overtaken:
                    cursor.execute("ROLLBACK")
                    raise
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
                cursor.execute(SESSION_TABLES)
        except psycopg2.Error:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _translated(self, error: psycopg2.Error) -> Exception:
        meaning = meaning_of(error)
        if meaning is Meaning.AGAIN or meaning is Meaning.POISON:
            try:
                if self._connection is not None:
                    with self._watchdog.watching(self._connection), self._connection.cursor() as cursor:
                        cursor.execute("ROLLBACK")
            except psycopg2.Error:
                self._drop()
        else:
            self._drop()
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
        "SET timezone = 'UTC'; SET jit = off; SET client_min_messages = warning"
    )


def _merge(cursor: Cursor, rows: Sequence[Row]) -> None:
    """Copy the rows into the temporary tables and merge them, as few round trips as there are kinds of rows."""
    if not rows:
        return
    texts = copied(rows)
    for table, text in texts.items():
        if text:
            cursor.copy_expert(f"COPY {table} FROM STDIN", io.BytesIO(text.encode()), _COPY_CHUNK_BYTES)
    statements = merging(rows, texts)
    cursor.execute("".join(statements))
    if statements[-1] is merges.PUSH:
        metrics.FEED_ROWS_PUSHED.at("post").inc(cursor.rowcount)


def copied(rows: Sequence[Row]) -> dict[str, str]:
    """Temporary table -> the text that COPY takes; empty where the batch has nothing for it."""
    return {
        "incoming": copy_text.activities(rows),
        "incoming_object": copy_text.objects(rows),
        "incoming_user": copy_text.users(rows),
        "incoming_read": copy_text.reads(rows),
    }


def merging(rows: Sequence[Row], texts: Mapping[str, str]) -> list[str]:
    """The merges these rows need, in their order."""
    verbs = {row.verb for row in rows}
    objects, users = bool(texts["incoming_object"]), bool(texts["incoming_user"])
    steps = (
        (merges.ACTIVITIES, True),
        (merges.EVERYTHING_IS_FRESH, not guarded(Guard.NEWLY_INSERTED)),
        (merges.OBJECTS, objects),
        (notices.NOTICES_OF_AWAITED, objects),
        (notices.WORDS, any(row.object.tags or row.object.mentions for row in rows if row.object)),
        (merges.DELETIONS, "delete" in verbs),
        (merges.FOLLOWS, not verbs.isdisjoint(("follow", "unfollow"))),
        (merges.LIKES, not verbs.isdisjoint(("like", "unlike"))),
        (merges.USER_EDGES, not verbs.isdisjoint(CHANGES_EDGE)),
        (merges.USERS, users),
        (notices.READS, bool(texts["incoming_read"])),
        (notices.PLACES, not verbs.isdisjoint(("like", "share", "comment"))),
        (notices.NOTICES, not verbs.isdisjoint(("like", "share", "comment", "follow"))),
        (merges.ASK_TO_FILL, "follow" in verbs),
        (merges.BOUND, len(rows) >= merges.BOUND_FROM_RECORDS),
        (merges.PUSH, not verbs.isdisjoint(FEED_VERBS)),
    )
    return [sql for sql, wanted in steps if wanted]


def _asked(partitions: Sequence[TopicPartition]) -> dict[str, Any]:
    return {"topics": [p.topic for p in partitions], "partitions": [p.partition for p in partitions]}


def _moved(moves: Mapping[TopicPartition, Move]) -> dict[str, Any]:
    return _asked(list(moves)) | {
        "source_offsets": [move.new.source_offset for move in moves.values()],
        "next_offsets": [move.new.next_offset for move in moves.values()],
        "expected": [move.expected.next_offset for move in moves.values()],
    }


def _positions(cursor: Cursor) -> dict[TopicPartition, Position]:
    return {TopicPartition(topic, partition): Position(source, next_) for topic, partition, source, next_ in cursor}
