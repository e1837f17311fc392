"""What a follow and an unfollow cost the caller, however much hangs on them; POST until it is applied."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx2

from bench import doors
from bench.feeds.world import FIRST_AUTHOR, FIRST_READER, Network, build
from bench.harness import Figure, Plan, Told, at_most, quantile
from feedmill.testkit.platform import Platform

PROLIFIC = Network(authors=1, posts=1_000_000, readers=0, follows=0)
ONE = Network(
    authors=1, posts=100_000, readers=30, follows=1,
    first_author=FIRST_AUTHOR + 600_000, first_reader=FIRST_READER + 600_000, first_object=9_000_000,
)  # fmt: skip
"""Each reader has 100,000 pushed rows, all of one author."""


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    dsn = platform.connections.postgres
    told("an author with 1,000,000 posts, and 30 readers with 100,000 pushed rows of one author")
    build(dsn, PROLIFIC)
    people = Network(authors=1, posts=1, readers=300, follows=0, first_author=FIRST_AUTHOR + 700_000,
                     first_reader=FIRST_READER + 700_000, first_object=9_500_000)  # fmt: skip
    build(dsn, people)
    build(dsn, ONE)
    with caller_of(platform) as caller:
        for reader in list(people.reader_ids())[:50]:
            caller.say("follow", reader, people.first_author)  # warm
        follow = [caller.say("follow", reader, FIRST_AUTHOR) for reader in list(people.reader_ids())[100:300]]
        page = [caller.read(reader) for reader in list(people.reader_ids())[100:300]]
        unfollow = [caller.say("unfollow", reader, ONE.first_author) for reader in ONE.reader_ids()]
        after = [caller.read(reader) for reader in ONE.reader_ids()]
    return [
        _figure("follow of an author with 1,000,000 posts, until applied", follow, 50),
        _figure("the first page after it, pulled", page, None),
        _figure("unfollow of an author with 100,000 pushed rows, until applied", unfollow, 50),
        _figure("the first page after it, 100,000 dead rows not yet swept", after, 20),
    ]


def _figure(what: str, took_ms: list[float], goal_ms: float | None) -> Figure:
    return Figure(
        "follows", f"{what}, p99 of {len(took_ms)}", "ms", [quantile(took_ms, 0.99)],
        goal=None if goal_ms is None else at_most(goal_ms), notes=f"median {quantile(took_ms, 0.5):.1f} ms",
    )  # fmt: skip


class Caller:
    """One who waits for each answer."""

    def __init__(self, platform: Platform) -> None:
        key = {"X-App-Key": doors.service_key(platform)}
        self.door = httpx2.Client(base_url=platform.address("ingest"), headers=key, timeout=30)
        self.feeds = httpx2.Client(base_url=platform.address("api"), headers=key, timeout=30)

    def say(self, verb: str, actor: int, whom: int) -> float:
        """Milliseconds until it is applied."""
        return self._sent(verb, {"actor_id": actor, "object": {"type": "user", "id": whom}})

    def write(self, author: int) -> float:
        """Milliseconds until a post is applied."""
        return self._sent("post", {"actor_id": author, "object": {"type": "post", "content": "Worth reading"}})

    def _sent(self, verb: str, data: dict[str, object]) -> float:
        event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "bench", "type": f"feedmill.{verb}.v1"}
        body = json.dumps(event | {"data": data})
        began_s = time.perf_counter()
        answer = self.door.post(
            "/v1/events", content=body, headers={"Prefer": "wait=10", "Content-Type": "application/json"}
        )
        took_ms = (time.perf_counter() - began_s) * 1_000
        assert answer.status_code == 200, answer.text
        assert answer.json()["results"][0]["status"] == "accepted", answer.text
        return took_ms

    def read(self, reader: int) -> float:
        began_s = time.perf_counter()
        answer = self.feeds.get(f"/v1/users/{reader}/feed")
        took_ms = (time.perf_counter() - began_s) * 1_000
        assert answer.status_code == 200, answer.text
        return took_ms


@contextmanager
def caller_of(platform: Platform) -> Iterator[Caller]:
    caller = Caller(platform)
    with closing(caller.door), closing(caller.feeds):
        yield caller
