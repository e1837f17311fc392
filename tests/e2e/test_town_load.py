"""`feedmill load town`: everything accepted is seen at both ends, once, also when services die under the load."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime

import pytest

from feedmill.cli.api_keys import transaction
from feedmill.cli.arrivals import clickhouse
from feedmill.cli.load import Report, Target, load_town
from feedmill.cli.town import Plan
from feedmill.testkit.people import Operator

pytestmark = pytest.mark.e2e

TIMEOUT_S = 240.0
KILLED = ("ingest", "enricher", "feed-writer-postgres", "feed-writer-clickhouse", "api")
COUNT_SQL = "SELECT verb, count(*) FROM activity WHERE actor_id = ANY(%s) GROUP BY verb"
FACTS_SQL = "SELECT verb, count() FROM fact_activity WHERE actor_id IN %(people)s GROUP BY verb"
"""Raw, not FINAL: a repeat that the enricher remembers leaves no second row either."""


def load(operator: Operator, plan: Plan, moved: Counter[str] | None = None) -> Report:
    seen = Counter[str]() if moved is None else moved
    target = Target(operator.platform.origin, operator.key, operator.platform.connections)

    def count(name: str, number: int) -> None:
        seen[name] += number

    return asyncio.run(load_town(target, plan, count, TIMEOUT_S))


def in_both_stores(operator: Operator, people: list[int]) -> tuple[Counter[str], Counter[str]]:
    """Activities of these people by verb, of those a town has: generated requests elsewhere may have named them."""
    connections = operator.platform.connections
    with transaction(connections.postgres) as cursor:
        cursor.execute(COUNT_SQL, (people,))
        kept = Counter(dict(cursor.fetchall()))
    with closing(clickhouse(connections.clickhouse)) as client:
        rows = client.query(FACTS_SQL, parameters={"people": people}).result_rows
    facts = Counter({str(row[0]): int(row[1]) for row in rows})
    for counted in (kept, facts):
        del counted["user-created"], counted["feed-read"]
    return kept, facts


def test_a_town_is_there_once_however_often_it_is_sent(operator: Operator) -> None:
    plan = Plan(users=40, events=900, seed=11, until=datetime.now(UTC))
    moved = Counter[str]()
    first, again = load(operator, plan, moved), load(operator, plan)
    assert first.complete
    assert again.complete
    assert first.ids == again.ids
    assert first.accepted == again.accepted
    assert moved == {"people": 42, "accepted": 900, "Postgres": 900, "ClickHouse": 900}
    assert in_both_stores(operator, first.ids.people) == (first.accepted, first.accepted)


def test_its_latencies_are_measured_while_it_lasts(operator: Operator) -> None:
    report = load(operator, Plan(users=20, events=500, seed=12, until=datetime.now(UTC)))
    for latency in (report.to_feed, report.to_warehouse):
        assert latency.count > 0
        assert 0 < latency.p50_ms <= latency.p99_ms < TIMEOUT_S * 1e3
    assert 0 < report.accepted_in_s <= report.all_seen_in_s


def test_services_that_die_under_the_load_come_back_and_nothing_is_lost_or_doubled(operator: Operator) -> None:
    platform = operator.platform
    plan = Plan(users=60, events=4_000, seed=13, until=datetime.now(UTC))
    moved = Progress()
    before = {name: platform.ends(name) for name in KILLED}

    def kill_each_in_turn() -> None:
        for number, name in enumerate(KILLED, start=1):
            moved.wait_for("accepted", number * 500)
            platform.kill(name)

    killer = threading.Thread(target=kill_each_in_turn)
    killer.start()
    report = load(operator, plan, moved)
    killer.join()
    assert all(platform.ends(name) > before[name] for name in KILLED)
    platform.wait_ready()
    assert report.complete
    assert report.events == 4_000
    assert in_both_stores(operator, report.ids.people) == (report.accepted, report.accepted)


class Progress(Counter[str]):
    """Counts that another thread can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._moved = threading.Condition()

    def __setitem__(self, name: str, count: int) -> None:
        with self._moved:
            super().__setitem__(name, count)
            self._moved.notify_all()

    def wait_for(self, name: str, count: int) -> None:
        with self._moved:
            assert self._moved.wait_for(lambda: self[name] >= count, TIMEOUT_S)
