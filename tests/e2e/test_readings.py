"""Family P over the whole pipe: its sample answer rebuilt, readings from both doors, and what a wait says of them."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import uuid
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from feedmill.contracts.topics import CONTENT_META, USER_INTERACTION
from feedmill.runtime.kafka import Producer
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.people import Operator, event
from feedmill.testkit.platform import Platform
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.e2e

SAMPLE = json.loads(Path(__file__).with_name("interest_sample.json").read_text())
LAST = date(2024, 2, 20)
ARRIVAL_S = 30.0


def a_read(user: str, content: str, percent: float, day: date) -> dict[str, Any]:
    return {"user_id": user, "content_id": content, "read_percent": percent, "updated_at": day.isoformat()}


def sample_events(user: str) -> list[dict[str, Any]]:
    """2,539 readings that count, as the sample's counts say, among others that do not; metas before and after."""
    drawn = random.Random(7)
    events = []
    for category, count in SAMPLE["counts"].items():
        content = f"{user}-{category}"
        events += [event("content-meta", {"content_id": content, "category_name": category}) for _ in range(2)]
        for _ in range(count):
            day = LAST - timedelta(days=drawn.randrange(15))
            events.append(event("read", a_read(user, content, drawn.choice([90.1, 95.0, 100]), day)))
        events.append(event("read", a_read(user, content, 90, LAST)))
        events.append(event("read", a_read(user, content, 100, LAST - timedelta(days=15))))
        events.append(event("read", a_read(user, content, 100, LAST + timedelta(days=1))))
        events.append(event("read", a_read(f"{user}+", content, 100, LAST)))
    drawn.shuffle(events)
    return events


def shares(operator: Operator, user: str, **headers: str) -> Any:
    answer = operator.http.get(
        "/user_content/", params={"user_id": user, "query_date": LAST.isoformat()}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_family_ps_sample_comes_back_to_the_last_digit(operator: Operator) -> None:
    user = f"p-{uuid.uuid4().hex[:8]}"
    answer = operator.request("POST", "/v1/events", {"Prefer": "wait=20"}, json=sample_events(user))
    assert answer.status_code == 200, answer.text[:300]
    assert all(result["applied"] for result in answer.json()["results"])
    assert shares(operator, user, **{"Feedmill-Position": answer.headers["feedmill-position"]}) == SAMPLE["shares"]
    counted = operator.http.get(f"/v1/users/{user}/interests", params={"on": LAST.isoformat()}).json()
    assert (counted["counted"], counted["readings"]) == (SAMPLE["total"], SAMPLE["total"])
    assert {each["category"]: each["readings"] for each in counted["categories"]} == SAMPLE["counts"]
    assert shares(operator, f"{user}-nobody") == {}


def test_bare_json_in_the_log_counts_each_repeat_and_late_metas(platform: Platform, operator: Operator) -> None:
    user = f"p-{uuid.uuid4().hex[:8]}"
    settings = KafkaSettings(bootstrap_servers=platform.connections.kafka)
    with closing(Producer(settings, gapless=True)) as producer:

        def send(topic: str, value: dict[str, Any]) -> None:
            producer.send(topic, user.encode(), json.dumps(value).encode(), [])

        for content in ("a", "a", "b"):
            send(USER_INTERACTION.name, a_read(user, f"{user}{content}", 99, LAST))
        send(USER_INTERACTION.name, {"user_id": user})  # poison blocks nothing
        for content, category in (("a", "x"), ("b", "x"), ("b", "y")):
            send(CONTENT_META.name, {"content_id": f"{user}{content}", "category_name": category})
        producer.flush(ARRIVAL_S)
    wait_until(lambda: shares(operator, user) == {"x": 0.75, "y": 0.25}, "all counted", within_s=ARRIVAL_S)


@pytest.mark.parametrize("verb", ["read", "content-meta", "article"])
def test_a_wait_and_a_trace_say_applied_of_what_only_the_warehouse_keeps(operator: Operator, verb: str) -> None:
    name = uuid.uuid4().hex
    data = {
        "read": a_read(name, name, 50, LAST),
        "content-meta": {"content_id": name, "category_name": "x"},
        "article": {"id": name, "time": 1_700_000_000, "readers": 7, "text": "Sam Gamgee"},
    }[verb]
    sent = event(verb, data)
    for _ in range(2):  # a retry is the same event, and as applied
        answer = operator.request("POST", "/v1/events", {"Prefer": "wait=20"}, json=sent)
        [result] = answer.json()["results"]
        assert (answer.status_code, result["status"], result["applied"]) == (200, "accepted", True)
    trace = operator.request("GET", f"/v1/events/{result['event_id']}").json()
    assert (trace["status"], [hop["hop"] for hop in trace["hops"]]) == (
        "applied",
        ["accepted", "enriched", "clickhouse"],
    )
    assert all(hop["at"] for hop in trace["hops"])


def imported(platform: Platform, *arguments: str) -> dict[str, Any]:
    """What `feedmill import … --json` says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FEEDMILL_")}
    environment |= {"FEEDMILL_HOME": str(platform.home.root), **platform.connections.environment()}
    command = [str(Path(sys.prefix) / "bin" / "feedmill"), "import", *arguments, "--json"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def test_history_from_files_counts_once_however_often_it_is_brought(
    platform: Platform, operator: Operator, tmp_path: Path
) -> None:
    user = f"h-{uuid.uuid4().hex[:8]}"
    rows = "".join(f"{user},{user}-{'ab'[n % 4 == 0]},{90 + n % 3},{LAST}\n" for n in range(300))
    readings, content = tmp_path / "readings.csv.gz", tmp_path / "content.csv"
    readings.write_bytes(gzip.compress(f"user_id,content_id,read_percent,updated_at\n{rows}broken\n".encode()))
    content.write_text(f"category_name,content_id\nx,{user}-a\ny,{user}-b\n")
    first = imported(platform, "readings", str(readings))
    imported(platform, "content", str(content), "--dataset", user)
    assert (first["rows"], first["rejected"], first["already_done"]) == (300, 1, False)
    expected = {"x": 0.75, "y": 0.25}
    wait_until(lambda: counts(operator, user) == 200, "all counted", within_s=ARRIVAL_S)
    wait_until(lambda: shares(operator, user) == expected, "its categories too", within_s=ARRIVAL_S)
    assert imported(platform, "readings", str(readings))["already_done"]
    posted = operator.request(
        "POST",
        "/v1/imports?kind=readings",
        {"Prefer": "wait=20", "Content-Type": "application/gzip"},
        content=readings.read_bytes(),
    )
    assert (posted.status_code, posted.json()["applied"], posted.json()["accepted"]) == (200, True, 300)
    assert posted.json()["dataset"] == first["dataset"]
    assert imported(platform, "readings", str(readings), "--again")["rows"] == 300
    late = a_read(user, f"{user}-a", 95, LAST)
    answer = operator.request("POST", "/v1/events", {"Prefer": "wait=20"}, json=event("read", late))
    assert answer.status_code == 200
    assert counts(operator, user) == 201


def counts(operator: Operator, user: str) -> int:
    answer = operator.http.get(f"/v1/users/{user}/interests", params={"on": LAST.isoformat()})
    return int(answer.json()["readings"])
