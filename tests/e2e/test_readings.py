"""Family P over the whole pipe: its sample answer rebuilt, readings from both doors, and what a wait says of them."""

from __future__ import annotations

import json
import random
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
