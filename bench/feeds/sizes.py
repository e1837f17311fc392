"""A page over HTTP with a key checked, where feeds have 10 M rows beside 10 k: one client, in turns."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing

import httpx2
import psycopg2
from psycopg2.extras import execute_values

from bench import doors
from bench.feeds.apis import an_api
from bench.harness import Figure, Plan, Told, at_most, quantile
from feedmill.testkit.platform import Platform

LOOKS = 600
TURN = 20
"""So many pages of the one, then of the other: what slows the machine down slows both."""


def over_http(
    platform: Platform, small: str, readers: Mapping[str, Sequence[int]], plan: Plan, told: Told
) -> list[Figure]:
    """readers: of "10 M", the platform's own database, and of "10 k", the one at `small`."""
    key = doors.service_key(platform)
    _copy_keys(platform.connections.postgres, small)
    with (
        an_api(platform, "large", {}) as large,
        an_api(platform, "small", {"FEEDMILL_POSTGRES_DSN": small}) as little,
        httpx2.Client(base_url=f"http://127.0.0.1:{large.port}", headers={"X-App-Key": key}) as of_large,
        httpx2.Client(base_url=f"http://127.0.0.1:{little.port}", headers={"X-App-Key": key}) as of_little,
    ):
        clients = {"10 M": of_large, "10 k": of_little}
        taken: dict[str, list[float]] = {name: [] for name in clients}
        for number in range(plan.rounds + 1):
            told(f"over HTTP, round {number} of {plan.rounds}")
            took_ms: dict[str, list[float]] = {name: [] for name in clients}
            for turn in range(plan.records(LOOKS, at_least=100) // TURN):
                for name, client in clients.items():
                    took_ms[name] += [_page_ms(client, readers[name], turn * TURN + look) for look in range(TURN)]
            if number:
                for name in clients:
                    taken[name].append(quantile(took_ms[name], 0.5))
    return [
        Figure(
            "feed page", "page of 20 over HTTP, key checked, 10 M rows of feeds", "ms", taken["10 M"], taken["10 k"],
            "ms at 10 k", at_most(1.25), notes="medians of one client",
        )
    ]  # fmt: skip


def _page_ms(client: httpx2.Client, readers: Sequence[int], number: int) -> float:
    began_s = time.perf_counter()
    answer = client.get(f"/v1/users/{readers[number % len(readers)]}/feed?limit=20")
    took_ms = (time.perf_counter() - began_s) * 1_000
    assert answer.status_code == 200, answer.text
    return took_ms


def _copy_keys(one: str, other: str) -> None:
    with closing(psycopg2.connect(one)) as source, source.cursor() as cursor:
        cursor.execute("SELECT id::text, key_hash, user_id, owner, scopes FROM api_key")
        found = cursor.fetchall()
    with closing(psycopg2.connect(other)) as target, target, target.cursor() as cursor:
        execute_values(cursor, "INSERT INTO api_key (id, key_hash, user_id, owner, scopes) VALUES %s", found)
