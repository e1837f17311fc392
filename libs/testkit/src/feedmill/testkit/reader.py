"""An api over real rows, called over HTTP in this process: its log and its warehouse are empty fakes.

It writes nothing by itself: who reads is noted when a test calls `readers.write()`.

with a_reader(dsn) as reader:
    reader.get("/me", key="abc123")
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import httpx2
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from feedmill.api.app import app_of
from feedmill.api.facts import Facts, Questions
from feedmill.api.first_pages import FirstPages
from feedmill.api.live.hub import Live
from feedmill.api.main import KEPT, POINT_LOOKUPS
from feedmill.api.parts import Parts, Warehouse
from feedmill.api.queries.plain_feed import Plain
from feedmill.api.rate import Rate
from feedmill.api.readers import Readers
from feedmill.api.settings import ApiSettings
from feedmill.api.wire import Hop, Trace
from feedmill.runtime.applied import Applied
from feedmill.runtime.auth import KeyRing
from feedmill.runtime.clickhouse import Ask, Value
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.health import Health
from feedmill.runtime.postgres import Postgres
from feedmill.runtime.settings import PostgresSettings
from feedmill.testkit.log_ends import LogEnds
from feedmill.testkit.waiting import wait_until

RowT = TypeVar("RowT")
ResultT = TypeVar("ResultT")
AnswerT = TypeVar("AnswerT")


class NoWarehouse:
    """Holds no fact."""

    async def hop(self, event_id: UUID, *, verb: str | None, actor_id: int | None) -> Hop | None:
        return None

    async def bare(self, event_id: UUID) -> Trace | None:
        return None


class NoFacts:
    """A ClickHouse with nothing in it."""

    up = True

    async def fetch(self, sql: str, row: type[RowT], bound: Mapping[str, Value], *, timeout_s: float = 0) -> list[RowT]:
        return []

    async def answer(self, questions: Callable[[Ask], AnswerT]) -> AnswerT:
        return questions(self._ask)

    async def poll(self, sql: str, *, silent_s: float) -> Sequence[Mapping[str, Any]]:
        return []

    def _ask(self, sql: str, row: type[RowT], bound: Mapping[str, Value]) -> list[RowT]:
        return []


class NothingInTheLog:
    """Finds no event."""

    async def find(self, event_id: UUID) -> Trace:
        return Trace(event_id, None, "unknown", None, None, [])


@dataclass(frozen=True, slots=True)
class Reader:
    """The api's client, the log's ends as the api sees them, and its Postgres."""

    client: TestClient
    log: LogEnds
    postgres: Postgres
    applied: Applied
    keys: KeyRing
    readers: Readers
    app: FastAPI

    def forget(self) -> None:
        """As new, for the next test on the same rows: no key known, an empty log, no position seen."""
        self.keys._remembered.clear()
        self.log.known.clear()
        self.readers.forget()
        deadline = Deadline(30)
        while self.applied.snapshot.applied:
            assert not deadline.passed
            time.sleep(0.005)

    def get(self, path: str, *, key: str | None = "abc123", **headers: str) -> httpx2.Response:
        """GET with a key; `headers` with underscores for hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=sent | ({} if key is None else {"X-App-Key": key}))


def settings_for(dsn: str, more: Mapping[str, str]) -> ApiSettings:
    """Of an api with nothing but a Postgres."""
    return ApiSettings.from_env(
        {
            "FEEDMILL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "FEEDMILL_CLICKHOUSE_URL": "http://127.0.0.1:1/feedmill",
            "FEEDMILL_POSTGRES_DSN": dsn,
            "FEEDMILL_API__POSTGRES__POOL_SIZE": "2",
            "FEEDMILL_API__NOTE_READERS_MS": str(24 * 3_600_000),
        }
        | dict(more)
    )


def asked(dsn: str, ask: Callable[[Postgres], Awaitable[ResultT]]) -> ResultT:
    """What `ask` gets of a Postgres as an api opens it, without the api."""

    async def opened() -> ResultT:
        settings = PostgresSettings.model_validate({"dsn": dsn, "pool_size": 1})
        async with Postgres(settings, Health("test"), application="test", session=POINT_LOOKUPS) as postgres:
            return await ask(postgres)

    return asyncio.run(opened())


@dataclass(frozen=True, slots=True)
class Made:
    """An api's app and its parts, not opened."""

    app: FastAPI
    parts: Parts
    log: LogEnds
    health: Health


def made(
    dsn: str,
    more: Mapping[str, str],
    warehouse: Warehouse | None = None,
    clickhouse: Questions | None = None,
) -> Made:
    """`more`: settings, by their names in the environment."""
    settings = settings_for(dsn, more)
    health, log = Health("api"), LogEnds()
    postgres = Postgres(settings.postgres, health, application="test", session=POINT_LOOKUPS)
    applied = Applied(postgres, log, health, enriched=KEPT)
    keys, readers = KeyRing(postgres), Readers(postgres, every_s=settings.note_readers_ms / 1_000)
    facts = Facts.of(clickhouse or NoFacts(), log, health)
    live = Live(postgres, applied, keys, health, settings.live)

    @asynccontextmanager
    async def opened(_: FastAPI) -> AsyncIterator[None]:
        async with postgres, applied.watching(), facts.watching(), keys.refreshing(), readers.noting(), live.running():
            yield
        if first_pages is not None:
            await first_pages.close()

    first_pages = FirstPages.of(settings.cache, applied)
    found = warehouse or NoWarehouse()
    parts = Parts(
        settings, postgres, applied, keys, found, NothingInTheLog(), readers, facts, live, Rate(settings.rate),
        Plain(postgres, settings.pages), first_pages=first_pages,
    )  # fmt: skip
    app = app_of(parts, health, opened)
    app.state.access_log = False
    return Made(app, parts, log, health)


@contextmanager
def a_reader(
    dsn: str, *, warehouse: Warehouse | None = None, clickhouse: Questions | None = None, **more: str
) -> Iterator[Reader]:
    """`more`: settings, by their names in the environment."""
    one = made(dsn, more, warehouse, clickhouse)
    parts = one.parts
    with TestClient(one.app, raise_server_exceptions=False) as client:
        yield Reader(client, one.log, parts.postgres, parts.applied, parts.keys, parts.readers, one.app)


@contextmanager
def an_api(dsn: str, **more: str) -> Iterator[tuple[str, Made]]:
    """The same served by the product's own server, in a thread: for answers that do not end. Its address, and it."""
    one = made(dsn, more)
    listening = socket.create_server(("127.0.0.1", 0), backlog=1_024)
    config = uvicorn.Config(one.app, loop="uvloop", http="httptools", ws="none", log_config=None, lifespan="on")
    config.timeout_graceful_shutdown = 5
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="an-api")
    thread.start()
    try:
        wait_until(lambda: server.started, "the api to serve")
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", one
    finally:
        one.health.drain()
        server.should_exit = True
        thread.join()
