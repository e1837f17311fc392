"""Home and author feeds of /v1: what is in them, who may read them, and how they are paged."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from feedmill.testkit.reader import Reader
from feedmill.testkit.state import BEGIN, Seed

pytestmark = pytest.mark.integration


@pytest.fixture
def pair(seed: Seed) -> Seed:
    """ivan (1) follows nico (2); eric (3) is a stranger; a machine reads any feed."""
    for handle, key in (("ivan", "abc123"), ("nico", "abc124"), ("eric", "abc125")):
        seed.user(handle, key=key)
    seed.key("machine", owner="service:reader", scopes=["feeds:read"])
    seed.key("writer", owner="service:writer", scopes=["events:write"])
    seed.follow(1, 2)
    return seed


def items(reader: Reader, path: str = "/v1/users/1/feed", key: str = "abc123") -> list[dict[str, Any]]:
    answer = reader.get(path, key=key)
    assert answer.status_code == 200, answer.text
    found = answer.json()["items"]
    assert isinstance(found, list)
    return found


def test_an_item_of_a_post_shows_it_as_it_was_posted(pair: Seed, reader: Reader) -> None:
    content = {"text": "grüße\n\u2028", "n": [1, 2.5, None], "deep": {"a": "</script>"}}
    post = pair.post(2, content)
    pair.execute(
        "UPDATE object SET title = 'T', url = 'https://example.org/', tags = '{a,b}', mentions = '{eric}'"
        " WHERE id = %s",
        (post,),
    )
    [item] = items(reader)
    assert UUID(item["activity_id"])
    assert item["verb"] == "post"
    assert item["actor"] == {"id": 2, "handle": "nico", "name": "Nico"}
    assert item["target"] is None
    assert item["occurred_at"] == item["object"]["created_at"]
    shown = item["object"]
    assert (shown["type"], shown["id"], shown["content"]) == ("post", post, content)
    assert (shown["title"], shown["url"], shown["tags"], shown["mentions"]) == (
        "T",
        "https://example.org/",
        ["a", "b"],
        ["eric"],
    )
    assert shown["author"] == item["actor"]


def test_items_of_likes_comments_and_follows_name_everybody(pair: Seed, reader: Reader) -> None:
    theirs = pair.post(3, "by eric")
    pair.activity("like", 2, "post", theirs)
    pair.comment(2, "hm", "post", theirs)
    pair.follow(2, 3)
    follow, comment, like = items(reader)
    eric = {"id": 3, "handle": "eric", "name": "Eric"}
    assert (follow["verb"], follow["object"]) == ("follow", {"type": "user", **eric})
    assert (comment["object"]["content"], comment["object"]["author"]["handle"]) == ("hm", "nico")
    assert (comment["target"]["id"], comment["target"]["author"]) == (theirs, eric)
    assert (like["object"]["content"], like["object"]["author"]) == ("by eric", eric)


def test_a_follow_with_a_since_shows_nothing_older(pair: Seed, reader: Reader) -> None:
    for seconds in range(5):
        pair.post(3, seconds, at=BEGIN + timedelta(seconds=seconds))
    pair.follow(1, 3, since=BEGIN + timedelta(seconds=3))
    assert [item["object"]["content"] for item in items(reader)] == [4, 3]


def test_what_refers_to_something_not_there_yet_waits_unseen(pair: Seed, reader: Reader) -> None:
    pair.activity("like", 2, "photo", 77)
    pair.activity("follow", 2, "user", 99)
    pair.activity("comment", 2, "comment", 5, target=("post", 77))
    assert items(reader) == []
    pair.execute("INSERT INTO object (type, id, author_id, content, origin_offset) VALUES ('photo', 77, 3, '1', 0)")
    assert [item["verb"] for item in items(reader)] == ["like"]


def test_activities_of_a_user_not_there_yet_wait_unseen(pair: Seed, reader: Reader) -> None:
    pair.follow(1, 50)
    pair.post(50, "early")
    assert [item["verb"] for item in items(reader)] == []
    assert reader.get("/v1/users/50/activities").status_code == 404


def test_an_erased_user_is_gone_from_every_feed(pair: Seed, reader: Reader) -> None:
    post = pair.post(3)
    pair.activity("like", 2, "post", post)
    pair.activity("follow", 2, "user", 3)
    assert len(items(reader)) == 2
    pair.execute("UPDATE user_profile SET erased_at = now(), name = NULL WHERE id = 3")
    assert items(reader) == []
    assert reader.get("/v1/users/3").status_code == 404
    assert reader.get("/v1/users/3/activities").status_code == 404


@pytest.mark.parametrize("path", ["", "?rank=hot", "/aggregated"])
def test_an_erased_reader_has_no_feed(pair: Seed, reader: Reader, path: str) -> None:
    pair.post(2)
    assert reader.get(f"/v1/users/1/feed{path}", key="machine").json()["items"]
    pair.execute("UPDATE user_profile SET erased_at = now(), name = NULL WHERE id = 1")
    assert reader.get(f"/v1/users/1/feed{path}", key="machine").status_code == 404


def test_what_is_ranked_is_the_feed_of_now(pair: Seed, reader: Reader) -> None:
    for query in ("rank=hot&as_of=2026-01-01T00:00:00Z", "rank=cold", "rank=cold&as_of=2026-01-01T00:00:00Z"):
        answer = reader.get(f"/v1/users/1/feed?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "rank"), query


@pytest.mark.parametrize(
    ("key", "status"), [("abc123", 200), ("machine", 200), ("abc124", 403), ("writer", 403), ("nobody", 401)]
)
def test_a_home_feed_is_for_its_owner_and_for_feeds_read(pair: Seed, reader: Reader, key: str, status: int) -> None:
    answer = reader.get("/v1/users/1/feed", key=key)
    assert answer.status_code == status
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


def test_an_author_feed_is_for_any_key_and_for_none_without(pair: Seed, reader: Reader) -> None:
    post = pair.post(2)
    for key in ("abc123", "abc125", "machine", "writer"):
        assert [i["object"]["id"] for i in items(reader, "/v1/users/2/activities", key)] == [post]
    answer = reader.get("/v1/users/2/activities", key=None)
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:feedmill:problem:key-missing"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_an_empty_feed_is_empty_and_an_unknown_user_is_404(pair: Seed, reader: Reader) -> None:
    assert reader.get("/v1/users/3/feed", key="abc125").json() == {"items": [], "next": None}
    assert reader.get("/v1/users/999/feed", key="machine").status_code == 404


def test_pages_are_linked_by_cursor_and_header(pair: Seed, reader: Reader) -> None:
    for number in range(45):
        pair.post(2, number)
    first = reader.get("/v1/users/1/feed")
    assert len(first.json()["items"]) == 20
    link = first.headers["link"]
    assert link == f'</v1/users/1/feed?cursor={first.json()["next"]}&limit=20>; rel="next"'
    second = reader.get(link[1 : link.index(">")])
    third = reader.get(f"/v1/users/1/feed?cursor={second.json()['next']}&limit=100")
    walked = [i["object"]["content"] for page in (first, second, third) for i in page.json()["items"]]
    assert walked == list(range(44, -1, -1))
    assert third.json()["next"] is None
    assert "link" not in third.headers


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=1.5", "limit=one", "cursor=AAAA", "cursor=%00"])
def test_a_bad_parameter_is_400_and_named(pair: Seed, reader: Reader, query: str) -> None:
    answer = reader.get(f"/v1/users/1/feed?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


@pytest.mark.parametrize("user", ["0", "-1", "x", "9007199254740992", "99999999999999999999999", "1%00"])
def test_an_id_that_is_none_is_400(pair: Seed, reader: Reader, user: str) -> None:
    for path in (f"/v1/users/{user}", f"/v1/users/{user}/feed", f"/v1/users/{user}/activities"):
        assert reader.get(path, key="machine").status_code == 400


def test_the_same_answer_is_304_and_another_is_not(pair: Seed, reader: Reader) -> None:
    pair.post(2, "one")
    first = reader.get("/v1/users/1/feed")
    etag = first.headers["etag"]
    for sent in (etag, f'"other", W/{etag}', "*"):
        again = reader.get("/v1/users/1/feed", If_None_Match=sent)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
        assert "feedmill-complete-through" in again.headers
    pair.post(2, "two")
    assert reader.get("/v1/users/1/feed", If_None_Match=etag).status_code == 200


def test_a_profile_is_public_counts_sets_and_shows_no_email(pair: Seed, reader: Reader) -> None:
    pair.post(2)
    gone = pair.post(2)
    pair.delete("post", gone)
    pair.comment(2, "not counted", "post", 1)
    pair.follow(3, 2)
    pair.follow(3, 2)
    answer = reader.get("/v1/users/2", key="abc125")
    profile = answer.json()
    assert (profile["id"], profile["handle"], profile["name"]) == (2, "nico", "Nico")
    got = {"likes": 0, "likers": 0, "shares": 0, "comments": 0}
    assert profile["counters"] == {"followers": 2, "following": 0, "posts": 1} | got
    assert "email" not in profile
    assert "example.org" not in answer.text
    assert reader.get("/v1/users/999").status_code == 404
