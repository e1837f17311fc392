"""POST to a follower's feed and POST to a row in fact_activity, in an open loop, while other events flow."""

from __future__ import annotations

import time

from bench import client, doors, probes
from bench.client import Load
from bench.harness import Figure, Plan, Told, quantile
from bench.probes import Probing, Seen
from feedmill.cli import api_keys
from feedmill.testkit.people import Operator
from feedmill.testkit.platform import Platform

BACKGROUND = (500.0, 2_000.0)
PROBES_PER_S = 100.0
SECONDS = 20.0
"""A round: 2,000 probes."""
PAIRS = 10
"""Authors, each with a follower."""
SETTLE_S = 2.0
"""Background first: nothing is measured while it begins."""
CONNECTIONS = 64


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    operator = Operator(platform)
    pairs = [(author.id, reader.id) for author, reader in (operator.people("author", "reader") for _ in range(PAIRS))]
    operator.send(*(_follow(reader_id, author_id) for author_id, reader_id in pairs))
    scopes = ("events:write", "feeds:read")
    key = api_keys.create_for_service(platform.connections.postgres, "bench-probes", scopes).key
    figures: list[Figure] = []
    for rate in BACKGROUND:
        rounds = []
        for number in range(plan.rounds):
            told(f"round {number + 1} of {plan.rounds} at {rate:,.0f} events/s")
            rounds.append(
                _round(
                    platform,
                    Probing(
                        ingest_port=doors.port_of(platform.address("ingest")),
                        api_port=doors.port_of(platform.address("api")),
                        clickhouse_url=platform.connections.clickhouse,
                        pairs=pairs,
                        key=key,
                        rate=PROBES_PER_S,
                        seconds=plan.seconds(SECONDS),
                        mark=f"probe-{rate:.0f}-{number}",
                    ),
                    rate,
                )
            )
        figures += _figures(rate, rounds)
    operator.close()
    return figures


def _round(platform: Platform, probing: Probing, rate: float) -> Seen:
    """Probes amid a background that began before them and ends after them."""
    key = doors.service_key(platform)
    requests = doors.single_requests(key, time.time_ns() % 1_000_000_000)
    load = Load(probing.ingest_port, requests, CONNECTIONS, probing.seconds + 2 * SETTLE_S, rate)
    with client.amid(load, SETTLE_S):
        return probes.run(probing)


def _figures(rate: float, rounds: list[Seen]) -> list[Figure]:
    figures = []
    for what, name in (("a follower's feed, by GET", "feed_ms"), ("fact_activity", "warehouse_ms")):
        count = sum(len(getattr(seen, name)) for seen in rounds)
        for share in (0.50, 0.99):
            values = [quantile(getattr(seen, name), share) for seen in rounds]
            late = sum(seen.missing for seen in rounds)
            figures.append(
                Figure(
                    "freshness",
                    f"{rate:,.0f} events/s: POST → {what}, p{share * 100:.0f}",
                    "ms",
                    values,
                    notes=f"{count:,} probes, {late} never seen" if share > 0.9 else "",
                )
            )
    return figures


def _follow(reader_id: int, author_id: int) -> dict[str, object]:
    data = {"actor_id": reader_id, "object": {"type": "user", "id": author_id}}
    ce_id = f"follow-{reader_id}"
    return {"specversion": "1.0", "id": ce_id, "source": "bench", "type": "feedmill.follow.v1", "data": data}
