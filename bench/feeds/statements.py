"""The page's statement alone: page 50 beside page 1, 10 M beside 10 k rows of feeds, pushed beside pulled."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg

from bench.feeds.pages import BUSY
from bench.feeds.world import Network, build, follow_widely
from bench.harness import Figure, Plan, Told, at_least, at_most
from feedmill.api.cursor import NEWEST, Key
from feedmill.api.main import POINT_LOOKUPS
from feedmill.api.queries.plain_feed import SQL
from feedmill.cli.migrate import run as migrate
from feedmill.testkit.parts import execute
from feedmill.testkit.platform import Platform

SMALL = Network(authors=20, posts=25, readers=20, follows=20)
LARGE = Network(authors=20_000, posts=25, readers=20_000, follows=20)
LOOKS = 400
PAGE = 20
CLIENTS = 4
SECONDS = 3.0
FOLLOWS = 200

PULL = """
SELECT theirs.event_id, theirs.verb, theirs.occurred_at, u.id, u.handle, u.name,
       o.type, o.id, o.content, o.title, o.url, o.created_at
  FROM (SELECT theirs.* FROM follow_edge f CROSS JOIN LATERAL (
               SELECT event_id, verb, actor_id, object_type, object_id, occurred_at FROM activity
                WHERE actor_id = f.followee_id ORDER BY occurred_at DESC, event_id DESC LIMIT 21) theirs
         WHERE f.follower_id = $1 AND f.active ORDER BY occurred_at DESC, event_id DESC LIMIT 21) theirs
  JOIN user_profile u ON u.id = theirs.actor_id
  JOIN object o ON o.type = theirs.object_type AND o.id = theirs.object_id AND o.deleted_at IS NULL
 ORDER BY theirs.occurred_at DESC, theirs.event_id DESC
"""
"""The pull query as it is usually written: a page from each of those followed. It asks less than a page does: no mutes,
blocks or unlikes, no JSON."""


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    dsn = platform.connections.postgres
    small = urlsplit(dsn)._replace(path="/bench_small").geturl()
    execute(dsn, "CREATE DATABASE bench_small")
    migrate(small, platform.connections.clickhouse)
    told(f"{SMALL.rows:,} and {LARGE.rows:,} rows of feeds")
    build(small, SMALL)
    build(small, BUSY)
    build(dsn, LARGE)
    wide = follow_widely(dsn, LARGE, readers=200, follows=FOLLOWS)
    execute(dsn, "VACUUM ANALYZE home_feed, follow_edge, feed_reader")
    figures = asyncio.run(_measured(dsn, small, plan, told))
    return [*figures, asyncio.run(_beside_pull(dsn, wide, plan, told))]


async def _beside_pull(dsn: str, readers: Sequence[int], plan: Plan, told: Told) -> Figure:
    session = {"jit": "off", "timezone": "UTC", **POINT_LOOKUPS}
    clients = [await asyncpg.connect(dsn, server_settings=session) for _ in range(CLIENTS)]
    pushed, pulled = list[float](), list[float]()
    for number in range(plan.rounds + 1):
        told(f"pushed beside pulled, round {number} of {plan.rounds}")
        page = await _per_s(clients, readers, SQL, plan, lambda reader: _asked(reader, {}))
        pull = await _per_s(clients, readers, PULL, plan, lambda reader: (reader,))
        if number:
            pushed.append(page)
            pulled.append(pull)
    for client in clients:
        await client.close()
    return Figure(
        "statement", f"page of {PAGE} at {FOLLOWS} follows, {CLIENTS} clients, 10 M rows", "q/s", pushed, pulled,
        "q/s the usual LATERAL pull query of as many, same clients", at_least(10.0),
    )  # fmt: skip


async def _per_s(
    clients: Sequence[asyncpg.Connection],
    readers: Sequence[int],
    sql: str,
    plan: Plan,
    asked: Callable[[int], tuple[object, ...]],
) -> float:
    seconds = plan.seconds(SECONDS)
    until_s = time.perf_counter() + seconds

    async def one(number: int, client: asyncpg.Connection) -> int:
        done = 0
        while time.perf_counter() < until_s:
            await client.fetch(sql, *asked(readers[(number * 50 + done) % len(readers)]))
            done += 1
        return done

    return sum(await asyncio.gather(*(one(number, client) for number, client in enumerate(clients)))) / seconds


async def _measured(dsn: str, small: str, plan: Plan, told: Told) -> list[Figure]:
    session = {"jit": "off", "timezone": "UTC", **POINT_LOOKUPS}
    large_one = await asyncpg.connect(dsn, server_settings=session)
    small_one = await asyncpg.connect(small, server_settings=session)
    busy = list(BUSY.reader_ids())[:20]
    fiftieth = {reader: await _key_of_page(small_one, reader, 50) for reader in busy}
    cases = {
        "page 50": (small_one, busy, fiftieth),
        "page 1": (small_one, busy, {}),
        "10 M": (large_one, list(LARGE.reader_ids())[::50], {}),
        "10 k": (small_one, list(SMALL.reader_ids()), {}),
    }
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
    return reader, before.occurred_at, before.event_id, PAGE + 1, None


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
