"""Is every accepted event at both ends? Asked of the stores: by position when to look, by id what is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import psycopg2
from clickhouse_connect.driver.client import Client

from feedmill.cli.sender import Accepted, Place
from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.runtime.deadline import Deadline

ASKED_AT_ONCE: Final = 2_000
"""Ids in one question; as text in ClickHouse's query well under its 256 KiB."""
ASK_AGAIN_S: Final = 0.1

APPLIED_SQL: Final = f"""SELECT partition, max(source_offset) FROM sink_position
 WHERE topic = '{ACTIVITY_ENRICHED.name}' GROUP BY partition"""  # noqa: S608  our own constant
POSTGRES_SQL: Final = "SELECT event_id::text FROM activity WHERE event_id = ANY(%s::uuid[])"
CLICKHOUSE_SQL: Final = "SELECT DISTINCT toString(event_id) FROM fact_activity WHERE event_id IN %(ids)s"
POSTS_SQL: Final = """SELECT DISTINCT toString(event_id) FROM fact_activity
 WHERE verb = 'post' AND actor_id = %(author)s AND event_id IN %(ids)s"""
HANDLES_SQL: Final = "SELECT handle, min(id) FROM user_profile WHERE handle = ANY(%s) GROUP BY handle"


class End(Protocol):
    """One of the two ends of the pipe. Not for two threads at once."""

    name: str

    def applied(self) -> dict[int, int]:
        """Partition of the raw topic -> highest offset applied."""
        ...

    def seen(self, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that are there."""
        ...

    def close(self) -> None: ...


class PostgresEnd:
    name = "Postgres"

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg2.connect(dsn, connect_timeout=5)
        self._connection.autocommit = True

    def applied(self) -> dict[int, int]:
        return dict(self._rows(APPLIED_SQL))

    def seen(self, ids: Sequence[str]) -> set[str]:
        return {row[0] for row in self._rows(POSTGRES_SQL, list(ids))}

    def ids_of(self, handles: Sequence[str]) -> dict[str, int]:
        """Those that exist."""
        return dict(self._rows(HANDLES_SQL, list(handles)))

    def _rows(self, sql: str, *values: list[str]) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall()

    def close(self) -> None:
        self._connection.close()


class ClickHouseEnd:
    name = "ClickHouse"

    def __init__(self, url: str) -> None:
        self._client = clickhouse(url)

    def applied(self) -> dict[int, int]:
        return {int(row[0]): int(row[1]) for row in self._client.query(APPLIED_SQL).result_rows}

    def seen(self, ids: Sequence[str]) -> set[str]:
        return {row[0] for row in self._client.query(CLICKHOUSE_SQL, parameters={"ids": list(ids)}).result_rows}

    def posts_seen(self, author: int, ids: Sequence[str]) -> set[str]:
        """As `seen`, for one author's posts: by the table's own order, so that looking often costs little."""
        values = {"author": author, "ids": list(ids)}
        return {row[0] for row in self._client.query(POSTS_SQL, parameters=values).result_rows}

    def close(self) -> None:
        self._client.close()


def clickhouse(url: str) -> Client:
    """`url`: http://user:password@host:port/database."""
    parts = urlsplit(url)
    return clickhouse_connect.get_client(
        host=parts.hostname,
        port=parts.port or 8123,
        username=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/") or "default",
        autogenerate_session_id=False,
    )


@dataclass(slots=True)
class Watch:
    """What was accepted and is not yet seen at one end. `moved` is told how many more were seen."""

    end: End
    moved: Callable[[int], None]
    waiting: dict[str, Place] = field(default_factory=dict)

    def add(self, accepted: Iterable[Accepted]) -> None:
        self.waiting.update((taken.event_id, taken.place) for taken in accepted)

    async def run(self, complete: asyncio.Event, deadline: Deadline) -> None:
        """Until nothing is left to wait for and, by `complete`, nothing comes any more; or until the deadline."""
        while not (deadline.passed or (complete.is_set() and not self.waiting)):
            if not await self._look():
                await asyncio.sleep(deadline.slice_s(ASK_AGAIN_S))

    async def _look(self) -> bool:
        """Asks for what must be there by now; whether any of it was."""
        applied = await asyncio.to_thread(self.end.applied) if self.waiting else {}
        due = [id for id, (partition, offset) in self.waiting.items() if offset <= applied.get(partition, -1)]
        count = 0
        for start in range(0, len(due), ASKED_AT_ONCE):
            seen = await asyncio.to_thread(self.end.seen, due[start : start + ASKED_AT_ONCE])
            for event_id in seen:
                del self.waiting[event_id]
            self.moved(len(seen))
            count += len(seen)
        return count > 0
