"""`POST /v1/users/{id}/feed/read` and `…/notifications/read`."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from feedmill.testkit.door import FakeHouse

IVAN = {"X-App-Key": "abc123"}
THROUGH: dict[str, Any] = {"through": "2026-11-20T10:00:00+01:00"}


@pytest.mark.parametrize(("path", "feed"), [("feed", "home"), ("notifications", "notifications")])
def test_how_far_a_feed_is_read_is_kept_under_its_reader(
    client: TestClient, fake: FakeHouse, path: str, feed: str
) -> None:
    answer = client.post(f"/v1/users/1/{path}/read", json={**THROUGH, "only_seen": True}, headers=IVAN)
    assert answer.status_code == 200, answer.text
    (record,) = fake.log.records
    assert record.key == "1"
    assert record.headers["ce_type"] == "feedmill.feed-read.v1"
    assert record.value == {"actor_id": 1, "read_through": THROUGH["through"], "feed": feed, "only_seen": True}
    assert answer.json()["event_id"] == record.headers["event-id"]
    assert answer.headers["Feedmill-Position"]


def test_a_repeat_is_the_same_event_and_another_body_a_conflict(client: TestClient, fake: FakeHouse) -> None:
    headers = {**IVAN, "Idempotency-Key": "k"}
    ids = {client.post("/v1/users/1/feed/read", json=THROUGH, headers=headers).json()["event_id"] for _ in range(2)}
    assert len(ids) == 1
    other = client.post("/v1/users/1/feed/read", json={"through": "2026-11-19T10:00:00Z"}, headers=headers)
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "through"),
        ({"through": "yesterday"}, "through"),
        ({"through": "2099-01-01T00:00:00Z"}, "through"),
        ({**THROUGH, "only_seen": "x"}, "only_seen"),
        ({**THROUGH, "more": 1}, "more"),
    ],
)
def test_what_cannot_be_read_through_is_refused_by_name(
    client: TestClient, fake: FakeHouse, body: dict[str, Any], field: str
) -> None:
    answer = client.post("/v1/users/1/feed/read", json=body, headers=IVAN)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
    assert not fake.log.records


@pytest.mark.parametrize(("key", "user", "status"), [("abc123", 2, 403), ("abc123", 0, 400), ("none", 1, 401)])
def test_nobody_reads_for_others(client: TestClient, key: str, user: int, status: int) -> None:
    answer = client.post(f"/v1/users/{user}/feed/read", json=THROUGH, headers={"X-App-Key": key})
    assert answer.status_code == status


TOWN = {"X-App-Key": "town"}


@pytest.mark.parametrize("feed", ["feed", "notifications"])
def test_a_service_reads_for_those_who_are_there(client: TestClient, fake: FakeHouse, feed: str) -> None:
    assert client.post(f"/v1/users/2/{feed}/read", json=THROUGH, headers=TOWN).status_code == 200
    nobody = client.post(f"/v1/users/77/{feed}/read", json=THROUGH, headers=TOWN)
    assert (nobody.status_code, nobody.json()["type"]) == (404, "urn:feedmill:problem:not-found")
    client.delete("/v1/users/2", headers={"X-App-Key": "admin"})
    assert client.post(f"/v1/users/2/{feed}/read", json=THROUGH, headers=TOWN).status_code == 404
    assert [record.key for record in fake.log.records] == ["2", "2"]


def test_for_others_it_is_judged_by_the_state_and_for_oneself_by_the_key(client: TestClient, fake: FakeHouse) -> None:
    fake.world.up = False
    away = client.post("/v1/users/2/feed/read", json=THROUGH, headers=TOWN)
    assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
    assert client.post("/v1/users/1/feed/read", json=THROUGH, headers=IVAN).status_code == 202
    fake.world.up = True
    at = {"Feedmill-Position": "activity.published.v1/3:7"}
    client.post("/v1/users/2/feed/read", json=THROUGH, headers=TOWN | at)
    assert "activity.published.v1/3:7" in map(str, fake.waiting.waited_for)
