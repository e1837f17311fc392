"""`/v1`: events of every verb, feeds with cursors, reading what was written, the way of each event."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pytest

from feedmill.contracts.verbs import EDGE_VERBS, VERBS
from feedmill.runtime.deadline import Deadline
from feedmill.testkit.people import Operator, event

pytestmark = pytest.mark.e2e

ARRIVAL_S = 30.0
OF_USERS = (
    "follow",
    "unfollow",
    "connect",
    "disconnect",
    "recommend",
    "unrecommend",
    "mute",
    "unmute",
    "block",
    "unblock",
)


def eventually(ask: Callable[[], Any], wanted: Callable[[Any], bool], within_s: float = ARRIVAL_S) -> Any:
    """The first answer that is `wanted`; fails with the last one at the deadline."""
    deadline = Deadline(within_s)
    while True:
        answer = ask()
        if wanted(answer):
            return answer
        assert not deadline.passed, f"not within {within_s} s; the last answer: {answer}"


def of_verb(operator: Operator, verb: str) -> dict[str, Any]:
    """An event of this verb that speaks of things which are there."""
    topics = {"read": {"user_id": "u-1", "content_id": 7, "read_percent": 95.5, "updated_at": "2026-11-20"}}
    topics["content-meta"] = {"content_id": 7, "category_name": "romance"}
    topics["article"] = {
        "id": f"a-{time.monotonic_ns()}",
        "time": 1_700_000_000,
        "readers": 500,
        "text": "Arya and Jon",
    }
    if verb in topics:
        return event(verb, topics[verb])
    ivan = operator.user("ivan")["id"]
    if verb in OF_USERS:
        return event(verb, {"actor_id": ivan, "object": {"type": "user", "id": operator.user("nico")["id"]}})
    post = event("post", {"actor_id": ivan, "object": {"type": "article", "content": "words", "title": "A title"}})
    if verb == "post":
        return post
    thing = operator.send(post)[0]["object"]
    if verb == "comment":
        words = {"type": "comment", "content": "indeed"}
        return event(verb, {"actor_id": ivan, "object": words, "target": thing})
    return event(verb, {"actor_id": ivan, "object": thing})


@pytest.mark.parametrize("verb", [verb.name for verb in EDGE_VERBS])
def test_an_event_of_every_verb_is_taken_and_can_be_followed(operator: Operator, verb: str) -> None:
    topic = VERBS[verb].topic.name
    (result,) = operator.send(of_verb(operator, verb), wait_s=0)
    assert result["status"] == "accepted"
    assert result["position"].startswith(f"{topic}/")
    wanted = {"accepted", "enriched"}
    if topic == "activity.published.v1":
        wanted |= {"postgres", "clickhouse"}
    trace = eventually(
        lambda: operator.request("GET", f"/v1/events/{result['event_id']}").json(),
        lambda trace: {hop["hop"] for hop in trace["hops"]} >= wanted,
    )
    assert trace["type"] == f"feedmill.{verb}.v1"
    accepted = next(hop for hop in trace["hops"] if hop["hop"] == "accepted")
    assert f"{accepted['topic']}/{accepted['partition']}:{accepted['offset']}" == result["position"]


def test_the_four_hops_of_an_activity_are_told_in_order_with_their_times(operator: Operator) -> None:
    (result,) = operator.send(of_verb(operator, "post"))
    trace = eventually(
        lambda: operator.request("GET", f"/v1/events/{result['event_id']}").json(),
        lambda trace: len(trace["hops"]) == 4,
    )
    assert trace["status"] == "applied"
    assert trace["reason"] is None
    assert trace["object"] == result["object"]
    assert [hop["hop"] for hop in trace["hops"]] == ["accepted", "enriched", "postgres", "clickhouse"]
    times = [datetime.fromisoformat(hop["at"]) for hop in trace["hops"]]
    assert times[0] <= times[1] <= min(times[2:])


def test_an_event_that_nobody_sent_is_unknown(operator: Operator) -> None:
    trace = operator.request("GET", "/v1/events/00000000-0000-5000-8000-000000000000").json()
    assert (trace["status"], trace["hops"]) == ("unknown", [])


def test_a_waited_answer_says_what_was_stored(operator: Operator) -> None:
    (result,) = operator.send(of_verb(operator, "post"))
    assert result["applied"] is True
    assert result["object"]["type"] == "article"
    assert isinstance(result["object"]["id"], int)


def test_an_answer_that_was_not_waited_for_names_no_object(operator: Operator) -> None:
    (result,) = operator.send(of_verb(operator, "post"), wait_s=0)
    assert (result["applied"], result["object"]) == (False, None)


SHOWN = ("post", "like", "share", "comment", "follow", "unfollow", "connect", "recommend")
NOT_SHOWN = ("mute", "block", "unlike", "disconnect")


@pytest.mark.parametrize(("verb", "shown"), [*((v, True) for v in SHOWN), *((v, False) for v in NOT_SHOWN)])
def test_a_follower_sees_what_feeds_show(operator: Operator, verb: str, shown: bool) -> None:
    sent = of_verb(operator, verb)
    reader = operator.user("reader")["id"]
    follow = event("follow", {"actor_id": reader, "object": {"type": "user", "id": sent["data"]["actor_id"]}})
    *_, result = operator.send(follow, sent)
    items = operator.request("GET", f"/v1/users/{reader}/feed").json()["items"]
    assert ([item["verb"] for item in items if item["activity_id"] == result["event_id"]] == [verb]) is shown


def posts(author: int, count: int) -> list[dict[str, Any]]:
    data = {"actor_id": author, "object": {"type": "post", "content": "one of many"}}
    return [event("post", data) for _ in range(count)]


def pages(operator: Operator, path: str) -> list[list[str]]:
    """The activity ids of each page, following `next`; each page's Link says the same."""
    found, cursor = [], ""
    while True:
        answer = operator.request("GET", f"{path}{cursor}")
        page = answer.json()
        found.append([item["activity_id"] for item in page["items"]])
        if page["next"] is None:
            assert "Link" not in answer.headers
            return found
        assert 'rel="next"' in answer.headers["Link"]
        cursor = f"&cursor={page['next']}"


def test_cursors_lead_through_every_item_once_newest_first(operator: Operator) -> None:
    author, reader = operator.user("author")["id"], operator.user("reader")["id"]
    follow = event("follow", {"actor_id": reader, "object": {"type": "user", "id": author}})
    sent = [result["event_id"] for result in operator.send(*posts(author, 45), follow)[:-1]]
    by_author = pages(operator, f"/v1/users/{author}/activities?limit=20")
    at_home = pages(operator, f"/v1/users/{reader}/feed?limit=20")
    assert [len(page) for page in by_author] == [len(page) for page in at_home] == [20, 20, 5]
    assert sorted(chain(*by_author)) == sorted(sent)
    assert by_author == at_home


def test_whoever_carries_the_position_reads_what_they_wrote(operator: Operator) -> None:
    author = operator.user("author")["id"]
    written: list[str] = []
    for post in posts(author, 10):
        answer = operator.request("POST", "/v1/events", {"Prefer": "wait=0"}, json=post)
        written.insert(0, answer.json()["results"][0]["event_id"])
        position = {"Feedmill-Position": answer.headers["Feedmill-Position"]}
        items = operator.request("GET", f"/v1/users/{author}/activities", position).json()["items"]
        assert [item["activity_id"] for item in items] == written


def test_a_position_beyond_the_end_of_the_log_is_refused(operator: Operator) -> None:
    author = operator.user("author")["id"]
    position = {"Feedmill-Position": f"activity.published.v1/0:{10**12}"}
    answer = operator.request("GET", f"/v1/users/{author}/activities", position)
    assert answer.status_code == 400


def test_complete_through_never_claims_what_is_not_in_the_answer(operator: Operator) -> None:
    author = operator.user("author")["id"]
    acknowledged: list[tuple[datetime, str]] = []
    for post in posts(author, 30):
        (result,) = operator.send(post, wait_s=0)
        acknowledged.append((datetime.now(UTC), result["event_id"]))
        answer = operator.request("GET", f"/v1/users/{author}/activities?limit=100")
        through = datetime.fromisoformat(answer.headers["Feedmill-Complete-Through"])
        shown = {item["activity_id"] for item in answer.json()["items"]}
        assert {event_id for at, event_id in acknowledged if at < through} <= shown
    eventually(
        lambda: operator.request("GET", f"/v1/users/{author}/activities").headers["Feedmill-Complete-Through"],
        lambda through: datetime.fromisoformat(through) > acknowledged[-1][0],
    )


def test_the_same_event_sent_again_is_one(operator: Operator) -> None:
    (post,) = posts(operator.user("author")["id"], 1)
    later = {**post, "time": "2026-01-01T00:00:00Z"}
    (first,), (again,), twice = operator.send(post), operator.send(later), operator.send(post, post)
    results = [first, again, *twice]
    assert len({result["event_id"] for result in results}) == 1
    assert all(result["object"] == first["object"] and result["status"] == "accepted" for result in results)
    items = operator.request("GET", f"/v1/users/{post['data']['actor_id']}/activities").json()["items"]
    assert len(items) == 1


def test_a_repeat_with_another_body_is_told_so_and_the_others_stand(operator: Operator) -> None:
    author = operator.user("author")["id"]
    post, neighbour = posts(author, 2)
    operator.send(post)
    other = {**post, "data": {"actor_id": author, "object": {"type": "post", "content": "something else"}}}
    answer = operator.request("POST", "/v1/events", json=[other, neighbour])
    assert [result["status"] for result in answer.json()["results"]] == ["invalid", "accepted"]
    assert answer.json()["results"][0]["error"]["code"] == "conflict"


def test_users_are_created_in_numbers_and_a_handle_only_once(operator: Operator) -> None:
    taken = operator.user("taken")["handle"]
    fresh = [{"handle": f"{taken}-{number}", "name": f"N° {number}"} for number in range(50)]
    answer = operator.request("POST", "/v1/users", json=[{"handle": taken, "name": "Late"}, *fresh, {"handle": ""}])
    assert answer.status_code == 200
    assert [result["status"] for result in answer.json()["results"]] == ["conflict", *["created"] * 50, "invalid"]
    created = [result["user"] for result in answer.json()["results"][1:-1]]
    assert [user["handle"] for user in created] == [user["handle"] for user in fresh]
    for user in created[:3]:
        assert operator.request("GET", f"/v1/users/{user['id']}").json()["name"] == user["name"]


def test_what_needs_an_endpoint_of_its_own_is_sent_there(operator: Operator) -> None:
    user = {"actor_id": 1, "object": {"type": "user", "id": 1, "handle": "x", "name": "x"}}
    answer = operator.request("POST", "/v1/events", json=event("user-created", user))
    assert answer.json()["results"][0]["error"]["code"] == "use_endpoint"
