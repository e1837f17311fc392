"""Family A's reads, to the letter: rows A1, A3, A10, A11 and A12 of what its clients rely on."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from feedmill.testkit.reader import Reader, a_reader
from feedmill.testkit.state import BEGIN, Seed

pytestmark = pytest.mark.integration

RFC_1123 = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
KEYS = {"actor_name", "verb", "object_id", "object_type", "target_name", "time"}
PATHS = ["/me", "/feed/my", "/feed/friends"]


@pytest.fixture
def three(seed: Seed) -> Seed:
    """ivan (1), nico (2) and eric (3), as the old system starts."""
    for handle, key in (("ivan", "abc123"), ("nico", "abc124"), ("eric", "abc125")):
        seed.user(handle, key=key)
    return seed


@pytest.mark.parametrize("path", PATHS)
def test_a1_a_request_without_a_key_is_400(three: Seed, reader: Reader, path: str) -> None:
    answer = reader.get(path, key=None)
    assert (answer.status_code, answer.json()) == (400, {"error": True, "message": "Key is missing"})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", ["", "abc", "ABC123"])
def test_a1_an_empty_or_unknown_key_is_401(three: Seed, reader: Reader, path: str, key: str) -> None:
    answer = reader.get(path, key=key)
    assert (answer.status_code, answer.json()) == (401, {"error": True, "message": "Key is not valid"})


def test_a1_a_key_that_acts_for_no_user_is_401(three: Seed, reader: Reader) -> None:
    three.key("machine", owner="service:x", scopes=["admin"])
    assert reader.get("/me", key="machine").json() == {"error": True, "message": "Key is not valid"}


def test_a3_me_has_the_six_keys(three: Seed, reader: Reader) -> None:
    answer = reader.get("/me")
    me = answer.json()
    assert answer.status_code == 200
    assert set(me) == {"id", "name", "auth_token", "follow_ids", "created_at", "updated_at"}
    assert (me["id"], me["name"], me["auth_token"], me["follow_ids"]) == (1, "ivan", "abc123", [])
    assert RFC_1123.fullmatch(me["created_at"])
    assert me["created_at"] == me["updated_at"] == "Sun, 01 Nov 2026 00:00:00 GMT"


def test_a3_follow_ids_follow_what_is_followed_and_updated_at_does_not_move(three: Seed, reader: Reader) -> None:
    three.follow(1, 3)
    three.follow(1, 2)
    me = reader.get("/me").json()
    assert me["follow_ids"] == [3, 2]
    assert me["updated_at"] == me["created_at"]
    three.follow(1, 3, active=False)
    assert reader.get("/me").json()["follow_ids"] == [2]


def test_a3_a_key_of_a_user_not_there_yet_is_404_in_the_familys_shape(three: Seed, reader: Reader) -> None:
    three.key("early", owner="user:later", user_id=99)
    answer = reader.get("/me", key="early")
    assert (answer.status_code, answer.json()) == (404, {"error": True, "message": "User not found"})


def test_a10_my_feed_starts_empty(three: Seed, reader: Reader) -> None:
    answer = reader.get("/feed/my")
    assert (answer.status_code, answer.json()) == (200, {"my_feed": [], "next_url": ""})


def test_a10_my_feed_has_all_my_activities_newest_first(three: Seed, reader: Reader) -> None:
    post = three.post(1, {"any": ["json"]})
    theirs = three.post(2, "theirs", type="photo")
    three.activity("like", 1, "photo", theirs)
    three.activity("like", 1, "photo", theirs)  # a second like is a second activity
    three.activity("share", 1, "post", post)
    three.follow(1, 2)
    three.follow(1, 2, active=False)
    three.comment(1, "nice", "photo", theirs)
    items = reader.get("/feed/my").json()["my_feed"]
    assert all(set(item) == KEYS and ISO_8601.fullmatch(item["time"]) for item in items)
    assert [(i["verb"], i["object_type"], i["object_id"], i["target_name"]) for i in items] == [
        ("comment", "comment", 1, "nico"),
        ("unfollow", None, None, "nico"),
        ("follow", None, None, "nico"),
        ("share", "post", 1, "ivan"),
        ("like", "photo", 1, "nico"),
        ("like", "photo", 1, "nico"),
        ("post", "post", 1, None),
    ]
    assert {item["actor_name"] for item in items} == {"ivan"}
    times = [item["time"] for item in items]
    assert times == sorted(times, reverse=True)


def test_a10_what_is_no_activity_of_a_feed_is_not_shown(three: Seed, reader: Reader) -> None:
    post = three.post(1)
    for verb in ("unlike", "user-updated", "mute", "block", "delete"):
        three.activity(verb, 1, "post", post)
    assert [item["verb"] for item in reader.get("/feed/my").json()["my_feed"]] == ["post"]


def test_a11_friends_feed_starts_empty_and_never_has_ones_own(three: Seed, reader: Reader) -> None:
    three.post(1, "mine")
    three.activity("follow", 1, "user", 1)
    assert reader.get("/feed/friends").json() == {"friends_feed": [], "next_url": ""}


def test_a11_a_follow_shows_the_whole_past_at_once_and_an_unfollow_removes_it(three: Seed, reader: Reader) -> None:
    """10, then 30, then 20 rows, as the old system's own test has it."""
    for author, posts in ((2, 10), (3, 20)):
        for number in range(posts):
            three.post(author, number)
    three.follow(1, 2)
    assert len(reader.get("/feed/friends").json()["friends_feed"]) == 10
    three.follow(1, 3)
    items = reader.get("/feed/friends").json()["friends_feed"]
    assert len(items) == 30
    assert all(set(item) == KEYS and RFC_1123.fullmatch(item["time"]) for item in items)
    three.follow(1, 2, active=False)
    assert {item["actor_name"] for item in reader.get("/feed/friends").json()["friends_feed"]} == {"eric"}
    assert len(reader.get("/feed/friends").json()["friends_feed"]) == 20


def test_a11_likes_and_shares_name_the_objects_owner(three: Seed, reader: Reader) -> None:
    mine = three.post(1)
    three.activity("like", 2, "post", mine)
    three.follow(2, 3)
    three.follow(1, 2)
    items = reader.get("/feed/friends").json()["friends_feed"]
    assert [(i["actor_name"], i["verb"], i["target_name"]) for i in items] == [
        ("nico", "follow", "eric"),
        ("nico", "like", "ivan"),
    ]


@pytest.mark.parametrize(("path", "name"), [("/feed/my", "my_feed"), ("/feed/friends", "friends_feed")])
def test_a12_limit_pages_and_next_url_leads_through_all(three: Seed, reader: Reader, path: str, name: str) -> None:
    for number in range(7):
        three.post(1, number)
        three.post(2, number)
    three.follow(1, 2)
    everything = [item["object_id"] for item in reader.get(path).json()[name] if item["verb"] == "post"]
    url, walked, pages = f"{path}?limit=3", [], 0
    while url:
        body = reader.get(url).json()
        walked += [item["object_id"] for item in body[name] if item["verb"] == "post"]
        url, pages = body["next_url"], pages + 1
        assert url == "" or url.startswith(f"{path}?")
    assert walked == everything == sorted(everything, reverse=True)
    assert len(walked) == 7
    assert pages == 3


def test_a12_all_means_up_to_a_setting_and_next_url_goes_on(three: Seed, state: str) -> None:
    for number in range(5):
        three.post(1, number)
    with a_reader(state, FEEDMILL_API__FAMILY_A_ITEMS="3") as reader:
        first = reader.get("/feed/my").json()
        assert len(first["my_feed"]) == 3
        assert "limit" not in first["next_url"]
        second = reader.get(first["next_url"]).json()
        assert (len(second["my_feed"]), second["next_url"]) == (2, "")


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=1001", "limit=", "cursor=x", "cursor="])
def test_a12_a_parameter_that_cannot_be_used_is_400_in_the_familys_shape(
    three: Seed, reader: Reader, query: str
) -> None:
    answer = reader.get(f"/feed/my?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"] is True


def test_deleted_objects_take_what_hangs_on_them_along(three: Seed, reader: Reader) -> None:
    kept, gone = three.post(1, "kept"), three.post(1, "gone")
    three.activity("like", 1, "post", gone)
    comment = three.comment(1, "on it", "post", gone)
    three.comment(1, "and on the other", "post", kept)
    three.delete("post", gone)
    verbs = [(i["verb"], i["object_id"]) for i in reader.get("/feed/my").json()["my_feed"]]
    assert verbs == [("comment", comment + 1), ("post", kept)]


def test_times_are_the_activitys_own(three: Seed, reader: Reader) -> None:
    at = datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC)
    three.post(1, at=at)
    three.post(2, at=at + timedelta(microseconds=1))
    three.follow(1, 2, since=BEGIN)
    assert reader.get("/feed/my").json()["my_feed"][0]["time"] == "2026-11-21T10:00:00.123456+00:00"
    assert reader.get("/feed/friends").json()["friends_feed"][0]["time"] == "Sat, 21 Nov 2026 10:00:00 GMT"
