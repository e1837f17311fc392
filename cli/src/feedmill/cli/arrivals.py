"""Is every accepted event at both ends? Asked of the stores themselves, by id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import psycopg2
from clickhouse_connect.driver.client import Client

from feedmill.runtime.deadline import Deadline

ASKED_AT_ONCE: Final = 2_000
"""Ids in one question; as text in ClickHouse's query well under its 256 KiB."""
ASK_AGAIN_S: Final = 0.1

POSTGRES_SQL: Final = "SELECT event_id::text FROM activity WHERE event_id = ANY(%s::uuid[])"
CLICKHOUSE_SQL: Final = "SELECT DISTINCT toString(event_id) FROM fact_activity WHERE event_id IN %(ids)s"
HANDLES_SQL: Final = "SELECT handle, min(id) FROM user_profile WHERE handle = ANY(%s) GROUP BY handle"


class End(Protocol):
    """One of the two ends of the pipe. Not for two threads at once."""

    name: str

    def seen(self, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that are there."""
        ...

    def close(self) -> None: ...


class PostgresEnd:
    name = "Postgres"

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg2.connect(dsn, connect_timeout=5)
        self._connection.autocommit = True

    def seen(self, ids: Sequence[str]) -> set[str]:
        return {row[0] for row in self._rows(POSTGRES_SQL, list(ids))}

    def ids_of(self, handles: Sequence[str]) -> dict[str, int]:
        """Those that exist."""
        return dict(self._rows(HANDLES_SQL, list(handles)))

    def _rows(self, sql: str, values: list[str]) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, (values,))
            return cursor.fetchall()

    def close(self) -> None:
        self._connection.close()


class ClickHouseEnd:
    name = "ClickHouse"

    def __init__(self, url: str) -> None:
        self._client = clickhouse(url)

    def seen(self, ids: Sequence[str]) -> set[str]:
        return {row[0] for row in self._client.query(CLICKHOUSE_SQL, parameters={"ids": list(ids)}).result_rows}

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
    waiting: dict[str, None] = field(default_factory=dict)
    seen_count: int = 0

    def add(self, ids: Iterable[str]) -> None:
        self.waiting.update(dict.fromkeys(ids))

    async def run(self, complete: asyncio.Event, deadline: Deadline) -> None:
        """Until nothing is left to wait for and, by `complete`, nothing comes any more; or until the deadline."""
        while not deadline.passed:
            asked = list(islice(self.waiting, ASKED_AT_ONCE))
            seen = await asyncio.to_thread(self.end.seen, asked) if asked else set()
            for event_id in seen:
                del self.waiting[event_id]
            if seen:
                self.seen_count += len(seen)
                self.moved(len(seen))
            if complete.is_set() and not self.waiting:
                return
            if len(seen) < len(asked) or not self.waiting:
                await asyncio.sleep(deadline.slice_s(ASK_AGAIN_S))
