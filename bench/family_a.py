"""Family A's three measured calls through the real services, keys checked, beside the system they replace.

That one was measured as it is (gunicorn, one worker, the same machine's kind, on another day): its figures are given,
not taken here, and stand beside without a goal.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from bench import client
from bench.client import Load
from bench.doors import port_of
from bench.harness import Figure, Plan, Told, interleave
from bench.people import posts, reader_of
from feedmill.testkit.people import Operator
from feedmill.testkit.platform import Platform

CONNECTIONS = 32
SECONDS = 4.0
WRITERS = 16
POSTS = 500

OLD_ACTIVITY, OLD_FEED_20, OLD_FEED_2000 = 183.0, 212.0, 27.7
"""Requests a second of the old system: POST /activity; GET /feed/friends with 20 and with 2,000 rows."""


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    operator = Operator(platform)
    told("making people, posts and follows")
    small = reader_of(operator, 20, authors=4)
    large = reader_of(operator, 2_000, authors=10)
    ingest, api = port_of(platform.address("ingest")), port_of(platform.address("api"))
    seconds = plan.seconds(SECONDS)

    def case(port: int, requests: list[bytes]) -> Callable[[], float]:
        def measured() -> float:
            answered = client.run(Load(port, requests, CONNECTIONS, seconds))
            assert not answered.other, f"answers that are no success: {dict(answered.other)}"
            return answered.per_s

        return measured

    def feed(key: str, query: str = "") -> list[bytes]:
        return [client.request("GET", f"/feed/friends{query}", key)]

    cases = {
        "POST /activity": case(ingest, _likes(operator)),
        "GET /feed/friends, 20 rows": case(api, feed(small.person.key)),
        "GET /feed/friends, 2,000 rows": case(api, feed(large.person.key)),
        "GET /feed/friends?limit=20, 2,000 rows": case(api, feed(large.person.key, "?limit=20")),
    }
    taken = interleave(cases, plan, told)
    operator.close()
    old = {
        "POST /activity": OLD_ACTIVITY,
        "GET /feed/friends, 20 rows": OLD_FEED_20,
        "GET /feed/friends, 2,000 rows": OLD_FEED_2000,
        "GET /feed/friends?limit=20, 2,000 rows": OLD_FEED_2000,
    }
    notes = {
        "POST /activity": "answered once the like can be read; the old system answered after its own commit",
        "GET /feed/friends, 2,000 rows": "the newest 1,000 in one answer, as the setting says; the old one sends all",
    }
    return [
        Figure(
            "family-a",
            what,
            "requests/s",
            one.values,
            [old[what]],
            "requests/s of the old system (given)",
            notes=notes.get(what, ""),
        )
        for what, one in taken.items()
    ]


def _likes(operator: Operator) -> list[bytes]:
    """A request for each of many likes, by several people, of many posts."""
    writers = operator.people(*["writer"] * WRITERS)
    ids = posts(operator, writers[:1], POSTS)
    rng = random.Random(1)
    pairs = [(writer, thing) for writer in writers for thing in ids]
    rng.shuffle(pairs)
    return [
        client.request(
            "POST", "/activity", writer.key, json.dumps({"verb": "like", "object": f"post:{thing}"}).encode()
        )
        for writer, thing in pairs
    ]
