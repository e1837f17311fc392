"""Family A's mix of calls for Locust: `make locust`, or `locust -f bench/locustfile.py --headless -u 50 -t 60s`.

Reads are three quarters of it, as in a social feed. Whose keys are used: FAMILY_A_KEYS, by commas; without it those of
the demo users (`feedmill up --demo-users`). More people: `feedmill load town`, then `feedmill keys create --owner …`.
"""

import os
import random
from itertools import cycle

from locust import HttpUser, between, task

KEYS = cycle(os.environ.get("FAMILY_A_KEYS", "abc123,abc124,abc125").split(","))
NAMES = os.environ.get("FAMILY_A_NAMES", "ivan,nico,eric").split(",")
"""Whom to follow."""
PAGE = 20


class Reader(HttpUser):  # type: ignore[misc]
    """Somebody who mostly reads, sometimes reacts, and posts now and then."""

    host = f"http://127.0.0.1:{os.environ.get('FEEDMILL_PORT', '5000')}"
    wait_time = between(0.05, 0.5)

    def on_start(self) -> None:
        self.client.headers["X-App-Key"] = next(KEYS)
        self.name = self.client.get("/me").json()["name"]
        self.things: list[str] = []
        self.post()

    @task(50)  # type: ignore[untyped-decorator]
    def read_friends(self) -> None:
        self.client.get("/feed/friends", params={"limit": PAGE}, name="/feed/friends?limit=20")

    @task(15)  # type: ignore[untyped-decorator]
    def read_my(self) -> None:
        self.client.get("/feed/my", params={"limit": PAGE}, name="/feed/my?limit=20")

    @task(10)  # type: ignore[untyped-decorator]
    def me(self) -> None:
        self.client.get("/me")

    @task(10)  # type: ignore[untyped-decorator]
    def post(self) -> None:
        kind = random.choice(("post", "photo"))
        said = self.client.post("/post", json={"type": kind, "content": "from a load test"}).json()
        if said.get("object_id"):
            self.things = [*self.things[-100:], f"{kind}:{said['object_id']}"]

    @task(12)  # type: ignore[untyped-decorator]
    def react(self) -> None:
        if self.things:
            verb = random.choice(("like", "like", "share"))
            self.client.post("/activity", json={"verb": verb, "object": random.choice(self.things)})

    @task(3)  # type: ignore[untyped-decorator]
    def follow_or_not(self) -> None:
        call = random.choice(("follow", "follow", "unfollow"))
        others = [name for name in NAMES if name != self.name]
        if others:
            self.client.post(f"/{call}", json={call: random.choice(others)})
