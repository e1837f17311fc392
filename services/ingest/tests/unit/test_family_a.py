"""Family A's writes: its texts, its order of checks, and answers as if everything were synchronous."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from feedmill.testkit.door import FakeHouse

IVAN = {"X-App-Key": "abc123"}
IVAN_JSON = {**IVAN, "Content-Type": "application/json"}
PATHS = ("/post", "/activity", "/follow", "/unfollow")


def said(answer: Any) -> tuple[int, str]:
    body = answer.json()
    assert body["error"] is True
    assert set(body) == {"error", "message"}
    return answer.status_code, body["message"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("headers", "content", "expected"),
    [
        ({}, b"{broken", (400, "Key is missing")),
        ({"X-App-Key": ""}, b"{}", (401, "Key is not valid")),
        ({"X-App-Key": "zzz"}, b"{}", (401, "Key is not valid")),
        ({"X-App-Key": "town", "Content-Type": "application/json"}, b"{}", (403, "Key is not a user's")),
        (IVAN, b"{}", (400, "Must be json request")),
        ({**IVAN, "Content-Type": "text/plain"}, b"{}", (400, "Must be json request")),
        (IVAN_JSON, b"{broken", (400, "Bad Request")),
        (IVAN_JSON, b'{"a": NaN}', (400, "Bad Request")),
        (IVAN_JSON, b'{"a": "\\ud800"}', (400, "Bad Request")),
        (IVAN_JSON, b'{"a": 1, "a": 2}', (400, "Bad Request")),
        (
            {**IVAN, "Content-Type": "application/json"},
            b"x" * 300_000,
            (413, "A request carries at most 262144 bytes."),
        ),
    ],
)
def test_the_key_is_checked_first_then_the_json(
    client: TestClient, path: str, headers: dict[str, str], content: bytes, expected: tuple[int, str]
) -> None:
    assert said(client.post(path, content=content, headers=headers)) == expected


REFUSED = [
    ("/post", {}, "Type is missing or not valid"),
    ("/post", {"content": "x"}, "Type is missing or not valid"),
    ("/post", {"type": "video", "content": "x"}, "Type is missing or not valid"),
    ("/post", {"type": ["post"], "content": "x"}, "Type is missing or not valid"),
    ("/post", {"type": "post"}, "Content is missing"),
    ("/post", {"type": "post", "content": None}, "Content is missing"),
    ("/post", [], "Type is missing or not valid"),
    ("/activity", {}, "Verb is missing or wrong verb format"),
    ("/activity", {"verb": "dislike", "object": "zzz"}, "Verb is missing or wrong verb format"),
    ("/activity", {"verb": 7, "object": "post:1"}, "Verb is missing or wrong verb format"),
    ("/activity", {"verb": "like"}, "Wrong object format"),
    ("/activity", {"verb": "like", "object": "post:x"}, "Wrong object format"),
    ("/activity", {"verb": "like", "object": "comment:1"}, "Wrong object format"),
    ("/activity", {"verb": "like", "object": 7}, "Wrong object format"),
    ("/activity", {"verb": "like", "object": "post:1\n"}, "Wrong object format"),
    ("/activity", {"verb": "like", "object": "post:٣"}, "Wrong object format"),
    ("/activity", {"verb": "like", "object": "post:99"}, "Object is not found"),
    ("/activity", {"verb": "like", "object": "post:0"}, "Object is not found"),
    ("/activity", {"verb": "like", "object": "post:9999999999999999999"}, "Object is not found"),
    ("/follow", {}, "User not found"),
    ("/follow", {"follow": "zzz"}, "User not found"),
    ("/follow", {"follow": {"a": 1}}, "User not found"),
    ("/follow", {"follow": "ivan"}, "You can't follow yourself"),
    ("/follow", {"unfollow": "ivan"}, "You can't unfollow yourself"),
    ("/unfollow", {}, "User not found"),
    ("/unfollow", {"unfollow": "zzz"}, "User not found"),
    ("/unfollow", {"unfollow": "ivan"}, "You can't unfollow yourself"),
    ("/unfollow", "nico", "User not found"),
]


@pytest.mark.parametrize(("path", "body", "message"), REFUSED)
def test_what_is_refused_is_said_in_family_as_words(
    client: TestClient, fake: FakeHouse, path: str, body: object, message: str
) -> None:
    assert said(client.post(path, json=body, headers=IVAN)) == (400, message)
    assert fake.log.records == []


def test_ids_count_from_1_for_each_type(client: TestClient) -> None:
    for type_, object_id in (("post", 1), ("photo", 1), ("post", 2)):
        answer = client.post("/post", json={"type": type_, "content": {"any": ["json", 1]}}, headers=IVAN)
        assert answer.json() == {"type": type_, "object_id": object_id, "message": "Activity recorded"}
        assert answer.status_code == 200
        assert answer.headers["Feedmill-Position"]


def test_a_like_and_its_repeat_are_two_activities(client: TestClient, fake: FakeHouse) -> None:
    fake.world.objects["photo", 7] = 2
    for verb in ("like", "like", "share"):
        answer = client.post("/activity", json={"verb": verb, "object": "photo:7", "more": 1}, headers=IVAN)
        assert (answer.status_code, answer.json()) == (200, {"verb": verb, "message": "Activity recorded"})
    assert len({record.headers["event-id"] for record in fake.log.records}) == 3
    assert {record.key for record in fake.log.records} == {"1"}


def test_a_deleted_object_is_not_found(client: TestClient, fake: FakeHouse) -> None:
    fake.world.objects["photo", 7] = 2
    fake.world.deleted.add(("photo", 7))
    answer = client.post("/activity", json={"verb": "like", "object": "photo:7"}, headers=IVAN)
    assert said(answer) == (400, "Object is not found")


def test_a_follow_its_repeat_and_the_unfollow(client: TestClient, fake: FakeHouse) -> None:
    def call(path: str, **body: str) -> tuple[int, Any]:
        answer = client.post(path, json=body, headers=IVAN)
        return answer.status_code, answer.json()

    followed = (200, {"verb": "follow", "message": "User followed"})
    unfollowed = (200, {"verb": "unfollow", "message": "User unfollowed"})
    assert call("/follow", follow="nico") == followed
    assert call("/follow", follow="nico") == (200, {"verb": "follow", "message": "Already followed"})
    assert len(fake.log.records) == 1
    assert call("/unfollow", unfollow="nico") == unfollowed
    assert call("/unfollow", unfollow="nico") == unfollowed
    assert call("/follow", unfollow="nico") == unfollowed
    assert call("/follow", follow="nico") == followed
    assert [r.headers["ce_type"].split(".")[1] for r in fake.log.records] == ["follow"] + ["unfollow"] * 3 + ["follow"]


def test_a_repeat_with_an_idempotency_key_gets_the_first_ones_answer(client: TestClient, fake: FakeHouse) -> None:
    headers = {**IVAN, "Idempotency-Key": "k1"}
    for _ in range(2):
        answer = client.post("/post", json={"type": "post", "content": "x"}, headers=headers)
        assert answer.json()["object_id"] == 1
        followed = client.post("/follow", json={"follow": "nico"}, headers=headers)
        assert followed.json()["message"] == "User followed"
    assert len({record.headers["event-id"] for record in fake.log.records}) == 2
    other = client.post("/post", json={"type": "post", "content": "y"}, headers=headers)
    assert said(other) == (409, "The Idempotency-Key was used for another body.")
    long = client.post("/post", json={"type": "post", "content": "y"}, headers={**IVAN, "Idempotency-Key": "k" * 257})
    assert said(long)[0] == 400


def test_what_takes_too_long_is_202_and_names_the_event(client: TestClient, fake: FakeHouse) -> None:
    fake.waiting.behind = True
    answer = client.post("/post", json={"type": "post", "content": "x"}, headers=IVAN)
    assert answer.status_code == 202
    assert answer.json()["event_id"] == fake.log.records[0].headers["event-id"]
    assert answer.json()["object_id"] is None


def test_a_dead_lettered_event_is_500_in_family_as_shape(client: TestClient, fake: FakeHouse) -> None:
    fake.waiting.dead = frozenset({"post"})
    answer = client.post("/post", json={"type": "post", "content": "x"}, headers=IVAN)
    assert said(answer) == (500, "Something wrong on our side, sorry")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/post", {"type": "post", "content": "x"}),
        ("/activity", {"verb": "like", "object": "photo:7"}),
        ("/follow", {"follow": "nico"}),
        ("/unfollow", {"unfollow": "nico"}),
    ],
)
def test_with_postgres_or_the_log_away_it_is_503_at_once_and_nothing_is_sent(
    client: TestClient, fake: FakeHouse, path: str, body: dict[str, str]
) -> None:
    fake.world.objects["photo", 7] = 2
    fake.world.up = False
    answer = client.post(path, json=body, headers=IVAN)
    assert said(answer)[0] == 503
    assert answer.headers["Retry-After"] == "1"
    fake.world.up, fake.log.available = True, False
    away = client.post(path, json=body, headers=IVAN)
    assert (said(away)[0], away.headers["Retry-After"]) == (503, "1")
    assert fake.log.records == []


def test_without_ids_a_post_is_503(client: TestClient, fake: FakeHouse) -> None:
    fake.blocks.away = True
    assert said(client.post("/post", json={"type": "post", "content": "x"}, headers=IVAN))[0] == 503


@pytest.mark.parametrize("content", ["x" * 65_537, ["x" * 65_537]])
def test_content_too_large_is_413(client: TestClient, content: object) -> None:
    status, message = said(client.post("/post", json={"type": "post", "content": content}, headers=IVAN))
    assert (status, message) == (413, "Content must not exceed 65536 bytes")


def test_a_position_the_request_carries_is_waited_for_before_judging(client: TestClient, fake: FakeHouse) -> None:
    headers = {**IVAN, "Feedmill-Position": "activity.published.v1/3:7"}
    answer = client.post("/follow", json={"follow": "nico"}, headers=headers)
    assert str(fake.waiting.waited_for[0]) == "activity.published.v1/3:7"
    assert "activity.published.v1/3:7" in answer.headers["Feedmill-Position"]
    assert said(client.post("/follow", json={"follow": "nico"}, headers={**IVAN, "Feedmill-Position": "?"}))[0] == 400
