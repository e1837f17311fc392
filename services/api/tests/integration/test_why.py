"""Why an activity is or is not in a home feed, and the feed as it was: by the log alone, and equal to what was read."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from feedmill.testkit.enriched import BASE_MS, event_id_of
from feedmill.testkit.reader import Reader
from feedmill.testkit.state import BEGIN, Seed
from feedmill.testkit.sunk import PARTITIONS, SunkLog

pytestmark = pytest.mark.integration

RAW = "activity.published.v1"
USERS = range(1, 6)


class Town:
    """ivan is 1; everybody has a key."""

    def __init__(self, log: SunkLog, reader: Reader) -> None:
        self.log, self.reader = log, reader
        self.minutes = 0
        self.ends = dict.fromkeys(range(PARTITIONS), 0)
        for user in USERS:
            born = {"id": user, "handle": f"u{user}", "uuid": f"00000000-0000-7000-8000-{user:012}", "name": "N"}
            self.says(user, "user-created", ("user", user), user=born)

    def says(self, actor: int, verb: str, thing: tuple[str, int], *, at: datetime | None = None, **more: Any) -> str:
        """The activity's id; applied."""
        self.minutes += 1
        said = {"type": thing[0], "id": thing[1]} | ({"content": "x"} if verb in ("post", "comment") else {})
        at = at or BEGIN + timedelta(minutes=self.minutes)
        partition, offset = self.log.says(actor, verb, at=at, object=said, **more)
        self.log.apply_all()
        self.reader.log.reaches(RAW, partition, offset + 1)
        self.ends[partition] = offset + 1
        return event_id_of(f"{partition}/{offset}")

    def why(self, activity: str, as_of: str | None = None) -> dict[str, Any]:
        moment = "" if as_of is None else f"&as_of={as_of.replace('+', '%2B')}"
        answer = self.reader.get(f"/v1/users/1/feed/why?activity={activity}{moment}", key="key1")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def feed(self, as_of: str | None = None) -> tuple[list[str], str]:
        """Ids page by page, and the positions they were read at."""
        url = "/v1/users/1/feed?limit=7" + ("" if as_of is None else f"&as_of={as_of.replace('+', '%2B')}")
        found: list[str] = []
        place = ""
        while url:
            answer = self.reader.get(url, key="key1")
            assert answer.status_code == 200, answer.text
            place = place or answer.headers.get("feedmill-feed-position", "")
            found += [item["activity_id"] for item in answer.json()["items"]]
            url = answer.headers["link"].partition(">")[0][1:] if "link" in answer.headers else ""
        return found, place


@pytest.fixture
def town(seed: Seed, reader: Reader, state: str) -> Iterator[Town]:
    for user in USERS:
        seed.key(f"key{user}", owner=f"user:u{user}", user_id=user)
    log = SunkLog(state)
    yield Town(log, reader)
    log.close()


def test_what_is_in_the_feed_is_proven_by_the_follow_and_its_event(town: Town) -> None:
    follow = town.says(1, "follow", ("user", 2), since=BEGIN.isoformat())
    post = town.says(2, "post", ("post", 1))
    said = town.why(post)
    assert (said["in_feed"], said["rule"]) == (True, "followed")
    assert said["follow"]["event"]["event_id"] == follow
    assert datetime.fromisoformat(said["follow"]["since"]) == BEGIN
    assert said["activity"]["event"] == {
        "event_id": post,
        "position": f"{RAW}/2:2",
        "occurred_at": said["activity"]["event"]["occurred_at"],
    }
    assert not any(check["keeps_out"] for check in said["checks"])


OUT: dict[str, tuple[list[tuple[Any, ...]], int]] = {
    "not-followed": ([(2, "post", ("post", 1))], 0),
    "own": ([(1, "post", ("post", 1))], 0),
    "not-a-feed-verb": ([(1, "follow", ("user", 2)), (2, "mute", ("user", 3))], 1),
    "muted": ([(1, "follow", ("user", 2)), (2, "post", ("post", 1)), (1, "mute", ("user", 2))], 1),
    "blocked": ([(1, "follow", ("user", 2)), (2, "post", ("post", 1)), (2, "block", ("user", 1))], 1),
    "deleted": ([(1, "follow", ("user", 2)), (2, "post", ("post", 1)), (2, "delete", ("post", 1))], 1),
    "waits": ([(1, "follow", ("user", 2)), (2, "like", ("post", 77))], 1),
    "taken-back": (
        [(3, "post", ("post", 1)), (1, "follow", ("user", 2)), (2, "like", ("post", 1)), (2, "unlike", ("post", 1))],
        2,
    ),
    "actor-gone": ([(1, "follow", ("user", 2)), (2, "post", ("post", 1)), (2, "user-erased", ("user", 2))], 1),
}


RESTS_ON_NONE = {"not-followed", "own", "not-a-feed-verb", "waits"}
"""What it is about never came, or there was no following: no event says so."""


@pytest.mark.parametrize("rule", OUT)
def test_the_first_rule_that_keeps_it_out_is_named(town: Town, rule: str) -> None:
    steps, asked = OUT[rule]
    ids = [town.says(*step) for step in steps]
    said = town.why(ids[asked])
    assert (said["in_feed"], said["rule"]) == (False, rule)
    assert ids[asked] not in town.feed()[0]
    decided = next(check for check in said["checks"] if check["keeps_out"])
    if rule in RESTS_ON_NONE:
        assert decided["event"] is None
    else:
        assert decided["event"]["event_id"] == ids[-1]


def test_before_since_and_unknown_and_not_yet(town: Town) -> None:
    early = town.says(2, "post", ("post", 1))
    town.says(1, "follow", ("user", 2), since=(BEGIN + timedelta(days=1)).isoformat())
    assert town.why(early)["rule"] == "before-since"
    assert town.why("4b0a2a53-1a0f-4f57-8ad9-6bb7b2b3c6a1")["rule"] == "not-found"
    later = town.says(2, "post", ("post", 2), at=BEGIN + timedelta(days=2))
    assert town.why(later)["in_feed"] is True
    assert town.why(later, f"{RAW}/0:0,{RAW}/1:{town.ends[1] - 1},{RAW}/2:0")["rule"] == "not-yet"


def test_an_unfollow_and_a_new_follow_decide_by_their_order(town: Town) -> None:
    post = town.says(2, "post", ("post", 1))
    town.says(1, "follow", ("user", 2))
    _, before = town.feed()
    unfollow = town.says(1, "unfollow", ("user", 2))
    assert keeps_out(town.why(post)) == ("not-followed", unfollow)
    assert town.why(post, before)["in_feed"] is True
    again = town.says(1, "follow", ("user", 2))
    said = town.why(post)
    assert said["follow"]["event"]["event_id"] == again
    assert not any(check["keeps_out"] or check["event"] for check in said["checks"])


def test_what_keeps_it_out_is_shown_with_the_event_it_rests_on(town: Town) -> None:
    early = town.says(2, "post", ("post", 1))
    theirs = town.says(3, "post", ("post", 2))
    follow = town.says(1, "follow", ("user", 2), since=(BEGIN + timedelta(days=1)).isoformat())
    assert keeps_out(town.why(early)) == ("before-since", follow)
    town.says(1, "follow", ("user", 3))
    like = town.says(2, "like", ("post", 2), at=BEGIN + timedelta(days=2))
    erased = town.says(3, "user-erased", ("user", 3))
    assert keeps_out(town.why(theirs)) == ("actor-gone", erased)
    assert keeps_out(town.why(like)) == ("waits", erased)


def keeps_out(said: dict[str, Any]) -> tuple[str, str | None]:
    """The first rule that does, and the event it rests on."""
    check = next(check for check in said["checks"] if check["keeps_out"])
    assert check["rule"] == said["rule"]
    return check["rule"], check["event"] and check["event"]["event_id"]


def test_who_is_followed_during_a_walk_shows_from_the_next_first_page_on(town: Town) -> None:
    for number in range(3):
        town.says(3, "post", ("post", 10 + number))
        town.says(2, "post", ("post", number + 1))
    town.says(1, "follow", ("user", 2))
    answer = town.reader.get("/v1/users/1/feed?limit=1", key="key1")
    town.says(1, "follow", ("user", 3))
    walked = list(answer.json()["items"])
    while (after := answer.json()["next"]) is not None:
        answer = town.reader.get(f"/v1/users/1/feed?limit=1&cursor={after}", key="key1")
        walked += answer.json()["items"]
    assert [item["object"]["id"] for item in walked] == [3, 2, 1]
    assert len(town.feed()[0]) == 6


VERBS = ("post", "post", "post", "like", "like", "unlike", "comment", "delete", "follow", "follow", "unfollow")
EDGES = ("mute", "unmute", "block", "unblock", "connect", "disconnect", "recommend", "unrecommend", "share")


@pytest.mark.parametrize("number", range(4))
def test_the_feed_of_every_moment_is_what_was_read_then(town: Town, number: int) -> None:
    rng = random.Random(number)
    posted: list[tuple[str, int]] = []
    said: list[str] = []
    moments: list[tuple[str, list[str]]] = []
    for step in range(70):
        verb, actor = rng.choice(VERBS + EDGES), rng.choice(USERS)
        if verb in ("follow", "unfollow") and rng.random() < 0.7:
            actor = 1
        thing = rng.choice(posted) if posted else ("post", 1)
        more: dict[str, Any] = {}
        if verb == "post":
            thing = ("post", step + 1)
            posted.append(thing)
        elif verb == "comment":
            more = {"target": {"type": thing[0], "id": thing[1]}}
            thing = ("comment", step + 1)
        elif verb in ("follow", "unfollow", *EDGES) and verb != "share":
            thing = ("user", rng.choice([user for user in USERS if user != actor]))
        elif verb == "delete":
            made = [p for p in posted if p[1] % 5 + 1 == actor]
            if not made:
                continue
            thing = rng.choice(made)
        if verb == "post":
            actor = thing[1] % 5 + 1
        key = min(actor, thing[1]) if verb in ("connect", "disconnect") else None
        at = BEGIN + timedelta(minutes=rng.randrange(500), microseconds=step)
        said.append(town.says(actor, verb, thing, at=at, key=key, **more))
        feed, place = town.feed()
        moments.append((place, feed))
    for place, feed in moments[:: max(1, len(moments) // 12)]:
        assert town.feed(as_of=place)[0] == feed
    now, place = town.feed()
    for activity in said:
        assert town.why(activity)["in_feed"] is (activity in now), town.why(activity)
    place, feed = moments[len(moments) // 2]
    for activity in said[::3]:
        assert town.why(activity, place)["in_feed"] is (activity in feed)


def test_a_time_is_what_the_log_had_accepted_by_then(town: Town) -> None:
    town.says(1, "follow", ("user", 2))
    for number in range(8):
        town.says(2, "post", ("post", number + 1))
    upto = 4
    time = datetime.fromtimestamp((BASE_MS + upto) / 1_000, UTC).isoformat()
    reached = ((partition, min(upto, end - 1)) for partition, end in town.ends.items() if end)
    positions = ",".join(f"{RAW}/{partition}:{offset}" for partition, offset in reached)
    found = town.feed(as_of=time)[0]
    assert found == town.feed(as_of=positions)[0]
    assert len(found) == upto - 1  # the second user's first two records are two sign-ups


def test_what_was_deleted_since_is_named_without_its_content(town: Town) -> None:
    town.says(1, "follow", ("user", 2))
    post = town.says(2, "post", ("post", 1))
    _, before = town.feed()
    town.says(2, "delete", ("post", 1))
    assert town.feed()[0] == []
    [item] = town.reader.get(f"/v1/users/1/feed?as_of={before}", key="key1").json()["items"]
    assert item["activity_id"] == post
    assert "content" not in item["object"]


@pytest.mark.parametrize("query", ["as_of=yesterday", f"as_of={RAW}/x:1", f"as_of={RAW}/99:1", "as_of="])
def test_a_moment_that_is_none_is_400(town: Town, query: str) -> None:
    for path in (f"feed?{query}", f"feed/why?activity=4b0a2a53-1a0f-4f57-8ad9-6bb7b2b3c6a1&{query}"):
        assert town.reader.get(f"/v1/users/1/{path}", key="key1").status_code == 400


ACTIVITY = "4b0a2a53-1a0f-4f57-8ad9-6bb7b2b3c6a1"
both = pytest.mark.parametrize("path", ["feed?", f"feed/why?activity={ACTIVITY}&"])


def as_of(town: Town, path: str, moment: str, **headers: str) -> tuple[int, str]:
    """Status, and the code of what is wrong with the moment or the problem's type."""
    answer = town.reader.get(f"/v1/users/1/{path}as_of={moment}", key="key1", **headers)
    said = answer.json()
    return answer.status_code, said["errors"][0]["code"] if "errors" in said else said.get("type", "")


@both
def test_a_moment_to_come_is_400(town: Town, path: str) -> None:
    town.says(1, "follow", ("user", 2))
    partition, end = next((partition, end) for partition, end in town.ends.items() if end)
    assert as_of(town, path, f"{RAW}/{partition}:{end - 1}")[0] == 200
    assert as_of(town, path, f"{RAW}/{partition}:{end}") == (400, "past_the_end")
    assert as_of(town, path, f"{RAW}/{PARTITIONS}:0") == (400, "past_the_end"), "an empty partition"
    soon = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert as_of(town, path, soon) == (400, "in_the_future")


@both
def test_a_moment_the_state_has_not_reached_is_waited_for_and_never_guessed(town: Town, path: str) -> None:
    town.says(1, "follow", ("user", 2))
    partition, end = next((partition, end) for partition, end in town.ends.items() if end)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert as_of(town, path, now)[0] == 200
    town.reader.log.reaches(RAW, partition, end + 1)  # taken, not applied
    not_yet = (503, "urn:feedmill:problem:not-yet-applied")
    assert as_of(town, path, f"{RAW}/{partition}:{end}", Prefer="wait=0") == not_yet
    later = datetime.now(UTC) + timedelta(seconds=0.3)
    assert as_of(town, path, later.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), Prefer="wait=1") == not_yet


def test_who_is_erased_had_no_feed(town: Town) -> None:
    town.says(1, "follow", ("user", 2))
    town.says(2, "post", ("post", 1))
    found, place = town.feed()
    assert town.feed(as_of=place)[0] == found != []
    town.says(1, "user-erased", ("user", 1))
    path = f"/v1/users/1/feed?as_of={place}"
    assert town.reader.get(path, key="key1").status_code == 404
