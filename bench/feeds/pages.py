"""Pages over HTTP with a key: beside one row of FastAPI and asyncpg, and pushed beside pulled at 200 follows."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import httpx2
import psycopg2

from bench import client, doors
from bench.client import Load
from bench.feeds.world import FIRST_AUTHOR, FIRST_READER, Network, build
from bench.harness import Figure, Plan, Told, at_least, interleave
from feedmill.testkit.platform import Platform
from feedmill.testkit.ports import free_origin

SECONDS = 4.0
CONNECTIONS = 16
TOWN = Network(authors=2_000, posts=25, readers=2_000, follows=20)
"""500 rows a reader: what is pushed by default."""
BUSY = Network(
    authors=400, posts=25, readers=200, follows=200,
    first_author=FIRST_AUTHOR + 500_000, first_reader=FIRST_READER + 500_000, first_object=7_000_000,
)  # fmt: skip
FIRST_PULLED = BUSY.first_reader + 100

LATERAL = """
SELECT theirs.event_id, theirs.verb, theirs.object_id, o.content
  FROM (SELECT theirs.* FROM follow_edge f CROSS JOIN LATERAL (
               SELECT event_id, verb, object_type, object_id, occurred_at FROM activity
                WHERE actor_id = f.followee_id ORDER BY occurred_at DESC, event_id DESC LIMIT 20) theirs
         WHERE f.follower_id = %s AND f.active ORDER BY occurred_at DESC, event_id DESC LIMIT 20) theirs
  JOIN object o ON o.type = theirs.object_type AND o.id = theirs.object_id
"""
"""The pull query as it is usually written: a page from each of those followed."""


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    dsn = platform.connections.postgres
    told("writing 1,000,000 rows of feeds")
    build(dsn, TOWN)
    build(dsn, BUSY)
    _pull(dsn)
    key = doors.service_key(platform)
    with one_row(dsn) as port:
        cases = {
            "page": _feed(platform, key, TOWN.reader_ids()),
            "one row": _load(port, [f"/users/{reader}" for reader in TOWN.reader_ids()], key),
            "pushed": _feed(platform, key, range(BUSY.first_reader, FIRST_PULLED)),
            "pulled": _feed(platform, key, range(FIRST_PULLED, BUSY.first_reader + BUSY.readers)),
        }
        taken = interleave({name: partial(_rate, load, plan) for name, load in cases.items()}, plan, told)
    lateral = [_lateral_per_s(dsn) for _ in range(plan.rounds)]
    return [
        Figure(
            "feed page", "page of 20 over HTTP, key checked", "req/s", taken["page"].values, taken["one row"].values,
            "req/s FastAPI + asyncpg, one row by key, no key check", at_least(0.60, floor=0.3),
        ),
        Figure(
            "feed page", "page of 20 over HTTP, 200 follows, pushed", "req/s", taken["pushed"].values,
            taken["pulled"].values, "req/s the same feeds, pulled (heads first)",
        ),
        Figure(
            "feed page", "page of 20 over HTTP, 200 follows, pushed", "req/s", taken["pushed"].values, lateral,
            "q/s the usual LATERAL pull query alone by our covering index, one connection, no HTTP", at_least(10.0),
        ),
    ]  # fmt: skip


def _pull(dsn: str) -> None:
    """The second half of the busy readers is not pushed to."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        between = (FIRST_PULLED, BUSY.first_reader + BUSY.readers - 1)
        cursor.execute("UPDATE follow_edge SET push = 0 WHERE follower_id BETWEEN %s AND %s", between)
        cursor.execute("DELETE FROM home_feed WHERE reader_id BETWEEN %s AND %s", between)
        cursor.execute("DELETE FROM feed_reader WHERE reader_id BETWEEN %s AND %s", between)


def _feed(platform: Platform, key: str, readers: Sequence[int]) -> Load:
    address, paths = platform.address("api"), [f"/v1/users/{reader}/feed" for reader in readers]
    for path in paths[:20]:
        page = httpx2.get(f"{address}{path}", headers={"X-App-Key": key}).json()
        assert len(page["items"]) == 20, page
    return _load(doors.port_of(address), paths, key)


def _load(port: int, paths: Sequence[str], key: str) -> Load:
    return Load(port, [client.request("GET", path, key) for path in paths], CONNECTIONS, SECONDS)


def _rate(load: Load, plan: Plan) -> float:
    answered = client.run(Load(load.port, load.requests, load.connections, plan.seconds(load.seconds)))
    assert not answered.other, dict(answered.other)
    return answered.per_s


def _lateral_per_s(dsn: str) -> float:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SET jit = off")
        took = []
        for reader in range(FIRST_PULLED, FIRST_PULLED + 100):
            began_s = time.perf_counter()
            cursor.execute(LATERAL, (reader,))
            assert len(cursor.fetchall()) == 20
            took.append(time.perf_counter() - began_s)
    return 1 / statistics.median(took)


@contextmanager
def one_row(dsn: str) -> Iterator[int]:
    """The yardstick, in a process of its own."""
    port = free_origin()
    root = Path(__file__).parent.parent.parent
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.feeds.one_row", str(port)], cwd=root, env=os.environ | {"BENCH_DSN": dsn}
    )
    try:
        _wait_until_it_listens(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_listens(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the yardstick does not listen")
