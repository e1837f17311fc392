"""Through the one origin of a platform: streams that survive the api's death, read positions, notifications, tags."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from feedmill.testkit.people import Operator, Person, event
from feedmill.testkit.platform import Platform
from feedmill.testkit.sse import Listening
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.e2e


def live(operator: Operator, person: Person, **more: Any) -> Listening:
    return Listening(f"{operator.platform.origin}/v1/users/{person.id}/feed/live", person.key, **more)


def post(author: Person, content: str) -> dict[str, Any]:
    return event("post", {"actor_id": author.id, "object": {"type": "post", "content": content}})


def _shown(stream: Listening) -> str:
    """The next activity's id. A follow applied while the stream opened says `reset` first."""
    while (told := stream.next()).event == "reset":
        pass
    assert told.event == "activity", told
    return str(told.data["activity_id"])


def test_a_stream_tells_what_friends_do_and_the_apis_death_loses_nothing(
    operator: Operator, platform: Platform
) -> None:
    ivan, nico = operator.people("ivan", "nico")
    ivan.follows(nico)
    sent: list[str] = []
    told: list[str] = []
    with live(operator, ivan) as stream:
        stream.next("open")
        sent += [result["event_id"] for result in operator.send(post(nico, "one"), post(nico, "two"))]
        told += [_shown(stream) for _ in range(2)]
        last_id = stream.last_id
        platform.kill("api")
        wait_until(lambda: stream.ended, "the stream to end with its process")
    results = operator.send(post(nico, "three"), post(nico, "four"))
    sent += [result["event_id"] for result in results]
    platform.wait_ready("api")
    with live(operator, ivan, last_id=last_id) as stream:
        stream.next("open")
        told += [stream.next("activity").data["activity_id"] for _ in range(2)]
        sent += [result["event_id"] for result in operator.send(post(nico, "five"))]
        told.append(stream.next("activity").data["activity_id"])
        ivan.unfollows(nico)
        assert stream.next("reset").data == {"reason": "unfollow"}
    assert told == sent


def test_a_page_says_where_its_stream_begins(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    ivan.follows(nico)
    (first,) = operator.send(post(nico, "one"))
    page = ivan.get(f"/v1/users/{ivan.id}/feed")
    assert page.json()["items"][0]["activity_id"] == first["event_id"]
    (second,) = operator.send(post(nico, "two"))
    with live(operator, ivan, last_id=page.headers["Feedmill-Feed-Position"]) as stream:
        stream.next("open")
        assert stream.next("activity").data["activity_id"] == second["event_id"]


def test_reading_on_one_device_is_told_to_the_other(operator: Operator) -> None:
    ivan = operator.person("ivan")
    through = datetime.now(UTC)
    with live(operator, ivan) as phone:
        phone.next("open")
        answer = ivan.post(f"/v1/users/{ivan.id}/feed/read", {"through": through.isoformat()})
        assert (answer.status_code, answer.json()["applied"]) == (200, True)
        assert datetime.fromisoformat(phone.next("read").data["read_through"]) == through


def test_notifications_are_grouped_counted_seen_and_taken_back(operator: Operator) -> None:
    ivan, *friends = operator.people("ivan", "nico", "eric", "olga", "jane")
    thing = ivan.publishes("hello")
    for friend in friends:
        friend.likes(thing)
    page = ivan.read(f"/v1/users/{ivan.id}/notifications")
    [liked] = page["items"]
    assert liked["text"] == f"{friends[-1].handle} and 3 others liked your post"
    assert (liked["people"], liked["seen"], liked["read"]) == (4, False, False)
    ivan.post(f"/v1/users/{ivan.id}/notifications/read", {"through": liked["latest_at"], "only_seen": True})
    [liked] = ivan.read(f"/v1/users/{ivan.id}/notifications")["items"]
    assert (liked["seen"], liked["read"]) == (True, False)
    kind, _, number = thing.partition(":")
    for friend in friends:
        operator.send(event("unlike", {"actor_id": friend.id, "object": {"type": kind, "id": int(number)}}))
    assert ivan.read(f"/v1/users/{ivan.id}/notifications")["items"] == []
    counters = ivan.read(f"/v1/objects/{kind}/{number}")["counters"]
    assert counters == {"likes": 0, "likers": 0, "shares": 0, "comments": 0}


def test_a_tag_has_its_feed_and_a_mention_is_told(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    tag = f"T{uuid.uuid4().hex[:10]}"
    (result,) = operator.send(post(nico, f"hey @{ivan.handle} #{tag}"))
    assert [item["activity_id"] for item in ivan.read(f"/v1/tags/{tag}/feed")["items"]] == [result["event_id"]]
    [mention] = ivan.read(f"/v1/users/{ivan.id}/notifications")["items"]
    assert mention["text"] == f"{nico.handle} mentioned you in a post"
