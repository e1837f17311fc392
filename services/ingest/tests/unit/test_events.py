"""`POST /v1/events`: what the log gets, and what the client is told."""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import pytest
from starlette.testclient import TestClient

from feedmill.ingest.prepare import PART_EVENTS
from feedmill.runtime import metrics
from feedmill.testkit.door import FakeHouse, a_client, a_house

TOWN = {"X-App-Key": "town"}
NS = uuid5(NAMESPACE_DNS, "feedmill")


def event(verb: str, id_: str = "a1", **data: Any) -> dict[str, Any]:
    return {"id": id_, "source": "my-app", "type": f"feedmill.{verb}.v1", "data": data}


def like(id_: str = "a1", actor_id: int = 1, object_id: int = 21) -> dict[str, Any]:
    return event("like", id_, actor_id=actor_id, object={"type": "photo", "id": object_id})


def user(id_: int) -> dict[str, Any]:
    return {"type": "user", "id": id_}


def results(answer: Any) -> list[dict[str, Any]]:
    return list(answer.json()["results"])


READ: dict[str, Any] = {"user_id": 77, "content_id": "c1", "read_percent": 95.5, "updated_at": "2026-11-21"}
SENT = [
    (event("post", actor_id=5, object={"type": "link", "content": "x", "url": "https://a.org"}), "5", "5"),
    (like(actor_id=5), "5", "5"),
    (event("unlike", actor_id=5, object={"type": "post", "id": 1}), "5", "5"),
    (event("share", actor_id=5, object={"type": "article", "id": 1}), "5", "5"),
    (
        event("comment", actor_id=5, object={"type": "comment", "content": "x"}, target={"type": "post", "id": 1}),
        "5",
        "5",
    ),
    (event("follow", actor_id=5, object=user(2)), "5", "5"),
    (event("unfollow", actor_id=5, object=user(2)), "5", "5"),
    (event("mute", actor_id=5, object=user(2)), "5", "5"),
    (event("block", actor_id=5, object=user(2)), "5", "5"),
    (event("recommend", actor_id=5, object=user(2)), "5", "5"),
    (event("connect", actor_id=5, object=user(2)), "2", "5"),
    (event("disconnect", actor_id=2, object=user(5)), "2", "2"),
    (event("read", **READ), "77", "77"),
    (event("content-meta", content_id=8, category_name="romance"), "8", ""),
    (event("article", id="000001", time=1_500_000_000, readers=7, text="x"), "000001", ""),
]


@pytest.mark.parametrize(("sent", "key", "actor"), SENT, ids=[sent["type"] for sent, _, _ in SENT])
def test_the_key_is_the_owner_of_the_state_and_the_id_is_made_of_what_a_retry_repeats(
    client: TestClient, fake: FakeHouse, sent: dict[str, Any], key: str, actor: str
) -> None:
    answer = client.post("/v1/events", json=sent, headers=TOWN)
    assert answer.status_code == 202, answer.text
    (record,) = fake.log.records
    expected = str(uuid5(NS, "\n".join(("service:town", "my-app", "a1", sent["type"], actor, key))))
    assert record.key == key
    assert record.headers["event-id"] == expected == results(answer)[0]["event_id"]
    assert list(record.headers) == [
        "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "event-id", "traceparent",
    ]  # fmt: skip


def test_topics_of_old_producers_get_the_same_bare_json(client: TestClient, fake: FakeHouse) -> None:
    client.post("/v1/events", json=event("read", **READ), headers=TOWN)
    assert (fake.log.records[0].topic, fake.log.records[0].value) == ("user-interaction", READ)


def test_the_clients_time_and_trace_travel_as_given(client: TestClient, fake: FakeHouse) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    sent = {**like(), "time": "2026-11-20T10:00:00.5+01:00", "traceparent": trace}
    client.post("/v1/events", json=sent, headers=TOWN)
    client.post("/v1/events", json=like("a2"), headers={**TOWN, "traceparent": trace})
    assert fake.log.records[0].headers["ce_time"] == "2026-11-20T10:00:00.5+01:00"
    assert fake.log.records[0].headers["traceparent"] == trace
    assert fake.log.records[1].headers["traceparent"].split("-")[1] == "a" * 32


def test_the_answer_names_places_and_the_position_is_their_maximum(client: TestClient, fake: FakeHouse) -> None:
    answer = client.post("/v1/events", json=[like("a1"), like("a2"), like("a3", actor_id=2)], headers=TOWN)
    places = [result["position"] for result in results(answer)]
    assert places[0].rpartition(":")[0] == places[1].rpartition(":")[0] != places[2].rpartition(":")[0]
    assert sorted(answer.headers["Feedmill-Position"].split(",")) == sorted([places[1], places[2]])
    before = "activity.published.v1/0:99"
    merged = client.post("/v1/events", json=like("a4"), headers={**TOWN, "Feedmill-Position": before})
    assert before in merged.headers["Feedmill-Position"]


def test_waiting_tells_what_is_stored_and_a_repeat_gets_the_first_ones_object(
    client: TestClient, fake: FakeHouse
) -> None:
    post = event("post", actor_id=1, object={"type": "post", "content": "hello"})
    unwaited = client.post("/v1/events", json=post, headers=TOWN)
    assert (unwaited.status_code, results(unwaited)[0]["object"]) == (202, None)
    for _ in range(2):
        answer = client.post("/v1/events", json=post, headers={**TOWN, "Prefer": "wait=5"})
        (result,) = results(answer)
        assert (answer.status_code, result["applied"], result["object"]) == (200, True, {"type": "post", "id": 1})
    assert [record.value["object"]["id"] for record in fake.log.records] == [1, 2, 3]


def test_what_is_not_applied_in_time_is_accepted_but_not_applied(client: TestClient, fake: FakeHouse) -> None:
    fake.waiting.behind = True
    answer = client.post("/v1/events", json=like(), headers={**TOWN, "Prefer": "wait=1"})
    assert (answer.status_code, results(answer)[0]["applied"]) == (202, False)


def test_what_is_passed_but_not_stored_was_dead_lettered(client: TestClient, fake: FakeHouse) -> None:
    fake.waiting.dead = frozenset({"like"})
    sent = [like(), event("share", "a2", actor_id=1, object={"type": "post", "id": 1})]
    answer = client.post("/v1/events", json=sent, headers={**TOWN, "Prefer": "wait=5"})
    assert [result["status"] for result in results(answer)] == ["dead-lettered", "accepted"]


def test_a_repeat_with_another_body_is_a_conflict_whatever_its_time(client: TestClient, fake: FakeHouse) -> None:
    first = {**like(), "time": "2026-11-20T10:00:00Z"}
    again = {**like(), "time": "2026-11-19T10:00:00Z"}
    other = like(object_id=22)
    answer = client.post("/v1/events", json=[first, again, other, like("a2")], headers=TOWN)
    assert [result["status"] for result in results(answer)] == ["accepted", "accepted", "invalid", "accepted"]
    assert results(answer)[2]["error"]["code"] == "conflict"


def test_equal_content_in_another_order_of_keys_is_the_same_body(client: TestClient) -> None:
    for content in ({"a": 1, "b": [2]}, {"b": [2], "a": 1}):
        post = event("post", actor_id=1, object={"type": "post", "content": content})
        assert results(client.post("/v1/events", json=post, headers=TOWN))[0]["status"] == "accepted"


def test_atomic_takes_all_or_nothing(client: TestClient, fake: FakeHouse) -> None:
    sent = [like(), like("a2", actor_id=0)]
    answer = client.post("/v1/events?atomic=true", json=sent, headers=TOWN)
    assert (answer.status_code, fake.log.records) == (422, [])
    assert [result["status"] for result in results(answer)] == ["retry", "invalid"]
    corrected = [like(object_id=22), like("a2")]
    assert client.post("/v1/events?atomic=true", json=corrected, headers=TOWN).status_code == 202
    assert client.post("/v1/events?atomic=perhaps", json=corrected, headers=TOWN).status_code == 400


def test_a_batch_of_several_parts_is_one_batch(client: TestClient, fake: FakeHouse) -> None:
    """A repeat, one with another body and one that is invalid, each in another part than what it is held against."""
    sent = [like(f"n{number}", actor_id=1 + number % 3, object_id=1 + number) for number in range(2 * PART_EVENTS + 20)]
    again, other, invalid = PART_EVENTS + 6, 2 * PART_EVENTS + 9, 2 * PART_EVENTS + 11
    sent[again] = sent[6]
    sent[other] = sent[9] | like(sent[9]["id"], actor_id=1, object_id=999)
    sent[invalid] = like("bad", actor_id=0)
    told = results(client.post("/v1/events", json=sent, headers=TOWN))
    assert [result["id"] for result in told] == [one["id"] for one in sent]
    assert told[again]["event_id"] == told[6]["event_id"]
    refused = {place: result["error"]["code"] for place, result in enumerate(told) if result["status"] != "accepted"}
    assert refused == {other: "conflict", invalid: "out_of_range"}
    taken = [place for place in range(len(sent)) if place not in refused]
    assert [record.headers["ce_id"] for record in fake.log.records] == [sent[place]["id"] for place in taken]
    for place, record in zip(taken, fake.log.records, strict=True):
        assert told[place]["position"].startswith(f"{record.topic}/")
        assert (record.headers["event-id"], record.value) == (told[place]["event_id"], sent[place]["data"])


def test_atomic_refuses_what_an_invalid_event_of_another_part_refuses(client: TestClient, fake: FakeHouse) -> None:
    sent = [like(f"n{number}", object_id=1 + number) for number in range(PART_EVENTS + 2)]
    bad = [*sent[:-1], like("bad", actor_id=0)]
    refused = metrics.EVENTS_REFUSED.at("out_of_range")._value
    before = refused.get()
    answer = client.post("/v1/events?atomic=true", json=bad, headers=TOWN)
    assert (answer.status_code, fake.log.records, refused.get() - before) == (422, [], 1)
    changed = [one | like(one["id"], object_id=7_000) for one in sent]
    assert client.post("/v1/events?atomic=true", json=changed, headers=TOWN).status_code == 202
    assert len(fake.log.records) == len(changed)


def test_an_atomic_refusal_forgets_nothing_that_was_taken_before_it(client: TestClient, fake: FakeHouse) -> None:
    first, bad = like("a1"), like("bad", actor_id=0)
    assert client.post("/v1/events", json=first, headers=TOWN).status_code == 202
    for again in ([first, bad], [first, like("a2"), like("a2"), bad]):
        assert client.post("/v1/events?atomic=true", json=again, headers=TOWN).status_code == 422
    changed = [like("a1", object_id=7_000), like("a2", object_id=7_001)]
    told = results(client.post("/v1/events", json=changed, headers=TOWN))
    assert [result["error"] and result["error"]["code"] for result in told] == ["conflict", None]


def test_a_users_key_acts_for_its_owner_only(client: TestClient, fake: FakeHouse) -> None:
    ivan = {"X-App-Key": "abc123"}
    alone = client.post("/v1/events", json=like(actor_id=2), headers=ivan)
    assert (alone.status_code, alone.json()["errors"][0]["field"]) == (403, "data.actor_id")
    batch = client.post("/v1/events", json=[like(), like("a2", actor_id=2)], headers={"Authorization": "Bearer abc123"})
    assert [result["status"] for result in results(batch)] == ["accepted", "invalid"]
    assert results(batch)[1]["error"]["code"] == "forbidden"
    article = event("article", id="1", time=1, readers=1, text="")
    assert client.post("/v1/events", json=article, headers=ivan).status_code == 403
    own_reading = event("read", **{**READ, "user_id": 1})
    assert client.post("/v1/events", json=own_reading, headers=ivan).status_code == 202
    assert fake.log.records[0].headers["event-id"] == str(uuid5(NS, "user:ivan\nmy-app\na1\nfeedmill.like.v1\n1\n1"))


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("", 401), ("nobody", 401), ("reader", 403)])
def test_no_key_no_entry(client: TestClient, key: str | None, status: int) -> None:
    headers = {} if key is None else {"X-App-Key": key}
    assert client.post("/v1/events", json=like(), headers=headers).status_code == status


def test_a_delete_is_judged_by_the_author_and_a_fresh_post_is_known_at_once(
    client: TestClient, fake: FakeHouse
) -> None:
    fake.world.objects["photo", 9] = 2
    client.post("/v1/events", json=event("post", actor_id=1, object={"type": "post", "content": "x"}), headers=TOWN)

    def delete(id_: str, actor_id: int, type_: str, object_id: int) -> dict[str, Any]:
        return event("delete", id_, actor_id=actor_id, object={"type": type_, "id": object_id})

    fake.world.up = False
    away = client.post("/v1/events", json=[delete("d1", 1, "post", 1), delete("d2", 2, "photo", 9)], headers=TOWN)
    assert [result["status"] for result in results(away)] == ["accepted", "retry"]
    fake.world.up = True
    sent = [delete("d2", 2, "photo", 9), delete("d3", 1, "photo", 9), delete("d4", 1, "photo", 10)]
    judged = client.post("/v1/events", json=sent, headers=TOWN)
    assert [(r["status"], r["error"] and r["error"]["code"]) for r in results(judged)] == [
        ("accepted", None), ("invalid", "forbidden"), ("invalid", "not_found"),
    ]  # fmt: skip
    assert fake.log.records[-1].key == "2"


def test_a_position_is_waited_for_only_where_the_state_judges(client: TestClient, fake: FakeHouse) -> None:
    headers = {**TOWN, "Feedmill-Position": "activity.published.v1/0:7"}
    client.post("/v1/events", json=like(), headers=headers)
    assert fake.waiting.waited_for == []
    fake.waiting.behind = True
    delete = event("delete", actor_id=1, object={"type": "post", "id": 1})
    answer = client.post("/v1/events", json=delete, headers=headers)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert client.post("/v1/events", json=like(), headers={**TOWN, "Feedmill-Position": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("backfill", "since"),
    [
        ({}, None),
        ({"backfill": "all"}, None),
        ({"backfill": "none"}, "2026-11-20T09:00:00.000000Z"),
        ({"backfill": 0}, "2026-11-20T09:00:00.000000Z"),
        ({"backfill": 2}, "2026-11-02T00:00:00.000000Z"),
        ({"backfill": 9}, None),
    ],
)
def test_a_follows_backfill_becomes_a_fact(
    client: TestClient, fake: FakeHouse, backfill: dict[str, Any], since: str | None
) -> None:
    fake.world.post_times[2] = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 3)]
    sent = {**event("follow", actor_id=1, object=user(2), **backfill), "time": "2026-11-20T10:00:00+01:00"}
    assert client.post("/v1/events", json=sent, headers=TOWN).status_code == 202
    assert fake.log.records[0].value == {"actor_id": 1, "object": user(2), "since": since}
    fake.world.up = False
    again = client.post("/v1/events", json={**sent, "id": "a2"}, headers=TOWN)
    needs_the_world = backfill.get("backfill") in (2, 9)
    assert again.status_code == (503 if needs_the_world else 202)


def test_however_many_follows_count_back_postgres_is_asked_once(client: TestClient, fake: FakeHouse) -> None:
    for author in (2, 3):
        fake.world.post_times[author] = [datetime(2026, 11, author, day, tzinfo=UTC) for day in (1, 2, 3)]
    counts = [(2, 1), (3, 1), (3, 3), (2, 1), (3, 4), (4, 1), (3, "all")]
    follows = [
        event("follow", f"f{place}", actor_id=1, object=user(author), backfill=n)
        for place, (author, n) in enumerate(counts)
    ]
    fake.world.questions = 0
    assert client.post("/v1/events", json=follows, headers=TOWN).status_code == 202
    times = [record.value["since"] and record.value["since"][8:13] for record in fake.log.records]
    assert times == ["02T03", "03T03", "03T01", "02T03", None, None, None]
    assert fake.world.questions == 1


def test_without_ids_a_post_is_to_be_sent_again_and_a_like_is_taken(client: TestClient, fake: FakeHouse) -> None:
    fake.blocks.away = True
    post = event("post", "p", actor_id=1, object={"type": "post", "content": "x"})
    answer = client.post("/v1/events", json=[post, like()], headers=TOWN)
    assert [result["status"] for result in results(answer)] == ["retry", "accepted"]
    assert results(answer)[0]["error"]["code"] == "no_ids"
    fake.blocks.away = False
    assert results(client.post("/v1/events", json=[post], headers=TOWN))[0]["status"] == "accepted"


@pytest.mark.parametrize("how", ["away", "full", "not acknowledged"])
def test_what_the_log_did_not_take_is_503_with_retry_after(client: TestClient, fake: FakeHouse, how: str) -> None:
    fake.log.available = how != "away"
    fake.log.full = how == "full"
    fake.log.failing = {"1"} if how == "not acknowledged" else set()
    answer = client.post("/v1/events", json=[like(), like("a2", actor_id=0)], headers=TOWN)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert [result["status"] for result in results(answer)] == ["retry", "invalid"]
    assert "Feedmill-Position" not in answer.headers


def test_some_acknowledged_some_not_is_202_and_says_which(client: TestClient, fake: FakeHouse) -> None:
    fake.log.failing = {"1"}
    answer = client.post("/v1/events", json=[like(), like("a2", actor_id=2)], headers=TOWN)
    assert (answer.status_code, [r["status"] for r in results(answer)]) == (202, ["retry", "accepted"])


def test_beyond_the_rate_it_is_429_with_the_time_to_come_back() -> None:
    client = a_client(a_house(rate={"events": "3/minute"}))
    first = client.post("/v1/events", json=[like(), like("a2")], headers=TOWN)
    assert first.headers["RateLimit-Policy"] == '"events";q=3;w=60'
    assert first.headers["RateLimit"].startswith('"events";r=1;t=')
    second = client.post("/v1/events", json=[like("a3"), like("a4")], headers=TOWN)
    assert second.status_code == 429
    assert 1 <= int(second.headers["Retry-After"]) <= 60
    other = client.post("/v1/events", json=like("a5"), headers={"X-App-Key": "abc123"})
    assert other.status_code == 202


def test_the_event_stands_in_the_answer_in_the_order_sent(client: TestClient) -> None:
    sent = [like(f"id-{n}", actor_id=n % 3) for n in range(30)]
    got = results(client.post("/v1/events", json=sent, headers=TOWN))
    assert [result["id"] for result in got] == [f"id-{n}" for n in range(30)]
    assert {result["status"] for result in got[::3]} == {"invalid"}
