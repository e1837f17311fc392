"""The page's statement alone: page 50 beside page 1, 10 M beside 10 k rows of feeds, pushed beside pulled."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from bench.feeds import pulling
from bench.feeds.pages import BUSY
from bench.feeds.sizes import over_http
from bench.feeds.world import Network, build, follow_widely
from bench.harness import Figure, Plan, Told, at_least, at_most
from feedmill.api.cursor import NEWEST, Key
from feedmill.api.main import POINT_LOOKUPS
from feedmill.api.queries.plain_feed import SQL, Plain
from feedmill.cli.migrate import run as migrate
from feedmill.runtime.health import Health
from feedmill.runtime.postgres import Postgres
from feedmill.runtime.settings import PostgresSettings
from feedmill.testkit.parts import execute
from feedmill.testkit.platform import Platform

SMALL = Network(authors=20, posts=25, readers=20, follows=20)
LARGE = Network(authors=20_000, posts=25, readers=20_000, follows=20)
LOOKS = 400
PAGE = 20
CLIENTS = 4
READERS_AT_ONCE = 16
"""Who wait together are answered by one statement; a pull query has no such way."""
SESSION = {"jit": "off", "timezone": "UTC", **POINT_LOOKUPS}
Ask = Callable[[int, int], Awaitable[object]]
"""A page: by which client, for whom."""
SECONDS = 3.0
FOLLOWS = 200


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    dsn = platform.connections.postgres
    small = urlsplit(dsn)._replace(path="/bench_small").geturl()
    execute(dsn, "CREATE DATABASE bench_small")
    migrate(small, platform.connections.clickhouse)
    told(f"{SMALL.rows:,} and {LARGE.rows:,} rows of feeds")
    build(small, SMALL)
    build(dsn, LARGE)
    build(dsn, BUSY)
    wide = follow_widely(dsn, LARGE, readers=200, follows=FOLLOWS)
    execute(dsn, "VACUUM ANALYZE home_feed, follow_edge, feed_reader")
    figures = asyncio.run(_measured(dsn, small, plan, told))
    readers = {"10 M": list(LARGE.reader_ids())[::50], "10 k": list(SMALL.reader_ids())}
    figures += over_http(platform, small, readers, plan, told)
    pulling.make_usual(dsn)
    return [*figures, *asyncio.run(_beside_pull(dsn, wide, plan, told))]


async def _beside_pull(dsn: str, readers: Sequence[int], plan: Plan, told: Told) -> list[Figure]:
    clients = [await asyncpg.connect(dsn, server_settings=SESSION) for _ in range(CLIENTS)]
    await _check_full(clients[0], readers, {})
    settings = PostgresSettings(dsn=SecretStr(dsn))
    async with Postgres(settings, Health("bench"), application="bench", session=POINT_LOOKUPS) as postgres:
        plain = Plain(postgres)

        async def as_api_asks(_: int, reader: int) -> None:
            page = await plain.page(reader_id=reader, before=NEWEST, limit=PAGE, positions=None)
            assert page is not None, f"{reader} has no page in the plain way"

        asks: dict[str, tuple[int, Ask]] = {
            "together": (READERS_AT_ONCE, as_api_asks),
            "page": (CLIENTS, lambda number, reader: clients[number].fetch(SQL, *_asked(reader, {}))),
            "usual": (CLIENTS, lambda number, reader: clients[number].fetch(pulling.USUAL, reader)),
            "ours": (CLIENTS, lambda number, reader: clients[number].fetch(pulling.OURS, reader)),
        }
        taken: dict[str, list[float]] = {name: [] for name in asks}
        for number in range(plan.rounds + 1):
            told(f"pushed beside pulled, round {number} of {plan.rounds}")
            for name, (at_once, ask) in asks.items():
                per_s = await _per_s(at_once, readers, plan, ask)
                if number:
                    taken[name].append(per_s)
    for client in clients:
        await client.close()
    together = (
        f"pages of {PAGE} at {FOLLOWS} follows as api asks for them, {READERS_AT_ONCE} readers at once, 10 M rows"
    )
    alone = f"page of {PAGE} at {FOLLOWS} follows, {CLIENTS} clients, 10 M rows"
    usual = "q/s the LATERAL pull query of a platform that pulls: rows by a plain keyset index"
    ours = "q/s the same query by our own covering index, which never sees a row"
    return [
        Figure("statement", together, "pages/s", taken["together"], taken["usual"], usual, at_least(10.0)),
        Figure("statement", alone, "q/s", taken["page"], taken["usual"], usual),
        Figure("statement", alone, "q/s", taken["page"], taken["ours"], ours),
    ]


async def _per_s(at_once: int, readers: Sequence[int], plan: Plan, ask: Ask) -> float:
    seconds = plan.seconds(SECONDS)
    until_s = time.perf_counter() + seconds

    async def one(number: int) -> int:
        done = 0
        while time.perf_counter() < until_s:
            await ask(number, readers[(number * 50 + done) % len(readers)])
            done += 1
        return done

    return sum(await asyncio.gather(*map(one, range(at_once)))) / seconds


async def _measured(dsn: str, small: str, plan: Plan, told: Told) -> list[Figure]:
    large_one = await asyncpg.connect(dsn, server_settings=SESSION)
    small_one = await asyncpg.connect(small, server_settings=SESSION)
    busy = list(BUSY.reader_ids())[:20]
    fiftieth = {reader: await _key_of_page(large_one, reader, 50) for reader in busy}
    cases = {
        "page 50": (large_one, busy, fiftieth),
        "page 1": (large_one, busy, {}),
        "10 M": (large_one, list(LARGE.reader_ids())[::50], {}),
        "10 k": (small_one, list(SMALL.reader_ids()), {}),
    }
    for case in cases.values():
        await _check_full(*case)
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(plan.rounds + 1):
        told(f"round {number} of {plan.rounds}")
        for name, (connection, readers, keys) in cases.items():
            value = await _median_ms(connection, readers, keys)
            if number:
                taken[name].append(value)
    buffers = {name: await _buffers(*case) for name, case in cases.items()}
    await large_one.close()
    await small_one.close()
    return [
        Figure(
            "statement", f"{one} beside {other}", "ms", taken[one], taken[other], f"ms {other}", at_most(1.25),
            notes=f"buffers read {buffers[one]} beside {buffers[other]} (medians)",
        )
        for one, other in (("page 50", "page 1"), ("10 M", "10 k"))
    ]  # fmt: skip


def _asked(reader: int, keys: dict[int, Key]) -> tuple[object, ...]:
    before = keys.get(reader, NEWEST)
    return [reader], [before.occurred_at], [before.event_id], [PAGE + 1], None


async def _check_full(connection: asyncpg.Connection, readers: Sequence[int], keys: dict[int, Key]) -> None:
    """What is measured is a page of items, and not the answer that there is none."""
    for reader in readers:
        items = await connection.fetchval(SQL, *_asked(reader, keys))
        assert items is not None, f"{reader} has no page in the plain way"
        assert len(items) == PAGE + 1, f"{reader} has {len(items)} items"


async def _median_ms(connection: asyncpg.Connection, readers: Sequence[int], keys: dict[int, Key]) -> float:
    took = []
    for number in range(LOOKS):
        asked = _asked(readers[number % len(readers)], keys)
        began_s = time.perf_counter()
        await connection.fetchrow(SQL, *asked)
        took.append((time.perf_counter() - began_s) * 1_000)
    return statistics.median(took)


async def _buffers(connection: asyncpg.Connection, readers: Sequence[int], keys: dict[int, Key]) -> int:
    found = []
    explain = await connection.prepare(f"EXPLAIN (ANALYZE, BUFFERS, COSTS off, TIMING off) {SQL}")
    for reader in readers[:20]:
        lines = [row[0] for row in await explain.fetch(*_asked(reader, keys))]
        said = next(line for line in lines if "Buffers:" in line)
        found.append(sum(int(number) for number in re.findall(r"(?:hit|read)=(\d+)", said)))
    return round(statistics.median(found))


async def _key_of_page(connection: asyncpg.Connection, reader: int, page: int) -> Key:
    row = await connection.fetchrow(
        "SELECT occurred_at, event_id FROM home_feed WHERE reader_id = $1"
        " ORDER BY occurred_at DESC, event_id DESC OFFSET $2 LIMIT 1",
        reader,
        (page - 1) * PAGE - 1,
    )
    assert row is not None
    return Key(row["occurred_at"], UUID(str(row["event_id"])))
