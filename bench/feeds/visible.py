"""POST to a friend's feed, by GET with the write's position, in an open loop amid other posts; 20 followers each."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import psycopg2

from bench import client, doors, probes
from bench.client import Answered, Load
from bench.feeds.world import FIRST_READER
from bench.harness import Figure, Plan, Told, at_most, quantile
from bench.probes import Probing, Seen
from feedmill.testkit.platform import Platform

RATE = 2_000.0
PROBES_PER_S = 100.0
SECONDS = 20.0
SETTLE_S = 2.0
CONNECTIONS = 64
AUTHORS = 1_000
"""As the background's posts have them, ids 1 to 1,000; each is followed by 20 who read."""

_WORLD = """
INSERT INTO user_profile (id, handle, name, created_at, updated_at)
SELECT n, 'p' || n, 'N', now(), now() FROM (SELECT generate_series(1, %(authors)s) UNION ALL
       SELECT generate_series(%(first)s, %(first)s + %(authors)s - 1)) AS everybody (n) ON CONFLICT DO NOTHING;
INSERT INTO feed_reader (reader_id, read_at, wants_fill)
SELECT n, now(), false FROM generate_series(%(first)s, %(first)s + %(authors)s - 1) n;
INSERT INTO follow_edge (follower_id, followee_id, active, followed_at, origin_offset, push)
SELECT %(first)s + (a + f * 37) %% %(authors)s, 1 + a, true, now(), -1, 2
  FROM generate_series(0, %(authors)s - 1) a, generate_series(0, 19) f;
"""


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    dsn = platform.connections.postgres
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_WORLD, {"authors": AUTHORS, "first": FIRST_READER})
    figures = []
    for rate in (0.0, RATE):
        rounds = []
        for number in range(plan.rounds):
            told(f"round {number + 1} of {plan.rounds} at {rate:,.0f} events/s")
            rounds.append(_round(platform, plan, rate, f"visible-{rate:.0f}-{number}"))
        count = sum(len(seen.feed_ms) for seen in rounds)
        for share in (0.50, 0.99):
            values = [quantile(seen.feed_ms, share) for seen in rounds]
            goal = at_most(25.0) if share > 0.9 and rate else None
            figures.append(
                Figure("visible", f"{rate:,.0f} events/s: POST → a friend's feed, p{share * 100:.0f}", "ms", values,
                       goal=goal, notes=f"{count:,} probes" if share > 0.9 else "")
            )  # fmt: skip
    return figures


def _round(platform: Platform, plan: Plan, rate: float, mark: str) -> Seen:
    key = doors.service_key(platform)
    probing = Probing(
        ingest_port=doors.port_of(platform.address("ingest")),
        api_port=doors.port_of(platform.address("api")),
        clickhouse_url=None,
        pairs=[(1 + a, FIRST_READER + a) for a in range(0, AUTHORS, 10)],
        key=key,
        rate=PROBES_PER_S,
        seconds=plan.seconds(SECONDS),
        mark=f"{mark}-{time.time_ns()}",
    )
    if not rate:
        return probes.run(probing)
    requests = doors.single_requests(key, time.time_ns() % 1_000_000_000)
    load = Load(probing.ingest_port, requests, CONNECTIONS, probing.seconds + 2 * SETTLE_S, rate)
    answered: list[Answered] = []
    background = threading.Thread(target=lambda: answered.append(client.run(load)))
    background.start()
    time.sleep(SETTLE_S)
    seen = probes.run(probing)
    background.join()
    assert answered, "the background failed"
    assert not answered[0].other, f"answers that are no success: {dict(answered[0].other)}"
    return seen
