"""One post of a star, pulled: when followers see it after it is applied, with 10,000 and with 1,000,000 of them."""

from __future__ import annotations

import random
import time
import uuid
from contextlib import closing

import httpx2
import psycopg2

from bench import doors
from bench.feeds.world import FIRST_AUTHOR, FIRST_READER
from bench.harness import Figure, Plan, Told, at_most, quantile
from feedmill.testkit.platform import Platform

FOLLOWERS = (10_000, 1_000_000)
POSTS = 10
LOOKS = 20
"""Followers who look at their feed after each post."""

_WORLD = """
INSERT INTO user_profile (id, handle, name, created_at, updated_at)
SELECT n, 's' || n, 'N', now(), now() FROM generate_series(%(first)s, %(first)s + %(number)s - 1) n
ON CONFLICT DO NOTHING;
INSERT INTO user_profile (id, handle, name, created_at, updated_at)
VALUES (%(star)s, 'star' || %(star)s, 'S', now(), now());
INSERT INTO follow_edge (follower_id, followee_id, active, followed_at, origin_offset)
SELECT n, %(star)s, true, now(), -1 FROM generate_series(%(first)s, %(first)s + %(number)s - 1) n;
"""


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    key = {"X-App-Key": doors.service_key(platform)}
    figures = []
    with (
        closing(httpx2.Client(base_url=platform.address("ingest"), headers=key, timeout=30)) as door,
        closing(httpx2.Client(base_url=platform.address("api"), headers=key, timeout=30)) as feeds,
    ):
        for place, number in enumerate(FOLLOWERS):
            told(f"a star with {number:,} followers")
            star = FIRST_AUTHOR + 900_000 + place
            with closing(psycopg2.connect(platform.connections.postgres)) as connection, connection:
                connection.cursor().execute(_WORLD, {"first": FIRST_READER, "number": number, "star": star})
            seen_ms = [ms for _ in range(POSTS) for ms in _post_and_look(door, feeds, star, number)]
            figures.append(
                Figure("stars", f"a post of an author with {number:,} followers, applied → seen, p99", "ms",
                       [quantile(seen_ms, 0.99)], goal=at_most(100.0),
                       notes=f"median {quantile(seen_ms, 0.5):.1f} ms of {len(seen_ms)} GETs one after the other")
            )  # fmt: skip
    return figures


def _post_and_look(door: httpx2.Client, feeds: httpx2.Client, star: int, number: int) -> list[float]:
    """Milliseconds of each look that must show the post, which is applied."""
    data = {"actor_id": star, "object": {"type": "post", "content": "hello"}}
    event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "bench", "type": "feedmill.post.v1", "data": data}
    answer = door.post("/v1/events", json=[event], headers={"Prefer": "wait=10"})
    assert answer.status_code == 200, answer.text
    event_id, took = answer.json()["results"][0]["event_id"], []
    for follower in random.sample(range(FIRST_READER, FIRST_READER + number), LOOKS):
        began_s = time.perf_counter()
        page = feeds.get(f"/v1/users/{follower}/feed")
        took.append((time.perf_counter() - began_s) * 1_000)
        assert event_id in page.text
    return took
