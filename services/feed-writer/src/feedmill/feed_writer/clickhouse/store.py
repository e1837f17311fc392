"""ClickHouse as this sink uses it: whole columns in, each insert named by its range."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from feedmill.feed_writer.clickhouse import erasures, native
from feedmill.feed_writer.clickhouse.block import Block
from feedmill.feed_writer.clickhouse.kind import NOBODY, People
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.row import Position
from feedmill.feed_writer.settings import ClickHouseSinkSettings
from feedmill.runtime.failpoints import Guard, Point, guarded, hit
from feedmill.runtime.outcome import TopicPartition, Transient

_OUR_FAULT = frozenset({16, 36, 47, 53, 60, 62, 81, 115, 192, 193, 194, 497, 516})
"""Codes that waiting does not mend: unknown table, column, setting or database, syntax, types, access."""

_SETTINGS = {"async_insert": 0, "max_partitions_per_insert_block": 0, "max_threads": 1, "max_insert_threads": 1}
"""The sink itself bounds the partitions of an insert; refused here, a range could never be finished. One block has no
work for a second thread: handing it over only waits for one.
"""


class ClickHouseStore:
    """One HTTP client, made when needed, used by several threads. Raises Transient while ClickHouse is away."""

    def __init__(self, url: str, settings: ClickHouseSinkSettings, seen: Contact) -> None:
        self._url = url
        self._settings = settings
        self._seen = seen
        self._client: Client | None = None
        self._making = threading.Lock()
        self._erasures: bool | None = None
        """Whether any of the users was ever erased; None: not asked yet."""

    def insert(self, blocks: Sequence[Block], token: str, people: People = NOBODY) -> None:
        """Every table's block under the same token: what this range has inserted before is not inserted again.

        Of the people it speaks of those who are erased have no text here when it returns.
        """
        named = {"insert_deduplication_token": token if guarded(Guard.TOKEN) else uuid.uuid4().hex}
        for block in blocks:
            with self._open() as client:
                client.raw_insert(block.table, block.columns, block.data, settings=_SETTINGS | named, fmt="Native")
            hit(Point.CLICKHOUSE_AFTER_FACTS)
        if people is not NOBODY:
            self._blank(people)

    def forget_erasures(self) -> None:
        """Partitions may have changed hands, and with them who erases whom."""
        self._erasures = None

    def _blank(self, people: People) -> None:
        with self._open() as client:
            if self._erasures is None:
                self._erasures = bool(client.query(erasures.ARE_THERE).result_rows)
            self._erasures = self._erasures or bool(people.erased)
            asked = people.erased | people.said_something
            if not self._erasures or not asked:
                return
            found = client.query(erasures.WHO, {"ids": sorted(asked)}).result_rows
            if gone := sorted(id_ for (id_,) in found):
                for statement in erasures.BLANK:
                    client.command(statement, {"ids": gone}, settings={"insert_deduplicate": 0})

    def set_positions(self, positions: Mapping[TopicPartition, Position]) -> None:
        """For those who wait until something is in; where to start again stands in the group's metadata."""
        columns = {
            "topic": ("String", native.words([p.topic for p in positions])),
            "partition": ("Int32", native.integers("i", [p.partition for p in positions])),
            "source_offset": ("Int64", native.integers("q", [at.source_offset for at in positions.values()])),
        }
        data = native.block(columns, len(positions))
        with self._open() as client:
            client.raw_insert("sink_position", tuple(columns), data, settings=_SETTINGS, fmt="Native")

    def probe(self) -> None:
        """Ask whether it is there, where that has not been seen lately. Raises nothing for being away."""
        if self._seen.is_old():
            with suppress(Transient), self._open() as client:
                client.command("SELECT 1")

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @contextmanager
    def _open(self) -> Iterator[Client]:
        try:
            yield self._connected()
            self._seen.up()
        except ClickHouseError as error:
            if isinstance(error, DatabaseError) and getattr(error, "code", None) in _OUR_FAULT:
                raise
            self._seen.down(_first_line(error))
            raise Transient(f"clickhouse: {_first_line(error)}") from error

    def _connected(self) -> Client:
        with self._making:
            if self._client is None:
                self._client = clickhouse_connect.get_client(
                    dsn=self._url,
                    interface=urlsplit(self._url).scheme,
                    autogenerate_session_id=False,
                    compress=False,
                    connect_timeout=self._settings.connect_timeout_ms / 1_000,
                    send_receive_timeout=self._settings.insert_timeout_ms / 1_000,
                    query_retries=0,
                    client_name="feed-writer-clickhouse",
                )
            return self._client


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
