"""Objects with counters, the feed of a tag, notifications: what they show, to whom, and page by page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from feedmill.runtime.outcome import Transient
from feedmill.testkit.reader import Reader
from feedmill.testkit.state import BEGIN, Seed
from feedmill.testkit.sunk import PARTITIONS, SunkLog

pytestmark = pytest.mark.integration

PEOPLE = ("ivan", "nico", "eric", "olga", "jane", "kurt")


class Town:
    """Six people and what they say, a minute apart, each thing applied at once unless told."""

    def __init__(self, log: SunkLog) -> None:
        self.log = log
        self.minutes = 0
        for user, name in enumerate(PEOPLE, start=1):
            born = {"id": user, "handle": name, "uuid": f"00000000-0000-7000-8000-{user:012}", "name": name.title()}
            self.says(user, "user-created", object={"type": "user", "id": user}, user=born)

    def says(self, actor: int, verb: str, *, apply: bool = True, at: datetime | None = None, **fields: Any) -> datetime:
        self.minutes += 1
        at = at or BEGIN + timedelta(minutes=self.minutes)
        self.log.says(actor, verb, at=at, **fields)
        if apply:
            self.log.apply_all()
        return at

    def posts(self, actor: int, id: int, content: str = "hm", **more: Any) -> datetime:
        return self.says(actor, "post", object={"type": "post", "id": id, "content": content, **more})

    def does(self, actor: int, verb: str, id: int, kind: str = "post") -> datetime:
        return self.says(actor, verb, object={"type": kind, "id": id})

    def comments(self, actor: int, id: int, on: int, **more: Any) -> datetime:
        said = {"type": "comment", "id": id, "content": "so?"} | more
        return self.says(actor, "comment", object=said, target={"type": "post", "id": on})


@pytest.fixture
def town(seed: Seed, reader: Reader, state: str) -> Iterator[Town]:
    for user, name in enumerate(PEOPLE, start=1):
        seed.key(name, owner=f"user:{name}", user_id=user)
    seed.key("machine", owner="service:reader", scopes=["feeds:read"])
    log = SunkLog(state)
    yield Town(log)
    log.close()


def notifications(reader: Reader, name: str = "ivan") -> list[dict[str, Any]]:
    answer = reader.get(f"/v1/users/{PEOPLE.index(name) + 1}/notifications", key=name)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def texts(reader: Reader, name: str = "ivan") -> list[str]:
    return [item["text"] for item in notifications(reader, name)]


def test_deeds_of_one_kind_on_one_thing_are_one_notification(town: Town, reader: Reader) -> None:
    town.posts(1, 7)
    for user in (2, 3, 4):
        town.does(user, "like", 7)
    latest = town.does(5, "like", 7)
    town.does(5, "like", 7)
    town.does(1, "like", 7)
    [item] = notifications(reader)
    assert item["text"] == "jane and 3 others liked your post"
    assert [actor["handle"] for actor in item["actors"]] == ["jane", "olga", "eric"]
    assert (item["kind"], item["people"], item["object"]["id"]) == ("like", 4, 7)
    assert datetime.fromisoformat(item["latest_at"]) == latest
    assert reader.get("/v1/objects/post/7", key="ivan").json()["counters"] == {
        "likes": 6, "likers": 5, "shares": 0, "comments": 0,
    }  # fmt: skip


def test_every_kind_is_told_in_its_words_newest_first(town: Town, reader: Reader) -> None:
    town.posts(1, 7)
    town.does(2, "share", 7)
    town.comments(3, 1, on=7)
    town.comments(3, 2, on=7)
    town.posts(4, 8, "hello @IVAN", mentions=["IVAN"])
    town.does(5, "follow", 1, "user")
    town.does(6, "follow", 1, "user")
    assert texts(reader) == [
        "kurt and jane followed you",
        "olga mentioned you in a post",
        "eric commented on your post",
        "nico shared your post",
    ]
    assert [item["count"] for item in notifications(reader)] == [2, 1, 2, 1]


def test_a_mention_is_told_where_its_comment_is_seen(town: Town, reader: Reader) -> None:
    town.comments(3, 1, on=7, mentions=["ivan"])
    assert texts(reader) == []
    town.posts(4, 7)
    assert texts(reader) == ["eric mentioned you in a comment"]
    town.does(4, "block", 1, "user")
    assert texts(reader) == []
    town.does(4, "unblock", 1, "user")
    assert texts(reader) == ["eric mentioned you in a comment"]
    town.says(4, "user-erased", object={"type": "user", "id": 4})
    assert texts(reader) == []


def test_of_two_users_with_one_handle_the_lower_id_is_meant(town: Town, reader: Reader) -> None:
    twin = {"id": 9, "handle": "ivan", "uuid": "00000000-0000-7000-8000-000000000009", "name": "Another"}
    town.says(9, "user-created", object={"type": "user", "id": 9}, user=twin)
    town.posts(4, 8, "hello @ivan", mentions=["ivan"])
    assert texts(reader) == ["olga mentioned you in a post"]
    assert reader.get("/v1/users/9/notifications", key="machine").json()["items"] == []


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_of_groups_of_one_moment_have_each_of_them_once(town: Town, reader: Reader, limit: int) -> None:
    ids = range(7, 16)
    for id in ids:
        town.posts(1, id)
    moment = BEGIN + timedelta(hours=9)
    for id in ids:
        town.says(2, "like", at=moment, object={"type": "post", "id": id})
        town.says(3, "share", at=moment - timedelta(hours=1), object={"type": "post", "id": id})
    found, cursor = list[str](), ""
    while cursor is not None:
        page = reader.get(f"/v1/users/1/notifications?limit={limit}{cursor and f'&cursor={cursor}'}", key="ivan").json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
    likes, shares = ([f"{verb}:post:{id}" for id in ids] for verb in ("like", "share"))
    assert (sorted(found[: len(ids)]), sorted(found[len(ids) :])) == (sorted(likes), sorted(shares))


def test_follows_of_two_days_are_two_groups(town: Town, reader: Reader) -> None:
    town.does(2, "follow", 1, "user")
    town.says(3, "follow", at=BEGIN + timedelta(days=1, hours=3), object={"type": "user", "id": 1})
    assert texts(reader) == ["eric followed you", "nico followed you"]


@pytest.mark.parametrize(
    ("verb", "actor", "thing"),
    [
        ("unlike", 2, ("post", 7)),
        ("delete", 1, ("post", 7)),
        ("mute", 1, ("user", 2)),
        ("block", 1, ("user", 2)),
        ("block", 2, ("user", 1)),
        ("user-erased", 2, ("user", 2)),
    ],
)
def test_what_removes_removes_from_notifications_and_counts(
    town: Town, reader: Reader, verb: str, actor: int, thing: tuple[str, int]
) -> None:
    town.posts(1, 7)
    town.does(2, "like", 7)
    assert texts(reader) == ["nico liked your post"]
    town.does(actor, verb, thing[1], thing[0])
    assert texts(reader) == []
    answer = reader.get("/v1/objects/post/7", key="ivan")
    if verb == "delete":
        assert answer.status_code == 404
    else:
        assert answer.json()["counters"]["likers"] == 0
    assert reader.get("/v1/users/1", key="ivan").json()["counters"]["likes"] == 0


def test_a_deleted_comment_and_an_unfollow_are_told_no_more(town: Town, reader: Reader) -> None:
    town.posts(1, 7)
    town.comments(2, 1, on=7, mentions=["ivan"])
    town.does(3, "follow", 1, "user")
    assert texts(reader) == ["eric followed you", "nico mentioned you in a comment", "nico commented on your post"]
    town.does(2, "delete", 1, "comment")
    town.does(3, "unfollow", 1, "user")
    assert texts(reader) == []
    assert reader.get("/v1/users/1", key="ivan").json()["counters"]["followers"] == 0


def test_a_taken_back_newest_deed_gives_its_place_up(town: Town, reader: Reader) -> None:
    for post in (7, 8):
        town.posts(1, post)
    town.does(2, "like", 7)
    town.does(2, "like", 8)
    town.does(3, "like", 7)
    assert [item["object"]["id"] for item in notifications(reader)] == [7, 8]
    town.does(3, "unlike", 7)
    assert [item["object"]["id"] for item in notifications(reader)] == [8, 7]


def test_what_came_before_its_object_is_told_once_it_is_there(town: Town, reader: Reader) -> None:
    town.does(2, "like", 7)
    town.comments(3, 1, on=7)
    assert texts(reader) == []
    assert reader.get("/v1/objects/post/7", key="ivan").status_code == 404
    town.posts(1, 7)
    assert sorted(texts(reader)) == ["eric commented on your post", "nico liked your post"]


def test_nothing_is_lost_between_partitions_applied_at_the_same_time(town: Town, reader: Reader, state: str) -> None:
    posts = range(100, 200)
    for post in posts:
        town.says(1, "post", apply=False, object={"type": "post", "id": post, "content": "x"})
        town.says(2, "like", apply=False, object={"type": "post", "id": post})
        town.says(3, "share", apply=False, object={"type": "post", "id": post})

    def write(partition: int) -> None:
        own = SunkLog(state)
        own.records, own.applied = town.log.records, town.log.applied
        while own.applied[partition] < len(own.records[partition]):
            try:
                own.apply(partition, 3)
            except Transient:
                continue  # a deadlock: again, as the loop does
        own.close()

    threads = [threading.Thread(target=write, args=(partition,)) for partition in range(PARTITIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = reader.get("/v1/users/1/notifications?limit=100", key="ivan").json()
    more = reader.get(f"/v1/users/1/notifications?limit=100&cursor={told['next']}", key="ivan").json()
    assert more["next"] is None
    assert {item["id"] for item in told["items"] + more["items"]} == {
        f"{verb}:post:{post}" for post in posts for verb in ("like", "share")
    }


def test_the_feed_of_a_tag_has_posts_and_comments_of_any_case_newest_first(town: Town, reader: Reader) -> None:
    town.posts(1, 7, "#straße", tags=["strasse", "other"])
    town.comments(2, 1, on=7, tags=["strasse"])
    town.posts(3, 8, tags=["else"])

    def tagged(tag: str, key: str = "kurt") -> list[tuple[str, int]]:
        items = reader.get(f"/v1/tags/{tag}/feed", key=key).json()["items"]
        return [(item["object"]["type"], item["object"]["id"]) for item in items]

    assert tagged("straße") == tagged("STRASSE") == tagged("%23strasse") == [("comment", 1), ("post", 7)]
    assert tagged("nothing") == []
    town.does(6, "mute", 2, "user")
    assert tagged("strasse") == [("post", 7)]
    assert tagged("strasse", "olga") == [("comment", 1), ("post", 7)]
    town.does(1, "block", 6, "user")
    assert tagged("strasse") == []
    town.does(1, "delete", 7)
    assert tagged("strasse", "machine") == []


def test_a_tag_is_paged_without_gap_or_repeat(town: Town, reader: Reader) -> None:
    for post in range(1, 26):
        town.says(post % 6 + 1, "post", apply=False, object={"type": "post", "id": post, "content": "x", "tags": ["t"]})
    town.log.apply_all()
    town.does(2, "block", 1, "user")
    walked: list[int] = []
    url = "/v1/tags/t/feed?limit=4"
    while url:
        answer = reader.get(url, key="nico")
        walked += [item["object"]["id"] for item in answer.json()["items"]]
        url = answer.headers["link"].partition(">")[0][1:] if "link" in answer.headers else ""
    assert walked == [post for post in range(25, 0, -1) if post % 6 != 0]


def test_a_machine_counts_all_and_a_blocker_not_the_blocked(town: Town, reader: Reader) -> None:
    town.posts(1, 7)
    town.does(2, "like", 7)
    town.does(3, "block", 2, "user")
    assert reader.get("/v1/objects/post/7", key="eric").json()["counters"]["likes"] == 0
    assert reader.get("/v1/objects/post/7", key="machine").json()["counters"]["likes"] == 1
    town.does(1, "block", 3, "user")
    assert reader.get("/v1/objects/post/7", key="eric").status_code == 404


@pytest.mark.parametrize(
    "path", ["/v1/objects/post/0", "/v1/objects/%00/1", "/v1/tags/%0A/feed", f"/v1/tags/{'x' * 101}/feed"]
)
def test_a_name_that_is_none_is_400(town: Town, reader: Reader, path: str) -> None:
    assert reader.get(path, key="ivan").status_code == 400
