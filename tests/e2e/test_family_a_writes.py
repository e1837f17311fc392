"""Family A, rows A4 to A9: /post, /activity, /follow, /unfollow."""

from __future__ import annotations

from typing import Any

import pytest

from feedmill.testkit.people import Operator, Person

pytestmark = pytest.mark.e2e

NOT_FOUND_ID = 2**53 - 1


def refused(person: Person, path: str, body: object) -> str:
    """The message of a 400 that left nothing behind."""
    before = person.my_feed()
    answer = person.post(path, body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] is True
    assert set(answer.json()) == {"error", "message"}
    assert person.my_feed() == before
    return str(answer.json()["message"])


@pytest.mark.parametrize("kind", ["post", "photo"])
def test_a_post_is_recorded_and_named(operator: Operator, kind: str) -> None:
    said = operator.person().said("/post", {"type": kind, "content": "hello"})
    assert said == {"type": kind, "object_id": said["object_id"], "message": "Activity recorded"}
    assert isinstance(said["object_id"], int)
    assert said["object_id"] >= 1


def test_posts_and_photos_are_numbered_apart(operator: Operator) -> None:
    ivan = operator.person("ivan")
    posts = [int(ivan.publishes(kind="post").removeprefix("post:")) for _ in range(5)]
    photo = int(ivan.publishes(kind="photo").removeprefix("photo:"))
    assert posts == sorted(set(posts))
    following = int(ivan.publishes(kind="photo").removeprefix("photo:"))
    assert following > photo
    assert {(item["object_type"], item["object_id"]) for item in ivan.my_feed()} == {
        *(("post", number) for number in posts),
        ("photo", photo),
        ("photo", following),
    }


@pytest.mark.parametrize(
    "content",
    ["hello", "", "žluťoučký kůň 🐎 \u202e", 0, 17, -1.5, False, True, [], [1, [2]], {}, {"a": {"b": None}}],
    ids=repr,
)
def test_content_is_any_json(operator: Operator, content: object) -> None:
    ivan, nico = operator.people("ivan", "nico")
    thing = ivan.publishes(content)
    nico.follows(ivan)
    assert [f"{item['object_type']}:{item['object_id']}" for item in nico.friends_feed()] == [thing]
    seen = operator.request("GET", f"/v1/users/{ivan.id}/activities").json()["items"][0]["object"]["content"]
    assert seen == content
    assert type(seen) is type(content)


@pytest.mark.parametrize("kind", [None, "", "video", "POST", 1, ["post"], {"type": "post"}, "link"])
def test_a_type_that_is_missing_or_not_valid_is_refused(operator: Operator, kind: Any) -> None:
    message = refused(operator.person(), "/post", {"type": kind, "content": "hello"})
    assert message == "Type is missing or not valid"


def test_the_type_is_checked_before_the_content(operator: Operator) -> None:
    assert refused(operator.person(), "/post", {}) == "Type is missing or not valid"


def test_a_post_without_content_is_refused(operator: Operator) -> None:
    assert refused(operator.person(), "/post", {"type": "post"}) == "Content is missing"


@pytest.mark.parametrize("verb", ["like", "share"])
@pytest.mark.parametrize("kind", ["post", "photo"])
def test_a_like_and_a_share_are_recorded(operator: Operator, verb: str, kind: str) -> None:
    ivan, nico = operator.people("ivan", "nico")
    said = nico.said("/activity", {"verb": verb, "object": ivan.publishes(kind=kind)})
    assert said == {"verb": verb, "message": "Activity recorded"}


def test_the_target_of_a_like_and_of_a_share_is_the_objects_owner(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    thing = ivan.publishes()
    nico.likes(thing)
    nico.shares(thing)
    assert [item["target_name"] for item in nico.my_feed()] == [ivan.handle, ivan.handle]


def test_one_may_like_what_is_ones_own(operator: Operator) -> None:
    ivan = operator.person("ivan")
    ivan.likes(ivan.publishes())
    assert [item["verb"] for item in ivan.my_feed()] == ["like", "post"]


def test_keys_that_nobody_knows_are_ignored(operator: Operator) -> None:
    ivan = operator.person("ivan")
    thing = ivan.said("/post", {"type": "post", "content": "x", "colour": "red"})
    said = ivan.said("/activity", {"verb": "like", "object": f"post:{thing['object_id']}", "why": "because"})
    assert said["message"] == "Activity recorded"


@pytest.mark.parametrize("verb", [None, "", "LIKE", "poke", "post", "follow", 1, ["like"]])
def test_a_verb_that_is_missing_or_wrong_is_refused(operator: Operator, verb: Any) -> None:
    ivan = operator.person("ivan")
    message = refused(ivan, "/activity", {"verb": verb, "object": ivan.publishes()})
    assert message == "Verb is missing or wrong verb format"


@pytest.mark.parametrize(
    "name", [None, "", "post", "post:", "post:x", "post:-1", "post:1.5", ":1", "video:1", "post:1:2", " post:1", 1, {}]
)
def test_an_object_that_is_no_name_of_one_is_refused(operator: Operator, name: Any) -> None:
    assert refused(operator.person(), "/activity", {"verb": "like", "object": name}) == "Wrong object format"


@pytest.mark.parametrize("name", [f"post:{NOT_FOUND_ID}", f"photo:{NOT_FOUND_ID}", "post:0", f"post:{10**18}"])
def test_an_object_that_is_not_there_is_refused(operator: Operator, name: str) -> None:
    assert refused(operator.person(), "/activity", {"verb": "share", "object": name}) == "Object is not found"


def test_the_verb_is_checked_before_the_object_and_its_name_before_its_being_there(operator: Operator) -> None:
    ivan = operator.person("ivan")
    assert refused(ivan, "/activity", {"object": "nonsense"}) == "Verb is missing or wrong verb format"
    assert refused(ivan, "/activity", {"verb": "like", "object": "nonsense"}) == "Wrong object format"


def test_a_second_like_is_a_second_activity_of_one_liker(operator: Operator) -> None:
    ivan, nico, eric = operator.people("ivan", "nico", "eric")
    thing = ivan.publishes()
    for liker in (nico, nico, eric):
        liker.likes(thing)
    assert [item["verb"] for item in nico.my_feed()] == ["like", "like"]
    assert operator.likers(thing) == 2


def test_a_follow_is_told_so(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    assert ivan.said("/follow", {"follow": nico.handle}) == {"verb": "follow", "message": "User followed"}


def test_a_second_follow_is_told_so_and_is_no_activity(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    ivan.follows(nico)
    assert ivan.said("/follow", {"follow": nico.handle}) == {"verb": "follow", "message": "Already followed"}
    assert [item["verb"] for item in ivan.my_feed()] == ["follow"]


def test_a_follow_after_an_unfollow_is_a_new_one(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    messages = [ivan.follows(nico), ivan.unfollows(nico), ivan.follows(nico), ivan.follows(nico)]
    assert messages == ["User followed", "User unfollowed", "User followed", "Already followed"]
    assert [item["verb"] for item in ivan.my_feed()] == ["follow", "unfollow", "follow"]


@pytest.mark.parametrize("path", ["/follow", "/unfollow"])
@pytest.mark.parametrize("name", ["nobody at all", "", None, 1, ["ivan"], "' OR 1=1 --"])
def test_a_name_that_nobody_has_is_not_found(operator: Operator, path: str, name: Any) -> None:
    assert refused(operator.person(), path, {path.removeprefix("/"): name}) == "User not found"


@pytest.mark.parametrize("path", ["/follow", "/unfollow"])
def test_a_missing_name_is_not_found_either(operator: Operator, path: str) -> None:
    assert refused(operator.person(), path, {}) == "User not found"


def test_nobody_follows_themselves(operator: Operator) -> None:
    ivan = operator.person("ivan")
    assert refused(ivan, "/follow", {"follow": ivan.handle}) == "You can't follow yourself"


def test_nobody_unfollows_themselves(operator: Operator) -> None:
    ivan = operator.person("ivan")
    assert refused(ivan, "/unfollow", {"unfollow": ivan.handle}) == "You can't unfollow yourself"


def test_an_unfollow_is_told_so(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    ivan.follows(nico)
    assert ivan.said("/unfollow", {"unfollow": nico.handle}) == {"verb": "unfollow", "message": "User unfollowed"}


def test_unfollowing_somebody_not_followed_is_an_activity_as_well(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    assert ivan.unfollows(nico) == "User unfollowed"
    assert [(item["verb"], item["target_name"]) for item in ivan.my_feed()] == [("unfollow", nico.handle)]
    assert ivan.me()["follow_ids"] == []


def test_an_unfollow_sent_to_follow_is_honoured(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    ivan.follows(nico)
    assert ivan.said("/follow", {"unfollow": nico.handle}) == {"verb": "unfollow", "message": "User unfollowed"}
    assert ivan.me()["follow_ids"] == []


def test_a_write_sent_again_with_its_idempotency_key_is_the_same_write(operator: Operator) -> None:
    ivan = operator.person("ivan")
    body, key = {"type": "post", "content": "once"}, {"Idempotency-Key": "the-only-one"}
    first, again = ivan.post("/post", body, key), ivan.post("/post", body, key)
    assert (first.status_code, first.json()["message"]) == (200, "Activity recorded")
    assert again.json() == first.json()
    assert len(ivan.my_feed()) == 1
