"""What someone reads, asked over HTTP at a million and at ten million readings; and how soon a thousand are counted."""

from __future__ import annotations

import http.client
import json
import random
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from urllib.parse import quote, urlsplit

from clickhouse_connect.driver.client import Client

from bench import doors
from bench.harness import Figure, Plan, Told, at_most, quantile
from feedmill.api.queries import interests
from feedmill.cli.migrate import clickhouse_client
from feedmill.testkit.platform import Platform

MANY = 10_000_000
FEW = MANY // 10
A_USERS = 100
"""Readings a user, over half a year: about eight in a fortnight."""
CONTENTS = 50_000
DAYS = 180
LAST = date(2026, 6, 30)
ASKED = 400
"""Questions a round, each about another user."""
AT_ONCE = 1_000
PUBLISHED = 20
"""Times a round that so many readings are published at once."""
LATE_S = 20.0

_READINGS = """INSERT INTO fact_reading
  (event_id, user_id, content_id, read_percent, updated_at, accepted_at, source_partition, source_offset, enriched_at,
   enriched_offset, version)
SELECT generateUUIDv4(), concat('bench-', toString(intDiv(number, {a_users:UInt32}))),
       concat('content-', toString(cityHash64(number) % {contents:UInt32})), 60 + cityHash64(number, 1) % 41,
       toDate({last:String}) - cityHash64(number, 2) % {days:UInt32}, now64(3), 0, number, now64(3), number,
       18446744073709551615 - number
  FROM numbers({low:UInt64}, {count:UInt64})
 SETTINGS max_insert_block_size = 200000, max_partitions_per_insert_block = 0"""
_CONTENTS = """INSERT INTO content_change
  (content_id, category_name, event_id, accepted_at, source_partition, source_offset, enriched_at, enriched_offset,
   version)
SELECT concat('content-', toString(number % {contents:UInt32})),
       concat('category-', toString(cityHash64(number) % 40)), generateUUIDv4(), now64(3), 0, number, now64(3), number,
       0
  FROM numbers({contents:UInt32} * 2)"""


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    few, many = (plan.records(number, at_least=100_000) for number in (FEW, MANY))
    with closing(clickhouse_client(platform.connections.clickhouse)) as client:
        bound = {"contents": CONTENTS, "a_users": A_USERS, "days": DAYS, "last": LAST.isoformat()}
        client.command(_CONTENTS, parameters=bound)
        told(f"{few:,} readings")
        _fill(client, bound, 0, few)
        at_few = _asked(platform, few, plan, told)
        told(f"{many:,} readings")
        _fill(client, bound, few, many)
        at_many = _asked(platform, many, plan, told)
    return [*_figures(few, many, at_few, at_many), *_freshness(platform, plan, told)]


def _fill(client: Client, bound: dict[str, object], low: int, high: int) -> None:
    """And wait until ClickHouse has merged what it wants to merge."""
    step = 1_000_000
    for start in range(low, high, step):
        client.command(_READINGS, parameters={**bound, "low": start, "count": min(step, high - start)})
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s and client.command("SELECT count() FROM system.merges") != 0:
        time.sleep(0.2)


class _Answers:
    """Milliseconds of each question, of one kind each."""

    def __init__(self) -> None:
        self.select_1: list[float] = []
        self.sql: list[float] = []
        self.http: list[float] = []


def _asked(platform: Platform, readings: int, plan: Plan, told: Told) -> list[_Answers]:
    url = urlsplit(platform.connections.clickhouse)
    headers = {"X-ClickHouse-User": url.username or "", "X-ClickHouse-Key": url.password or ""}
    database = url.path.strip("/")
    drawn = random.Random(readings)
    warehouse = http.client.HTTPConnection(str(url.hostname), url.port or 8123)
    api = http.client.HTTPConnection("127.0.0.1", doors.port_of(platform.address("api")))
    rounds = []

    def sql(user: str) -> bytes:
        bound = {
            "user_id": user, "from_day": LAST - timedelta(days=14), "to_day": LAST, "min_percent": 90,
            "at_most": interests.AT_ONCE + 1,
        }  # fmt: skip
        path = f"/?database={database}&" + "&".join(f"param_{name}={value}" for name, value in bound.items())
        return _exchange(warehouse, "POST", path, interests.READINGS_SQL.encode(), headers)

    for number in range(plan.rounds + 1):
        told(f"{readings:,} readings: {'warm-up' if number == 0 else f'round {number} of {plan.rounds}'}")
        answers = _Answers()
        for _ in range(plan.records(ASKED, at_least=50)):
            user = f"bench-{drawn.randrange(readings // A_USERS)}"
            path = f"/user_content/?user_id={user}&query_date={LAST}"
            answers.select_1.append(_timed(lambda: _exchange(warehouse, "POST", "/", b"SELECT 1", headers)))
            answers.sql.append(_timed(lambda user=user: sql(user)))  # type: ignore[misc]
            answers.http.append(_timed(lambda path=path: _exchange(api, "GET", path, b"", {})))  # type: ignore[misc]
        if number:
            rounds.append(answers)
    warehouse.close()
    api.close()
    return rounds


def _timed(ask: Callable[[], bytes]) -> float:
    began_s = time.perf_counter()
    ask()
    return (time.perf_counter() - began_s) * 1_000


def _exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]
) -> bytes:
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status in (200, 202), said[:300]
    return said


def _figures(few: int, many: int, at_few: list[_Answers], at_many: list[_Answers]) -> list[Figure]:
    def of(rounds: list[_Answers], name: str, share: float) -> list[float]:
        return [quantile(getattr(answers, name), share) for answers in rounds]

    asked = f"GET /user_content/ at {many:,} readings"
    return [
        Figure(
            "readings", f"{asked}, p50", "ms", of(at_many, "http", 0.5), of(at_many, "select_1", 0.5),
            "ms of SELECT 1 over ClickHouse's HTTP", at_most(10, floor=40),
        ),
        Figure("readings", f"{asked}, p95", "ms", of(at_many, "http", 0.95), goal=at_most(15)),
        Figure("readings", f"{asked}, p99", "ms", of(at_many, "http", 0.99)),
        Figure(
            "readings", f"{asked}, p50", "ms", of(at_many, "http", 0.5), of(at_few, "http", 0.5),
            f"ms at {few:,}", at_most(1.5, floor=5),
        ),
        Figure("readings", f"a fortnight alone, {many:,} readings, p50", "ms", of(at_many, "sql", 0.5)),
        Figure("readings", f"a fortnight alone, {many:,} readings, p99", "ms", of(at_many, "sql", 0.99)),
    ]  # fmt: skip


def _freshness(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    key = {"X-App-Key": doors.service_key(platform), "Content-Type": "application/json"}
    ingest = http.client.HTTPConnection("127.0.0.1", doors.port_of(platform.address("ingest")))
    api = http.client.HTTPConnection("127.0.0.1", doors.port_of(platform.address("api")))
    taken = []
    for number in range(plan.rounds):
        told(f"{AT_ONCE:,} at once, round {number + 1} of {plan.rounds}")
        taken.append([_until_counted(ingest, api, key) for _ in range(plan.records(PUBLISHED, at_least=5))])
    ingest.close()
    api.close()
    what = f"{AT_ONCE:,} readings published at once → all in the answer"
    return [
        Figure("readings", f"{what}, p50", "ms", [quantile(of_round, 0.5) for of_round in taken]),
        Figure("readings", f"{what}, p99", "ms", [quantile(of_round, 0.99) for of_round in taken], goal=at_most(2_000)),
    ]


def _until_counted(ingest: http.client.HTTPConnection, api: http.client.HTTPConnection, key: dict[str, str]) -> float:
    user = f"fresh-{uuid.uuid4().hex}"
    data = {"user_id": user, "content_id": "content-1", "read_percent": 95, "updated_at": LAST.isoformat()}
    events = [
        {"specversion": "1.0", "id": f"{user}-{n}", "source": "bench", "type": "feedmill.read.v1", "data": data}
        for n in range(AT_ONCE)
    ]
    body = json.dumps(events).encode()
    path = f"/v1/users/{quote(user)}/interests?on={LAST}"
    began_s = time.perf_counter()
    _exchange(ingest, "POST", "/v1/events", body, key)
    while True:
        counted: int = json.loads(_exchange(api, "GET", path, b"", {}))["readings"]
        took_s = time.perf_counter() - began_s
        if counted == AT_ONCE:
            return took_s * 1_000
        assert took_s < LATE_S, f"{counted} of {AT_ONCE} after {LATE_S} s"
