"""Event to analyst-visible: a post, until it is a row of fact_activity, while 2,000 events a second flow.

The others come in batches of 50, as a service sends them, in the mix of verbs; the probes are single posts at fixed
times.
Nobody reads feeds meanwhile: `freshness` measures both at once, with every event a request of its own.
"""

from __future__ import annotations

import time
from contextlib import closing

import psycopg2

from bench import client, doors, probes
from bench.client import Load
from bench.harness import Figure, Plan, Told, at_most, quantile
from bench.ingest_batch import batches
from bench.probes import Probing, Seen
from feedmill.cli import api_keys
from feedmill.cli.migrate import clickhouse_client
from feedmill.testkit.people import Operator
from feedmill.testkit.platform import Platform

RATE = 2_000.0
BATCH = 50
PROBES_PER_S = 50.0
SECONDS = 25.0
AUTHORS = 10
SETTLE_S = 3.0
CONNECTIONS = 8

HOPS = ("door → log", "log → enriched", "enriched → insert begun")
Stages = dict[str, list[float]]
"""Hop -> milliseconds, probe by probe."""


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    operator = Operator(platform)
    authors = [user.id for user in operator.people(*(f"author{n}" for n in range(AUTHORS)))]
    operator.close()
    key = api_keys.create_for_service(platform.connections.postgres, "bench-probes", ("events:write",)).key
    rounds, stages = [], Stages()
    for number in range(plan.rounds):
        told(f"round {number + 1} of {plan.rounds}")
        seen = one_round(platform, authors, key, f"analyst-{number}", plan.seconds(SECONDS))
        rounds.append(seen)
        for hop, values in stages_of(platform, seen).items():
            stages.setdefault(hop, []).extend(values)
    return _figures(rounds, stages)


def one_round(platform: Platform, authors: list[int], key: str, mark: str, seconds: float) -> Seen:
    """Probes amid a background that began before them and ends after them."""
    probing = Probing(
        ingest_port=doors.port_of(platform.address("ingest")),
        api_port=doors.port_of(platform.address("api")),
        clickhouse_url=platform.connections.clickhouse,
        pairs=[(author, author) for author in authors],
        key=key,
        rate=PROBES_PER_S,
        seconds=seconds,
        mark=mark,
        feeds=False,
    )
    requests = batches(key, time.time_ns() % 1_000_000_000, size=BATCH)
    load = Load(probing.ingest_port, requests, CONNECTIONS, seconds + 2 * SETTLE_S, RATE / BATCH)
    with client.amid(load, SETTLE_S):
        return probes.run(probing)


def stages_of(platform: Platform, seen: Seen) -> Stages:
    """Where the probes' time went, as the rows themselves say; what is left lies between insert and the next look."""
    with closing(psycopg2.connect(platform.connections.postgres)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_id::text, occurred_at, accepted_at, enriched_at FROM activity"
            " WHERE event_id = ANY(%s::uuid[])",
            (seen.event_ids,),
        )
        hops = {row[0]: [moment.timestamp() * 1_000 for moment in row[1:]] for row in cursor.fetchall()}
    with closing(clickhouse_client(platform.connections.clickhouse)) as warehouse:
        asked = "SELECT toString(event_id), toUnixTimestamp64Milli(inserted_at) FROM fact_activity"
        found = warehouse.query(asked + " WHERE event_id IN %(ids)s", {"ids": seen.event_ids})
        for event_id, inserted_ms in found.result_rows:
            hops[event_id].append(float(inserted_ms))
    each = [moments for moments in hops.values() if len(moments) == len(HOPS) + 1]
    return {hop: [moments[n + 1] - moments[n] for moments in each] for n, hop in enumerate(HOPS)}


def _figures(rounds: list[Seen], stages: Stages) -> list[Figure]:
    count, late = sum(len(seen.warehouse_ms) for seen in rounds), sum(seen.missing for seen in rounds)
    hops = "; ".join(f"{hop} {quantile(each, 0.5):.0f} / {quantile(each, 0.99):.0f} ms" for hop, each in stages.items())
    what = f"{RATE:,.0f} events/s in batches of {BATCH}: POST → fact_activity"
    return [
        Figure(
            "analyst-visible",
            f"{what}, p{share * 100:.0f}",
            "ms",
            [quantile(seen.warehouse_ms, share) for seen in rounds],
            goal=at_most(2_000.0) if share > 0.9 else None,
            notes=f"{count:,} probes, {late} never seen; p50 / p99 of {hops}" if share > 0.9 else "",
        )
        for share in (0.50, 0.99)
    ]
