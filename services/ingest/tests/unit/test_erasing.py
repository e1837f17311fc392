"""`DELETE /v1/users/{id}`: by whom, once, and what it ends at the door."""

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from feedmill.testkit.door import FakeHouse

IVAN, NICO = {"X-App-Key": "abc123"}, {"X-App-Key": "abc124"}
TOWN, ADMIN, READER = {"X-App-Key": "town"}, {"X-App-Key": "admin"}, {"X-App-Key": "reader"}


def erase(client: TestClient, key: dict[str, str], user: object = 1, **headers: str) -> Response:
    sent = key | {name.replace("_", "-"): value for name, value in headers.items()}
    return client.delete(f"/v1/users/{user}", headers=sent)


@pytest.mark.parametrize("key", [IVAN, ADMIN])
def test_the_fact_lies_under_the_user_who_is_its_actor(
    client: TestClient, fake: FakeHouse, key: dict[str, str]
) -> None:
    answer = erase(client, key)
    [record] = fake.log.records
    assert answer.status_code == 200, answer.text
    assert (record.key, record.headers["ce_type"]) == ("1", "feedmill.user-erased.v1")
    assert record.value == {"actor_id": 1, "object": {"type": "user", "id": 1}}
    assert (record.headers["ce_source"], answer.json()["event_id"]) == ("/v1/users/1", record.headers["event-id"])
    assert answer.json() | {"event_id": "", "erased_at": ""} == {
        "id": 1, "event_id": "", "erased_at": "", "applied": True,
    }  # fmt: skip
    assert answer.headers["Feedmill-Position"].startswith("activity.published.v1/")


@pytest.mark.parametrize(
    ("key", "user", "status"),
    [
        ({}, 1, 401),
        ({"X-App-Key": "nobody"}, 1, 401),
        (NICO, 1, 403),
        (TOWN, 1, 403),
        (READER, 1, 403),
        (IVAN, 0, 400),
        (IVAN, "ivan", 400),
        (ADMIN, 2**53, 400),
        (ADMIN, 77, 404),
    ],
)
def test_who_may_not_and_whom_there_is_not(
    client: TestClient, fake: FakeHouse, key: dict[str, str], user: object, status: int
) -> None:
    assert erase(client, key, user).status_code == status
    assert not fake.log.records


def test_asked_again_it_answers_the_same_and_writes_nothing(client: TestClient, fake: FakeHouse) -> None:
    first, again = erase(client, ADMIN), erase(client, ADMIN)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Feedmill-Position"]
    assert len(fake.log.records) == 1


def test_their_keys_end_with_it_and_nobody_elses(client: TestClient) -> None:
    assert erase(client, IVAN).status_code == 200
    assert erase(client, IVAN).status_code == 401
    assert client.post("/post", json={"type": "post", "content": "x"}, headers=IVAN).status_code == 401
    assert client.post("/post", json={"type": "post", "content": "x"}, headers=NICO).status_code == 200


def test_before_it_is_applied_a_repeat_under_one_key_is_one_event(client: TestClient, fake: FakeHouse) -> None:
    fake.waiting.behind = True
    answers = [erase(client, ADMIN, Idempotency_Key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len({answer.json()["event_id"] for answer in answers}) == 1
    assert not answers[0].json()["applied"]
    assert erase(client, IVAN).status_code == 401, "what the log has is certain"


def test_a_position_is_waited_for_before_it_is_judged(client: TestClient, fake: FakeHouse) -> None:
    assert erase(client, ADMIN, 77, Feedmill_Position="activity.published.v1/3:7").status_code == 404
    assert [str(positions) for positions in fake.waiting.waited_for] == ["activity.published.v1/3:7"]
    fake.waiting.behind = True
    late = erase(client, ADMIN, Feedmill_Position="activity.published.v1/3:7")
    assert (late.status_code, late.json()["type"]) == (503, "urn:feedmill:problem:not-yet-applied")


def test_what_cannot_be_judged_or_kept_is_503_and_ends_nothing(client: TestClient, fake: FakeHouse) -> None:
    fake.world.up = False
    away = erase(client, IVAN)
    assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
    fake.world.up = True
    fake.log.failing = {"1"}
    assert erase(client, IVAN).json()["type"] == "urn:feedmill:problem:log-away"
    fake.log.failing, fake.log.available = set(), False
    assert erase(client, IVAN).status_code == 503
    fake.log.available = True
    assert erase(client, IVAN).status_code == 200


def test_who_is_erased_is_not_found_by_family_a_nor_what_they_made(client: TestClient, fake: FakeHouse) -> None:
    post = client.post("/post", json={"type": "post", "content": "x"}, headers=IVAN).json()["object_id"]
    erase(client, ADMIN)
    for verb in ("follow", "unfollow"):
        answer = client.post(f"/{verb}", json={verb: "ivan"}, headers=NICO)
        assert (answer.status_code, answer.json()["message"]) == (400, "User not found")
    like = client.post("/activity", json={"verb": "like", "object": f"post:{post}"}, headers=NICO)
    assert (like.status_code, like.json()["message"]) == (400, "Object is not found")


def test_what_is_judged_by_the_event_alone_is_taken_of_them_and_about_them(client: TestClient) -> None:
    """As of every reference that is not there; nobody sees any of it."""
    erase(client, ADMIN)
    event = {"source": "s", "specversion": "1.0"}
    post = {"actor_id": 1, "object": {"type": "post", "content": "x"}}
    follow = {"actor_id": 2, "object": {"type": "user", "id": 1}}
    events = [
        event | {"id": "1", "type": "feedmill.post.v1", "data": post},
        event | {"id": "2", "type": "feedmill.follow.v1", "data": follow},
    ]
    answer = client.post("/v1/events", json=events, headers=TOWN)
    assert [result["status"] for result in answer.json()["results"]] == ["accepted", "accepted"]
