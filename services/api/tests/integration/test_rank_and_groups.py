"""The home feed ranked and in groups: the formula, the walk through pages, and exact counts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from feedmill.api.cursor import NEWEST
from feedmill.api.queries.aggregated_feed import Asked, aggregated_feed
from feedmill.api.wire import Aggregate
from feedmill.contracts.times import short_time
from feedmill.runtime.postgres import Postgres
from feedmill.testkit.reader import Reader, asked
from feedmill.testkit.state import BEGIN, Seed
from feedmill.testkit.sunk import SunkLog

pytestmark = pytest.mark.integration

HALF_LIFE_S = 21_600


class Town:
    """ivan (1) follows everybody, 2 to 6."""

    def __init__(self, log: SunkLog, reader: Reader) -> None:
        self.log, self.reader = log, reader
        for user in range(1, 7):
            born = {"id": user, "handle": f"u{user}", "uuid": f"00000000-0000-7000-8000-{user:012}", "name": "N"}
            log.says(user, "user-created", at=BEGIN, object={"type": "user", "id": user}, user=born)
        for user in range(2, 7):
            log.says(1, "follow", at=BEGIN, object={"type": "user", "id": user})
        log.apply_all()

    def post(self, author: int, id: int, at: datetime) -> None:
        self.log.says(author, "post", at=at, object={"type": "post", "id": id, "content": "x"})

    def does(self, actor: int, verb: str, id: int, at: datetime = BEGIN - timedelta(days=99)) -> None:
        """By default so long ago that it is last in every feed."""
        self.log.says(actor, verb, at=at, object={"type": "post", "id": id})

    def pages(self, path: str, apply: bool = True) -> Iterator[list[dict[str, Any]]]:
        if apply:
            self.log.apply_all()
        url = f"/v1/users/1/feed{path}"
        while url:
            answer = self.reader.get(url, key="key1")
            assert answer.status_code == 200, answer.text
            yield answer.json()["items"]
            url = answer.headers["link"].partition(">")[0][1:] if "link" in answer.headers else ""


@pytest.fixture
def town(seed: Seed, reader: Reader, state: str) -> Iterator[Town]:
    seed.key("key1", owner="user:u1", user_id=1)
    log = SunkLog(state)
    yield Town(log, reader)
    log.close()


def test_points_are_halved_with_each_half_life(town: Town) -> None:
    town.post(2, 1, BEGIN)
    town.post(3, 2, BEGIN - timedelta(seconds=HALF_LIFE_S))
    town.post(4, 3, BEGIN - timedelta(seconds=2 * HALF_LIFE_S))
    for user in (4, 5):
        town.does(user, "like", 2)
    for user in (2, 3, 5, 6):
        town.does(user, "share", 3)
    items = [item for page in town.pages("?rank=hot&limit=100") for item in page if item["verb"] == "post"]
    assert [item["object"]["id"] for item in items] == [3, 2, 1]  # 9 / 4 > 3 / 2 > 1
    scores = [item["score"] for item in items]
    assert [(s["points"], s["likers"], s["shares"], s["comments"]) for s in scores] == [
        (9, 0, 4, 0),
        (3, 2, 0, 0),
        (1, 0, 0, 0),
    ]
    for score in scores:
        assert score["score"] == pytest.approx(score["points"] * 0.5 ** (score["age_s"] / score["half_life_s"]))
    assert [score["score"] for score in scores] == sorted((score["score"] for score in scores), reverse=True)


def test_a_walk_through_the_ranking_has_no_gap_or_repeat_whatever_is_liked_meanwhile(town: Town) -> None:
    rng = random.Random(1)
    for id in range(1, 41):
        town.post(rng.randrange(2, 7), id, BEGIN + timedelta(minutes=rng.randrange(2_000)))
    for _ in range(60):
        town.does(rng.randrange(2, 7), "like", rng.randrange(1, 41))
    walked: list[str] = []
    for page in town.pages("?rank=hot&limit=9"):
        walked += [item["activity_id"] for item in page]
        for _ in range(5):
            town.does(rng.randrange(2, 7), "share", rng.randrange(1, 41), at=BEGIN + timedelta(days=3))
            said = {"type": "comment", "id": 5_000 + rng.randrange(10**6), "content": "x"}
            about = {"type": "post", "id": rng.randrange(1, 41)}
            town.log.says(rng.randrange(2, 7), "comment", at=BEGIN + timedelta(days=3), object=said, target=about)
        town.post(2, 1_000 + len(walked), BEGIN + timedelta(days=3))
        town.log.apply_all()
    assert len(walked) == len(set(walked)) == 100


def test_what_is_removed_leaves_the_ranking_and_its_scores(town: Town) -> None:
    town.post(2, 1, BEGIN)
    town.post(3, 2, BEGIN - timedelta(minutes=1))
    for user in (4, 5):
        town.does(user, "like", 2)

    def ranked() -> list[tuple[int, int]]:
        items = [item for page in town.pages("?rank=hot&limit=100") for item in page if item["verb"] == "post"]
        return [(item["object"]["id"], item["score"]["likers"]) for item in items]

    assert ranked() == [(2, 2), (1, 0)]
    town.log.says(1, "mute", at=BEGIN, object={"type": "user", "id": 4})
    assert ranked() == [(2, 1), (1, 0)]
    town.does(5, "unlike", 2)
    assert ranked() == [(1, 0), (2, 0)]
    town.does(3, "delete", 2)
    assert ranked() == [(1, 0)]


def test_why_explains_the_score(town: Town) -> None:
    town.post(2, 1, BEGIN)
    town.does(3, "like", 1)
    (item,) = [item for page in town.pages("?rank=hot") for item in page if item["verb"] == "post"]
    said = town.reader.get(f"/v1/users/1/feed/why?activity={item['activity_id']}", key="key1").json()
    assert said["score"]["points"] == item["score"]["points"] == 2


@pytest.mark.parametrize("by", ["object", "actor"])
@pytest.mark.parametrize(("window", "seconds"), [("hour", 3_600), ("day", 86_400)])
def test_groups_hold_each_item_once_and_count_exactly(town: Town, by: str, window: str, seconds: int) -> None:
    rng = random.Random(2)
    for id in range(1, 6):
        town.post(2, id, BEGIN + timedelta(minutes=id))
    for _ in range(300):
        at = BEGIN + timedelta(seconds=rng.randrange(200_000))
        town.does(rng.randrange(2, 7), rng.choice(["like", "share"]), rng.randrange(1, 6), at)
    expected: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for page in town.pages("?limit=100"):
        for item in page:
            start = int(datetime.fromisoformat(item["occurred_at"]).timestamp()) // seconds * seconds
            name = (
                f"user:{item['actor']['id']}" if by == "actor" else f"{item['object']['type']}:{item['object']['id']}"
            )
            expected.setdefault((name, start), []).append(item)
    found: dict[tuple[str, int], dict[str, Any]] = {}
    latest: list[str] = []
    for groups in town.pages(f"/aggregated?by={by}&window={window}&limit=7"):
        for group in groups:
            start = int(datetime.fromisoformat(group["window_start"]).timestamp())
            assert (group["key"], start) not in found
            found[group["key"], start] = group
            latest.append(group["latest_at"])
            assert group["complete"]
    assert {name: group["count"] for name, group in found.items()} == {n: len(items) for n, items in expected.items()}
    assert [datetime.fromisoformat(at) for at in latest] == sorted(map(datetime.fromisoformat, latest), reverse=True)
    for place, group in found.items():
        assert group["items"] == expected[place][:3]
        assert group["people"] == len({item["actor"]["id"] for item in expected[place]})
        assert sum(group["verbs"].values()) == group["count"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_a_window_of_more_than_is_read_for_a_page_ends_no_walk(town: Town, state: str, limit: int) -> None:
    """The newest day has more items than are read; the two before it have as many together."""
    for day, posts in ((0, {2: 1, 3: 250}), (-1, {2: 60, 4: 90}), (-2, {5: 1, 2: 60, 6: 89}), (-5, {2: 1})):
        for author, count in posts.items():
            for number in range(count):
                town.post(author, 10_000 + 1_000 * day + 300 * author + number, BEGIN + timedelta(days=day))
    town.log.apply_all()

    async def walked(postgres: Postgres) -> list[Aggregate]:
        groups: list[Aggregate] = []
        before, positions = NEWEST, None
        for _ in range(20):
            page = await aggregated_feed(
                postgres,
                Asked("actor", 86_400, items_max=200),
                reader_id=1,
                before=before,
                limit=limit,
                positions=positions,
            )
            groups += page.groups
            if page.next is None:
                return groups
            assert page.groups
            before, positions = page.next, page.positions
        raise AssertionError("a walk without an end")

    def of_day(groups: list[Aggregate], day: int) -> dict[str, tuple[int, bool]]:
        start = short_time(datetime.combine(BEGIN + timedelta(days=day), time(), UTC))
        return {group.key: (group.count, group.complete) for group in groups if group.window_start == start}

    groups = asked(state, walked)
    names = [(group.key, group.window_start) for group in groups]
    assert len(names) == len(set(names))
    assert all(not complete for _, complete in of_day(groups, 0).values())
    assert sum(count for count, _ in of_day(groups, 0).values()) == 200
    assert of_day(groups, -1) == {"user:2": (60, True), "user:4": (90, True)}
    assert of_day(groups, -2) == {"user:5": (1, True), "user:2": (60, True), "user:6": (89, True)}
    assert of_day(groups, -5) == {"user:2": (1, True)}


@pytest.mark.parametrize(
    "path", ["?rank=cold", "/aggregated?by=verb", "/aggregated?window=year", "/aggregated?cursor=x"]
)
def test_what_is_not_known_is_400(town: Town, path: str) -> None:
    assert town.reader.get(f"/v1/users/1/feed{path}", key="key1").status_code == 400
