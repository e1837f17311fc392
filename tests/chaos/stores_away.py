"""Stores away: each is stopped for a while under load. The others go on, and all of it arrives when it is back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from chaos.checker import check_all
from chaos.contents import Check
from chaos.fire import Fight, LoadThread, Outcome, wait_for_rest
from chaos.ledger import read_ledger
from chaos.observed import observe
from chaos.stage import QUIET_TIMEOUT_S, Stage
from feedmill.cli import api_keys
from feedmill.testkit.waiting import let_pass

AT_ONCE_S = 1.0
"""What a caller may be kept waiting for the news that a store is away."""
NOTICE_S = 3.0
"""How long a store may be away before everybody must know."""
EVENTS_PER_S = 100.0
OWN = "chaos/away"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    seconds: float
    retry_after: str | None

    @classmethod
    def of(cls, ask: Callable[[], httpx2.Response]) -> Answer:
        began = time.monotonic()
        response = ask()
        return cls(response.status_code, time.monotonic() - began, response.headers.get("retry-after"))


@dataclass(frozen=True, slots=True)
class Caller:
    """One user of family A and one client of `/v1`, calling the services directly."""

    stage: Stage
    http: httpx2.Client
    user_key: str
    user_id: int

    def feed(self) -> Answer:
        url = f"{self.stage.platform.address('api')}/v1/users/{self.user_id}/feed"
        return Answer.of(lambda: self.http.get(url, headers={"X-App-Key": self.user_key}))

    def family_write(self) -> Answer:
        url = f"{self.stage.ingest_url}/post"
        body = {"type": "post", "content": "a family's write"}
        return Answer.of(lambda: self.http.post(url, json=body, headers={"X-App-Key": self.user_key}))

    def event(self, number: int) -> Answer:
        """A mute: nothing of it is judged against a store."""
        data = {"actor_id": self.user_id, "object": {"type": "user", "id": self.user_id + 1 + number}}
        name = f"away-{number}"
        event = {"specversion": "1.0", "id": name, "source": OWN, "type": "feedmill.mute.v1", "data": data}
        url = f"{self.stage.ingest_url}/v1/events"
        return Answer.of(lambda: self.http.post(url, json=event, headers={"X-App-Key": self.stage.key}))


@contextmanager
def a_caller(stage: Stage) -> Iterator[Caller]:
    with httpx2.Client(timeout=40.0) as http:
        admin = api_keys.create_for_service(stage.stores.postgres, "chaos-admin", ("admin",)).key
        made = http.post(
            f"{stage.ingest_url}/v1/users", json={"handle": "away", "name": "Away"}, headers={"X-App-Key": admin}
        )
        made.raise_for_status()
        key = api_keys.create_for_user(stage.stores.postgres, "away", key="away-key").key
        yield Caller(stage, http, key, int(made.json()["id"]))


@contextmanager
def away(stage: Stage, store: str) -> Iterator[None]:
    stage.platform.down(store)
    try:
        yield
    finally:
        stage.platform.start(store)
        stage.platform.wait_ready(store)


def answers_for(seconds: float, ask: Callable[[], Answer]) -> list[Answer]:
    until = time.monotonic() + seconds
    answers = []
    while time.monotonic() < until:
        answers.append(ask())
        let_pass(0.1)
    return answers


def clickhouse_away(caller: Caller, seconds: float) -> Check:
    with away(caller.stage, "clickhouse"):
        answers = answers_for(seconds, caller.feed)
    check = Check(f"A ClickHouse away for {seconds:g} s: feeds go on", len(answers))
    check.problems += [f"{a.status} after {a.seconds:.2f} s" for a in answers if a.status != 200]
    check.problems += [f"a feed took {a.seconds:.2f} s" for a in answers if a.seconds > AT_ONCE_S]
    return check


def postgres_away(caller: Caller, seconds: float) -> list[Check]:
    with away(caller.stage, "postgres"):
        let_pass(NOTICE_S)
        writes = answers_for(seconds / 2, caller.family_write)
        numbers = iter(range(1, 1_000_000))
        events = answers_for(seconds / 2, lambda: caller.event(next(numbers)))
    families = Check("A Postgres away: families answer 503 at once, with Retry-After", len(writes))
    families.problems += [f"{a.status}" for a in writes if a.status != 503]
    families.problems += ["no Retry-After" for a in writes if a.retry_after is None]
    families.problems += [f"kept waiting {a.seconds:.2f} s" for a in writes if a.seconds > AT_ONCE_S]
    doors = Check(f"A Postgres away for {seconds:g} s: POST /v1/events goes on with 202", len(events))
    doors.problems += [f"{a.status} after {a.seconds:.2f} s" for a in events if a.status != 202]
    return [families, doors]


def kafka_away(caller: Caller, seconds: float) -> Check:
    with away(caller.stage, "kafka"):
        let_pass(NOTICE_S)
        numbers = iter(range(1_000_000, 2_000_000))
        answers = answers_for(seconds, lambda: caller.event(next(numbers)))
    check = Check(f"A Kafka away for {seconds:g} s: 503 with Retry-After", len(answers))
    check.problems += [f"{a.status} after {a.seconds:.2f} s" for a in answers if a.status != 503]
    check.problems += ["no Retry-After" for a in answers if a.retry_after is None]
    return check


def stores_away(stage: Stage, seed: int, seconds: float, told: Callable[[str], None]) -> Outcome:
    """All three, one after the other, under one load; then everything must have arrived, once."""
    load = LoadThread(stage, Fight(seed, 100, EVENTS_PER_S, ()))
    checks: list[Check] = []
    with a_caller(stage) as caller:
        load.start()
        try:
            told(f"ClickHouse away for {seconds:g} s")
            checks.append(clickhouse_away(caller, seconds))
            checks.append(catches_up(stage, "ClickHouse"))
            told(f"Postgres away for {seconds:g} s")
            checks += postgres_away(caller, seconds)
            checks.append(catches_up(stage, "Postgres"))
            told(f"Kafka away for {seconds:g} s")
            checks.append(kafka_away(caller, seconds))
        finally:
            load.release()
        load.join()
    liveness = Check("A Kafka was away: all of it arrives by itself", 1)
    rest_s = wait_for_rest(stage, liveness, QUIET_TIMEOUT_S)
    ledger = read_ledger(stage.ledger_path)
    observed = observe(stage.stores)
    checks += [liveness, *check_all(ledger, observed, others=(OWN, "/v1/users", "/post"))]
    figures: dict[str, object] = {
        "sent": load.sent,
        "acknowledged": len(ledger.acked),
        "caught up in": f"{rest_s:.1f} s",
        "ended by themselves": stage.restarts,
        "answers": dict(load.door.statuses),
    }
    return Outcome(checks, [], figures)


def catches_up(stage: Stage, store: str) -> Check:
    """With the load going on: what is in the log now must be applied soon."""
    check = Check(f"A {store} is back: it catches up by itself", 1)
    goal = stage.ends_now()
    until = time.monotonic() + QUIET_TIMEOUT_S
    while not stage.applied(goal):
        if time.monotonic() > until:
            check.problems.append(f"not caught up after {QUIET_TIMEOUT_S:.0f} s")
            break
        let_pass(0.2)
    return check
