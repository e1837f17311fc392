"""`POST /v1/users`: unique names, one answer for one event."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from feedmill.testkit.door import FakeHouse

ADMIN = {"X-App-Key": "admin"}
ADA: dict[str, Any] = {"handle": "ada", "name": "Ada Lovelace", "email": "Ada@example.org", "college": "Home"}


def test_a_user_is_created_named_and_readable(client: TestClient, fake: FakeHouse) -> None:
    answer = client.post("/v1/users", json=ADA, headers=ADMIN)
    user = answer.json()
    (record,) = fake.log.records
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/v1/users/1"
    assert {**ADA, "id": 1, "uuid": user["uuid"], "created_at": user["created_at"]} == user
    assert (record.key, record.headers["event-id"]) == ("1", user["uuid"])
    assert record.value == {"actor_id": 1, "object": {"type": "user", "id": 1, "uuid": user["uuid"], **ADA}}


def test_handles_and_emails_are_unique_whatever_their_case(client: TestClient) -> None:
    client.post("/v1/users", json=ADA, headers=ADMIN)
    again = client.post("/v1/users", json={"handle": "ADA", "name": "x"}, headers=ADMIN)
    assert (again.status_code, again.json()["errors"][0]["field"]) == (409, "handle")
    other = client.post("/v1/users", json={"handle": "b", "name": "x", "email": "ADA@EXAMPLE.ORG"}, headers=ADMIN)
    assert (other.status_code, other.json()["errors"][0]["field"]) == (409, "email")


def test_an_array_is_answered_one_by_one(client: TestClient, fake: FakeHouse) -> None:
    sent = [ADA, {"handle": "ada", "name": "x"}, {"handle": "-", "name": "x"}, 7, {"handle": "bob", "name": "Bob"}]
    answer = client.post("/v1/users", json=sent, headers=ADMIN)
    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [result["status"] for result in results] == ["created", "conflict", "invalid", "invalid", "created"]
    assert results[2]["error"]["field"] == "handle"
    assert len(fake.log.records) == 2


def test_a_repeat_with_the_same_key_is_the_same_user(client: TestClient, fake: FakeHouse) -> None:
    headers = {**ADMIN, "Idempotency-Key": "k1"}
    first = client.post("/v1/users", json=ADA, headers=headers)
    again = client.post("/v1/users", json=ADA, headers=headers)
    assert first.json() == again.json()
    assert again.status_code == 201
    assert len({record.headers["event-id"] for record in fake.log.records}) == 1
    assert client.post("/v1/users", json={**ADA, "name": "x"}, headers=headers).status_code == 409
    many = {**ADMIN, "Idempotency-Key": "k2"}
    users = [{"handle": f"u{n}", "name": "x"} for n in range(3)]
    ids = [
        [result["user"]["id"] for result in client.post("/v1/users", json=users, headers=many).json()["results"]]
        for _ in range(2)
    ]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("user", "field", "code"),
    [
        ({"name": "x"}, "handle", "missing"),
        ({"handle": "a b", "name": "x"}, "handle", "out_of_range"),
        ({"handle": "x" * 65, "name": "x"}, "handle", "too_large"),
        ({"handle": "a", "name": ""}, "name", "out_of_range"),
        ({"handle": "a", "name": "x", "email": "nowhere"}, "email", "out_of_range"),
        ({"handle": "a", "name": "x", "id": 7}, "id", "unknown_field"),
        ("ada", "body", "wrong_type"),
    ],
)
def test_what_is_wrong_with_a_user_is_named(client: TestClient, user: object, field: str, code: str) -> None:
    answer = client.post("/v1/users", json=user, headers=ADMIN)
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["field"], error["code"]) == (422, field, code)


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({}, b"{}", 401),
        ({"X-App-Key": "abc123"}, b"{}", 403),
        ({"X-App-Key": "town"}, b"{}", 403),
        (ADMIN, b"{}", 415),
        ({**ADMIN, "Content-Type": "application/json"}, b"{broken", 400),
        ({**ADMIN, "Content-Type": "application/json"}, b'{"name": "\\u0000"}', 400),
        ({**ADMIN, "Content-Type": "application/json"}, b"[" + b"{}," * 1_000 + b"{}]", 413),
        ({**ADMIN, "Content-Type": "application/json"}, b"[]", 200),
    ],
)
def test_requests_that_are_refused_as_a_whole(
    client: TestClient, headers: dict[str, str], content: bytes, status: int
) -> None:
    assert client.post("/v1/users", content=content, headers=headers).status_code == status


def test_not_applied_in_time_is_202_with_the_reserved_id(client: TestClient, fake: FakeHouse) -> None:
    fake.waiting.behind = True
    one = client.post("/v1/users", json=ADA, headers=ADMIN)
    assert (one.status_code, one.json()["id"]) == (202, 1)
    many = client.post("/v1/users", json=[{"handle": "bob", "name": "Bob"}], headers=ADMIN)
    assert (many.status_code, many.json()["results"][0]["status"]) == (202, "created")


def test_what_the_log_does_not_take_is_503_and_the_retry_gets_the_same_id(client: TestClient, fake: FakeHouse) -> None:
    headers = {**ADMIN, "Idempotency-Key": "k1"}
    fake.log.failing = {"1"}
    answer = client.post("/v1/users", json=[ADA], headers=headers)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["results"][0]["status"] == "retry"
    fake.log.failing = set()
    again = client.post("/v1/users", json=[ADA], headers=headers)
    assert (again.status_code, again.json()["results"][0]["user"]["id"]) == (200, 1)


def test_a_single_user_the_log_does_not_take_is_503(client: TestClient, fake: FakeHouse) -> None:
    fake.log.failing = {"1"}
    assert client.post("/v1/users", json=ADA, headers=ADMIN).headers["Retry-After"] == "1"
    fake.log.available = False
    assert client.post("/v1/users", json=ADA, headers=ADMIN).status_code == 503


def test_without_ids_nobody_is_created(client: TestClient, fake: FakeHouse) -> None:
    fake.blocks.away = True
    assert client.post("/v1/users", json=ADA, headers=ADMIN).status_code == 503
