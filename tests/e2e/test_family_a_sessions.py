"""Family A, row A13: whole sessions, each write's effect read right after its 200."""

from __future__ import annotations

import random

import pytest

from feedmill.testkit.people import Operator, Person

pytestmark = pytest.mark.e2e

STEPS = 40


class Expected:
    """What the four feeds of a small group must show; as plain as can be, so that it can be believed."""

    def __init__(self, people: tuple[Person, ...]) -> None:
        self.people = people
        self.log: list[tuple[str, str, str | None, str | None]] = []
        self.owner_of: dict[str, str] = {}
        self.follows: dict[str, set[str]] = {person.handle: set() for person in people}

    def add(self, actor: str, verb: str, thing: str | None, target: str | None) -> None:
        self.log.insert(0, (actor, verb, thing, target))

    def feed_of(self, actors: set[str]) -> list[tuple[str, str, str | None, str | None]]:
        return [line for line in self.log if line[0] in actors]

    def check(self) -> None:
        for person in self.people:
            assert shown(person.my_feed()) == self.feed_of({person.handle})
            assert shown(person.friends_feed()) == self.feed_of(self.follows[person.handle])


def shown(items: list[dict[str, object]]) -> list[tuple[str, str, str | None, str | None]]:
    return [
        (
            str(item["actor_name"]),
            str(item["verb"]),
            f"{item['object_type']}:{item['object_id']}" if item["object_type"] else None,
            None if item["target_name"] is None else str(item["target_name"]),
        )
        for item in items
    ]


def one_step(dice: random.Random, expected: Expected) -> None:
    actor = dice.choice(expected.people)
    other = dice.choice([person for person in expected.people if person is not actor])
    step = dice.choice(["post", "photo", "like", "share", "follow", "follow", "unfollow"])
    if step in ("post", "photo"):
        thing = actor.publishes(kind=step)
        expected.owner_of[thing] = actor.handle
        expected.add(actor.handle, "post", thing, None)
    elif step in ("like", "share") and expected.owner_of:
        thing = dice.choice(sorted(expected.owner_of))
        (actor.likes if step == "like" else actor.shares)(thing)
        expected.add(actor.handle, step, thing, expected.owner_of[thing])
    elif step == "follow":
        known = other.handle in expected.follows[actor.handle]
        assert actor.follows(other) == ("Already followed" if known else "User followed")
        if not known:
            expected.follows[actor.handle].add(other.handle)
            expected.add(actor.handle, "follow", None, other.handle)
    elif step == "unfollow":
        assert actor.unfollows(other) == "User unfollowed"
        expected.follows[actor.handle].discard(other.handle)
        expected.add(actor.handle, "unfollow", None, other.handle)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_feed_is_right_after_every_step_of_a_session(operator: Operator, seed: int) -> None:
    dice = random.Random(seed)
    expected = Expected(operator.people("ivan", "nico", "eric"))
    for _ in range(STEPS):
        one_step(dice, expected)
        expected.check()


def test_the_old_systems_own_session_leaves_its_six_rows(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    post, photo = ivan.publishes(), ivan.publishes(kind="photo")
    nico.likes(post)
    nico.likes(post)
    nico.shares(photo)
    nico.follows(ivan)
    verbs = sorted(item["verb"] for item in (*ivan.my_feed(), *nico.my_feed()))
    assert verbs == ["follow", "like", "like", "post", "post", "share"]


def test_what_was_posted_a_moment_ago_can_be_liked_by_anybody_at_once(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    for _ in range(10):
        nico.likes(ivan.publishes())
    assert len(nico.my_feed()) == 10


def test_whoever_signed_up_a_moment_ago_can_be_followed_at_once(operator: Operator) -> None:
    ivan = operator.person("ivan")
    for _ in range(5):
        assert ivan.said("/follow", {"follow": operator.user()["handle"]})["message"] == "User followed"
    assert len(ivan.me()["follow_ids"]) == 5


def test_follows_and_unfollows_in_a_row_end_as_the_last_one_says(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    nico.publishes()
    for _ in range(5):
        assert ivan.follows(nico) == "User followed"
        assert len(ivan.friends_feed()) == 1
        assert ivan.unfollows(nico) == "User unfollowed"
        assert ivan.friends_feed() == []
