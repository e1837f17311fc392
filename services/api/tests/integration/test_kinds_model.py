"""Counters and notifications equal the model, whatever is said, repeated and taken back, in any order of partitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedmill.testkit.enriched import event_id_of
from feedmill.testkit.kinds_model import Counted, Group, Model, Said, Thing
from feedmill.testkit.reader import Reader
from feedmill.testkit.state import BEGIN, TABLES, Seed
from feedmill.testkit.sunk import SunkLog

pytestmark = pytest.mark.integration

USERS = (1, 2, 3, 4)
STATE = tuple(table for table in TABLES if table not in ("api_key", "id_block", "name_reservation"))
POSTS: tuple[Thing, ...] = tuple(("post", number) for number in range(1, 4))
KEYS_AGAIN = "UPDATE api_key SET revoked_at = NULL"
NEVER_MADE: Thing = ("post", 9)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("post", "like", "like", "like", "unlike", "share", "comment", "comment", "delete", "follow"),
                *("unfollow", "mute", "unmute", "block", "unblock", "user-erased", "again"),
            ]
        ),
        st.sampled_from(USERS),
        st.sampled_from(USERS),
        st.sampled_from([*POSTS, NEVER_MADE]),
        st.integers(0, 40),
    ),
    min_size=5,
    max_size=60,
)


def author_of(post: Thing) -> int:
    return USERS[post[1] % len(USERS)]


def said_of(steps: list[Any]) -> Iterator[Said]:
    """The steps that can be, as activities; times differ, not always in the order said."""
    said: list[Said] = []
    made: set[Thing] = set()
    for number, (verb, actor, other, thing, late) in enumerate(steps):
        at = BEGIN + timedelta(hours=2 * number - late, microseconds=number)
        event = f"e{number}"
        match verb:
            case "again":
                if said:
                    yield said[late % len(said)]
                continue
            case "post":
                if thing in made or thing == NEVER_MADE:
                    continue
                one = Said(event, verb, author_of(thing), at, thing, mentions=(other,))
                made.add(thing)
            case "comment":
                comment = ("comment", number + 1)
                one = Said(event, verb, actor, at, comment, thing, (other,) if late % 3 == 0 else ())
            case "delete":
                if thing not in made:
                    continue
                one = Said(event, verb, author_of(thing), at, thing)
            case "like" | "unlike" | "share":
                one = Said(event, verb, actor, at, thing)
            case "user-erased":
                if late != 7:
                    continue
                one = Said(event, verb, actor, at, ("user", actor))
            case _:
                if actor == other:
                    continue
                one = Said(event, verb, actor, at, ("user", other))
        said.append(one)
        yield one


def write(log: SunkLog, said: Said) -> None:
    assert said.object is not None
    thing: dict[str, Any] = {"type": said.object[0], "id": said.object[1]}
    if said.verb in ("post", "comment"):
        thing |= {"content": "x", "mentions": [f"U{user}" for user in said.mentions]}
    target = None if said.target is None else {"type": said.target[0], "id": said.target[1]}
    log.says(said.actor, said.verb, at=said.at, event=said.event, object=thing, target=target)


@pytest.fixture
def log(seed: Seed, state: str) -> Iterator[SunkLog]:
    """Keys end with their users; those of the viewers are made good again by `KEYS_AGAIN`."""
    for user in USERS:
        seed.key(f"key{user}", owner=f"user:u{user}", user_id=user)
    seed.key("machine", owner="service:machine", scopes=["feeds:read"])
    made = SunkLog(state)
    yield made
    made.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, cuts=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), min_size=1, max_size=12))
def test_counts_and_notifications_equal_the_model(
    log: SunkLog, seed: Seed, reader: Reader, steps: list[Any], cuts: list[tuple[int, int]]
) -> None:
    log.start_over(STATE)
    for user in USERS:
        born = {"id": user, "handle": f"u{user}", "uuid": f"00000000-0000-7000-8000-{user:012}", "name": "N"}
        log.says(user, "user-created", at=BEGIN, object={"type": "user", "id": user}, user=born)
    said = list(said_of(steps))
    for one in said:
        write(log, one)
    turn = iter(cuts * 100)
    log.apply_all(lambda left: (lambda cut: (left[cut[0] % len(left)], cut[1]))(next(turn)))
    seed.execute(KEYS_AGAIN)
    model = Model.of(USERS, said)
    for thing in model.authors:
        for key, viewer in (("machine", None), ("key1", 1), ("key2", 2)):
            assert counters(reader, thing, key) == model.counters(thing, viewer), (thing, viewer)
    for user in set(USERS) - model.erased:
        told = groups(reader, user, limit=3)
        assert sorted(told, key=str) == sorted(expected(model, user), key=str), user
        assert told == sorted(told, key=lambda group: group.latest_at, reverse=True)
        for key, viewer in (("machine", None), ("key1", 1), ("key2", 2)):
            assert received(reader, user, key) == model.received(user, viewer), (user, viewer)


def expected(model: Model, user: int) -> list[Group]:
    named = {f"mention:e{number}": f"mention:{event_id_of(f'e{number}')}" for number in range(100)}
    return [Group(named.get(g.id, g.id), g.people, g.count, g.latest_at) for g in model.notifications(user)]


def counters(reader: Reader, thing: Thing, key: str) -> Counted | None:
    answer = reader.get(f"/v1/objects/{thing[0]}/{thing[1]}", key=key)
    return None if answer.status_code == 404 else Counted(**answer.json()["counters"])


def received(reader: Reader, user: int, key: str) -> Counted:
    """By all objects of the user, as their profile shows it."""
    shown = reader.get(f"/v1/users/{user}", key=key).json()["counters"]
    return Counted(*(shown[field.name] for field in fields(Counted)))


def groups(reader: Reader, user: int, limit: int) -> list[Group]:
    """Page by page."""
    found: list[Group] = []
    cursor = ""
    while True:
        body = reader.get(f"/v1/users/{user}/notifications?limit={limit}{cursor}", key=f"key{user}").json()
        for item in body["items"]:
            latest_at = datetime.fromisoformat(item["latest_at"])
            found.append(Group(item["id"], item["people"], item["count"], latest_at))
            assert len(item["actors"]) == min(3, item["people"])
        if body["next"] is None:
            return found
        assert len(body["items"]) == limit
        cursor = f"&cursor={body['next']}"
