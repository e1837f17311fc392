"""One post of a star, pulled: when followers see it after it is applied, with 10,000 and with 1,000,000 of them.

And what others notice of it: POST to a friend's feed of authors with 20 readers, calm and while the star posts.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from contextlib import closing

import httpx2
import psycopg2

from bench import doors, probes
from bench.feeds import visible
from bench.feeds.world import FIRST_AUTHOR, FIRST_READER
from bench.harness import Figure, Plan, Told, at_most, quantile
from feedmill.testkit.platform import Platform

FOLLOWERS = (10_000, 1_000_000)
POSTS = 10
LOOKS = 20
"""Followers who look at their feed after each post."""
OTHERS_S = 10.0
OTHERS_PER_S = 50.0
STAR_EVERY_S = 0.25

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
        told("what others notice of a star with 10,000 followers")
        visible.people(platform.connections.postgres)
        visible.warm(platform)
        others = [_others(platform, plan, door, number, told) for number in range(plan.rounds)]
    for share in (0.50, 0.99):
        calm, meanwhile = ([quantile(taken[place], share) for taken in others] for place in (0, 1))
        figures.append(
            Figure("stars", f"others' POST → a friend's feed while the star posts, p{share * 100:.0f}", "ms", meanwhile,
                   calm, "ms while it is calm", at_most(2.0) if share > 0.9 else None)
        )  # fmt: skip
    return figures


def _others(
    platform: Platform, plan: Plan, door: httpx2.Client, number: int, told: Told
) -> tuple[list[float], list[float]]:
    """Calm, and while the star with 10,000 followers posts four times a second; which comes first takes turns."""
    taken: dict[bool, list[float]] = {}
    for star_posts in (False, True) if number % 2 == 0 else (True, False):
        told(f"round {number + 1} of {plan.rounds}: {'the star posts' if star_posts else 'calm'}")
        over = threading.Event()
        star = threading.Thread(target=_keep_posting, args=(door, FIRST_AUTHOR + 900_000, over))
        if star_posts:
            star.start()
        probing = visible.probing_of(platform, plan.seconds(OTHERS_S), f"others-{star_posts}", OTHERS_PER_S)
        taken[star_posts] = probes.run(probing).feed_ms
        over.set()
        if star_posts:
            star.join()
    return taken[False], taken[True]


def _keep_posting(door: httpx2.Client, star: int, over: threading.Event) -> None:
    while not over.wait(STAR_EVERY_S):
        _post(door, star)


def _post(door: httpx2.Client, star: int) -> str:
    """Its event id, once it is applied."""
    data = {"actor_id": star, "object": {"type": "post", "content": "hello"}}
    event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "bench", "type": "feedmill.post.v1", "data": data}
    answer = door.post("/v1/events", json=[event], headers={"Prefer": "wait=10"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["results"][0]["event_id"])


def _post_and_look(door: httpx2.Client, feeds: httpx2.Client, star: int, number: int) -> list[float]:
    """Milliseconds of each look that must show the post, which is applied."""
    event_id, took = _post(door, star), []
    for follower in random.sample(range(FIRST_READER, FIRST_READER + number), LOOKS):
        began_s = time.perf_counter()
        page = feeds.get(f"/v1/users/{follower}/feed")
        took.append((time.perf_counter() - began_s) * 1_000)
        assert event_id in page.text
    return took
