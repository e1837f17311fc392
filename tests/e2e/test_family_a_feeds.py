"""Family A, rows A10 to A12: /feed/my and /feed/friends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from feedmill.testkit.people import Operator, Person

pytestmark = pytest.mark.e2e

ITEM_KEYS = {"actor_name", "verb", "object_id", "object_type", "target_name", "time"}
ISO_8601 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}\+00:00")
RFC_1123 = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")


def what(items: list[dict[str, Any]]) -> list[tuple[str, str, Any, Any, Any]]:
    """Items without their times."""
    keys = ("actor_name", "verb", "object_type", "object_id", "target_name")
    return [tuple(item[key] for key in keys) for item in items]


def number(thing: str) -> int:
    return int(thing.partition(":")[2])


@pytest.mark.parametrize(("path", "name"), [("/feed/my", "my_feed"), ("/feed/friends", "friends_feed")])
def test_an_empty_feed_is_an_empty_list(operator: Operator, path: str, name: str) -> None:
    assert operator.person().read(path) == {name: [], "next_url": ""}


def test_my_feed_holds_each_of_my_activities_newest_first(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    post, photo = ivan.publishes(), nico.publishes(kind="photo")
    ivan.likes(photo)
    ivan.shares(photo)
    ivan.follows(nico)
    ivan.unfollows(nico)
    assert what(ivan.my_feed()) == [
        (ivan.handle, "unfollow", None, None, nico.handle),
        (ivan.handle, "follow", None, None, nico.handle),
        (ivan.handle, "share", "photo", number(photo), nico.handle),
        (ivan.handle, "like", "photo", number(photo), nico.handle),
        (ivan.handle, "post", "post", number(post), None),
    ]


def test_an_item_has_its_six_keys_and_no_other(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    nico.follows(ivan)
    ivan.likes(ivan.publishes())
    assert all(set(item) == ITEM_KEYS for item in (*ivan.my_feed(), *nico.my_feed(), *nico.friends_feed()))


def test_times_in_my_feed_are_iso_8601_with_microseconds(operator: Operator) -> None:
    ivan = operator.person("ivan")
    ivan.publishes()
    (item,) = ivan.my_feed()
    assert ISO_8601.fullmatch(item["time"])
    assert abs(datetime.fromisoformat(item["time"]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_times_in_my_feed_fall(operator: Operator) -> None:
    ivan = operator.person("ivan")
    for _ in range(5):
        ivan.publishes()
    times = [item["time"] for item in ivan.my_feed()]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == 5


def test_times_in_the_friends_feed_are_rfc_1123(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    nico.follows(ivan)
    ivan.publishes()
    (item,) = nico.friends_feed()
    assert RFC_1123.fullmatch(item["time"])
    assert abs(parsedate_to_datetime(item["time"]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_friends_feed_holds_what_those_did_whom_i_follow(operator: Operator) -> None:
    ivan, nico, eric = operator.people("ivan", "nico", "eric")
    post = ivan.publishes()
    nico.likes(post)
    eric.publishes()
    ivan.follows(nico)
    assert what(ivan.friends_feed()) == [(nico.handle, "like", "post", number(post), ivan.handle)]


def test_my_own_activities_are_not_my_friends(operator: Operator) -> None:
    ivan = operator.person("ivan")
    ivan.likes(ivan.publishes())
    assert ivan.friends_feed() == []


def test_a_follow_shows_the_whole_past_at_once_and_an_unfollow_takes_it_away_at_once(operator: Operator) -> None:
    ivan, nico, eric = operator.people("ivan", "nico", "eric")
    for _ in range(10):
        nico.publishes()
    for _ in range(20):
        eric.publishes()
    counts = []
    for step, whom in ((ivan.follows, nico), (ivan.follows, eric), (ivan.unfollows, nico)):
        step(whom)
        counts.append(len(ivan.friends_feed()))
    assert counts == [10, 30, 20]


def test_following_one_another_shows_each_the_other(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    ivan.follows(nico)
    nico.follows(ivan)
    assert what(ivan.friends_feed()) == [(nico.handle, "follow", None, None, ivan.handle)]
    assert what(nico.friends_feed()) == [(ivan.handle, "follow", None, None, nico.handle)]


def test_a_friends_unfollow_shows_as_well(operator: Operator) -> None:
    ivan, nico, eric = operator.people("ivan", "nico", "eric")
    ivan.follows(nico)
    nico.follows(eric)
    nico.unfollows(eric)
    assert [verb for _, verb, *_ in what(ivan.friends_feed())] == ["unfollow", "follow"]


def test_everything_is_shown_where_nobody_asked_for_pages(operator: Operator) -> None:
    ivan = operator.person("ivan")
    things = [ivan.publishes(kind=kind) for kind in ("post", "photo") * 30]
    answer = ivan.read("/feed/my")
    assert [f"{item['object_type']}:{item['object_id']}" for item in answer["my_feed"]] == things[::-1]
    assert answer["next_url"] == ""


@pytest.mark.parametrize(("path", "name"), [("/feed/my", "my_feed"), ("/feed/friends", "friends_feed")])
def test_pages_hold_every_item_once_and_in_order(operator: Operator, path: str, name: str) -> None:
    ivan, nico = operator.people("ivan", "nico")
    for _ in range(7):
        ivan.publishes()
    nico.follows(ivan)
    reader = ivan if name == "my_feed" else nico
    assert pages(reader, f"{path}?limit=3", name) == [3, 3, 1]


def pages(reader: Person, path: str, name: str) -> list[int]:
    """The sizes of the pages that `next_url` leads through, which together are the feed."""
    whole = reader.read(path.partition("?")[0])[name]
    sizes, seen = [], []
    while path:
        page = reader.read(path)
        sizes.append(len(page[name]))
        seen += page[name]
        path = page["next_url"]
        assert path == "" or path.startswith("/feed/")
    assert seen == whole
    return sizes


def test_what_is_new_moves_nothing_on_the_pages_behind(operator: Operator) -> None:
    ivan = operator.person("ivan")
    things = [ivan.publishes() for _ in range(4)]
    first = ivan.read("/feed/my?limit=2")
    ivan.publishes("something new")
    second = ivan.read(first["next_url"])
    assert [f"post:{item['object_id']}" for item in (*first["my_feed"], *second["my_feed"])] == things[::-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=1001", "cursor=nonsense"])
def test_a_page_that_cannot_be_is_refused_in_the_familys_shape(operator: Operator, query: str) -> None:
    answer = operator.person().get(f"/feed/my?{query}")
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "message"}
