"""POST to a friend's feed, by GET with the write's position, in an open loop amid other posts; 20 followers each.

Alone, amid single posts, and amid batches of posts at growing rates: where the knee is, and who has the processors
there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing

import httpx2
import psycopg2

from bench import client, doors, probes
from bench.client import Load
from bench.feeds import stages
from bench.feeds.stages import Stages
from bench.feeds.world import FIRST_READER
from bench.harness import Figure, Goal, Plan, Told, at_most, quantile
from bench.probes import Probing, Seen
from feedmill.testkit.platform import Platform

RATES = (0.0, 500.0, 1_000.0, 1_500.0, 2_000.0)
GOAL_RATE = 2_000.0
ONCE = (500.0, 1_000.0, 1_500.0)
"""A round each: where the knee is."""
BATCHED_RATES = (2_000.0, 4_000.0, 6_000.0, 8_000.0)
BATCH = 50
BATCHED_SECONDS = 10.0
PROBES_PER_S = 100.0
SECONDS = 20.0
SETTLE_S = 2.0
WARM_S = 5.0
CONNECTIONS = 64
AUTHORS = 1_000
"""As the background's posts have them, ids 1 to 1,000; each is followed by 20 who read."""

_WORLD = """
INSERT INTO user_profile (id, handle, name, created_at, updated_at)
SELECT n, 'p' || n, 'N', now(), now() FROM (SELECT generate_series(1, %(authors)s) UNION ALL
       SELECT generate_series(%(first)s, %(first)s + %(authors)s - 1)) AS everybody (n) ON CONFLICT DO NOTHING;
INSERT INTO feed_reader (reader_id, read_at, wants_fill)
SELECT n, now(), false FROM generate_series(%(first)s, %(first)s + %(authors)s - 1) n
ON CONFLICT DO NOTHING;
INSERT INTO follow_edge (follower_id, followee_id, active, followed_at, origin_offset, push)
SELECT %(first)s + (a + f * 37) %% %(authors)s, 1 + a, true, now(), -1, 2
  FROM generate_series(0, %(authors)s - 1) a, generate_series(0, 19) f;
"""


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    people(platform.connections.postgres)
    warm(platform)
    figures = []
    for rate in RATES:
        rounds = []
        count = 1 if rate in ONCE else plan.rounds
        for number in range(count):
            told(f"round {number + 1} of {count} at {rate:,.0f} events/s")
            rounds.append(_round(platform, rate, plan.seconds(SECONDS), f"visible-{rate:.0f}-{number}", batch=1))
        figures += _figures(f"{rate:,.0f} events/s", rounds, at_most(25.0) if rate == GOAL_RATE else None)
        caught_up(platform)
    for rate in BATCHED_RATES:
        told(f"batches of {BATCH} at {rate:,.0f} events/s")
        took = _round(platform, rate, plan.seconds(BATCHED_SECONDS), f"batched-{rate:.0f}", batch=BATCH)
        figures += _figures(f"{rate:,.0f} events/s in batches of {BATCH}", [took], None)
        caught_up(platform)
    return figures


def people(dsn: str) -> None:
    """A thousand authors, each followed by 20 who read."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_WORLD, {"authors": AUTHORS, "first": FIRST_READER})


def warm(platform: Platform) -> None:
    """As a store that has lived for a while: some rows, and the planner knows of them."""
    requests = doors.single_requests(doors.service_key(platform), time.time_ns() % 1_000_000_000)
    client.run(Load(doors.port_of(platform.address("ingest")), requests, CONNECTIONS, WARM_S, 1_000.0))
    caught_up(platform)
    with closing(psycopg2.connect(platform.connections.postgres)) as connection:
        connection.autocommit = True
        connection.cursor().execute("ANALYZE")


def caught_up(platform: Platform) -> None:
    """Returns once what was posted is applied: a post behind all of each partition is."""
    key = {"X-App-Key": doors.service_key(platform), "Prefer": "wait=30"}
    events = [
        {"specversion": "1.0", "id": f"last-{time.time_ns()}-{actor}", "source": "bench", "type": "feedmill.post.v1",
         "data": {"actor_id": actor, "object": {"type": "post", "content": "last"}}}
        for actor in range(1, 101)
    ]  # fmt: skip
    with closing(httpx2.Client(base_url=platform.address("ingest"), headers=key, timeout=60)) as door:
        answer = door.post("/v1/events", json=events)
        assert answer.status_code == 200, answer.text


def probing_of(platform: Platform, seconds: float, mark: str, rate: float = PROBES_PER_S) -> Probing:
    """Posts of a hundred of these authors, looked for by a reader of each."""
    return Probing(
        ingest_port=doors.port_of(platform.address("ingest")),
        api_port=doors.port_of(platform.address("api")),
        clickhouse_url=None,
        pairs=[(1 + a, FIRST_READER + a) for a in range(0, AUTHORS, 10)],
        key=doors.service_key(platform),
        rate=rate,
        seconds=seconds,
        mark=f"{mark}-{time.time_ns()}",
    )


def _round(platform: Platform, rate: float, seconds: float, mark: str, *, batch: int) -> tuple[Seen, Stages]:
    probing = probing_of(platform, seconds, mark)
    seen: list[Seen] = []

    def probe() -> None:
        seen.append(probes.run(probing))

    if not rate:
        return _with(platform, seen, stages.watched(platform, probe))
    seed = time.time_ns() % 1_000_000_000
    single = batch == 1
    requests = doors.single_requests(probing.key, seed) if single else doors.batch_requests(probing.key, seed, batch)
    load = Load(probing.ingest_port, requests, CONNECTIONS, seconds + 2 * SETTLE_S, rate / batch)
    with client.amid(load, SETTLE_S):
        watched = stages.watched(platform, probe)
    return _with(platform, seen, watched)


def _with(platform: Platform, seen: Sequence[Seen], watched: Stages) -> tuple[Seen, Stages]:
    assert seen, "the probes failed"
    watched.hops_ms = stages.hops_of(platform.connections.postgres, seen[0].seen_at_s)
    return seen[0], watched


def _figures(amid: str, rounds: Sequence[tuple[Seen, Stages]], goal: Goal | None) -> list[Figure]:
    count = sum(len(seen.feed_ms) for seen, _ in rounds)
    late = sum(seen.late for seen, _ in rounds)
    looked_for = f"{count:,} probes, {late:,} of them not within {probes.LATE_S:.0f} s"
    last = f"{looked_for}; of the last round: {'; '.join(rounds[-1][1].lines())}"
    return [
        Figure(
            "visible", f"{amid}: POST → {what}, p{share * 100:.0f}", "ms",
            [quantile(getattr(seen, name), share) for seen, _ in rounds],
            goal=goal if share > 0.9 and name == "feed_ms" else None,
            notes=last if share > 0.9 and name == "feed_ms" else "",
        )
        for what, name in (("acknowledged", "acked_ms"), ("a friend's feed", "feed_ms"))
        for share in (0.50, 0.99)
    ]  # fmt: skip
