"""Walking a feed page by page shows each thing that may be seen exactly once, in full pages, whatever is in it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedmill.runtime.feeds.rows import COLUMNS
from feedmill.testkit.reader import Reader
from feedmill.testkit.state import BEGIN, Seed

pytestmark = pytest.mark.integration


class Deed(NamedTuple):
    """An activity of user 2, 3 or 4 at a second (many at the same), of a kind, on a post that may be deleted."""

    actor_id: int
    second: int
    verb: str
    deleted: bool


DEEDS = st.lists(
    st.builds(Deed, st.integers(2, 4), st.integers(0, 6), st.sampled_from(["post", "like", "delete"]), st.booleans()),
    max_size=40,
)
SINCE = st.one_of(st.none(), st.integers(0, 6))


@pytest.fixture
def town(seed: Seed) -> Seed:
    seed.user("ivan", key="abc123")
    for handle in ("nico", "eric", "olga"):
        seed.user(handle)
    return seed


def lived(seed: Seed, deeds: list[Deed], since: int | None) -> Iterator[tuple[Deed, UUID]]:
    """Start over with just these deeds; ivan follows 2 (all), 3 (since) and not 4."""
    seed.execute("TRUNCATE activity, object, follow_edge")
    born = None if since is None else BEGIN + timedelta(seconds=since)
    seed.execute("INSERT INTO follow_edge VALUES (1, 2, true, NULL, now(), 1), (1, 3, true, %s, now(), 2)", (born,))
    for number, deed in enumerate(deeds, start=1):
        event_id = uuid4()
        seed.execute(
            "INSERT INTO object (type, id, author_id, content, origin_offset, deleted_at)"
            " VALUES ('post', %s, %s, '1', 0, CASE WHEN %s THEN now() END)",
            (number, deed.actor_id, deed.deleted),
        )
        at = BEGIN + timedelta(seconds=deed.second)
        seed.activity(deed.verb, deed.actor_id, "post", number, at=at, event_id=event_id)
        yield deed, event_id


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS, since=SINCE, limit=st.integers(1, 7))
def test_no_gap_no_repeat_and_full_pages(
    town: Seed, reader: Reader, deeds: list[Deed], since: int | None, limit: int
) -> None:
    done = list(lived(town, deeds, since))
    expected = sorted(
        ((deed.second, event_id.int, str(event_id)) for deed, event_id in done if to_be_seen(deed, since)),
        reverse=True,
    )
    walked: list[str] = []
    url: str | None = f"/v1/users/1/feed?limit={limit}"
    while url:
        body = reader.get(url).json()
        walked += [item["activity_id"] for item in body["items"]]
        if body["next"]:
            assert len(body["items"]) == limit
        url = f"/v1/users/1/feed?limit={limit}&cursor={body['next']}" if body["next"] else None
    assert walked == [text for _, _, text in expected]


def to_be_seen(deed: Deed, since: int | None) -> bool:
    followed = deed.actor_id == 2 or (deed.actor_id == 3 and deed.second >= (since or 0))
    return followed and not deed.deleted and deed.verb != "delete"


def test_what_is_written_between_two_pages_moves_nothing(town: Seed, reader: Reader) -> None:
    town.follow(1, 2)
    posts = [town.post(2, number) for number in range(10)]
    first = reader.get("/v1/users/1/feed?limit=4").json()
    town.post(2, "newer")
    town.post(2, "late, but of before", at=BEGIN - timedelta(days=1))
    town.delete("post", posts[8])  # was on the first page
    second = reader.get(f"/v1/users/1/feed?limit=6&cursor={first['next']}").json()
    assert [i["object"]["id"] for i in first["items"]] == posts[:-5:-1]
    assert [i["object"]["id"] for i in second["items"]] == posts[5::-1]
    third = reader.get(f"/v1/users/1/feed?cursor={second['next']}").json()
    assert [i["object"]["content"] for i in third["items"]] == ["late, but of before"]


@pytest.mark.parametrize(
    ("push", "complete_from"),
    [(0, "-infinity"), (2, "-infinity"), (2, "infinity")],
    ids=["pulled", "pushed", "pushed, but all of it older than what is complete"],
)
def test_who_is_followed_between_two_pages_is_seen_from_the_next_first_page_on(
    town: Seed, reader: Reader, push: int, complete_from: str
) -> None:
    theirs = [town.post(3, number) for number in range(3)]
    town.follow(1, 2)
    mine = [town.post(2, number) for number in range(3)]
    town.applied(0, 100)
    town.execute("INSERT INTO feed_reader (reader_id, read_at, complete_from) VALUES (1, now(), %s)", (complete_from,))
    first = reader.get("/v1/users/1/feed?limit=1").json()
    town.follow(1, 3)
    town.execute("UPDATE follow_edge SET push = %s, began_offset = 101 WHERE followee_id = 3", (push,))
    town.execute(
        f"INSERT INTO home_feed (reader_id, occurred_at, {COLUMNS}) SELECT 1, occurred_at, {COLUMNS} FROM activity"
        " WHERE actor_id = 3 AND verb = 'post'"
    )
    town.applied(0, 101)
    rest = reader.get(f"/v1/users/1/feed?cursor={first['next']}").json()
    assert [i["object"]["id"] for i in rest["items"]] == mine[1::-1]
    anew = reader.get("/v1/users/1/feed").json()
    assert [i["object"]["id"] for i in anew["items"]] == [*mine[::-1], *theirs[::-1]]


def test_a_page_of_many_followees_is_the_newest_of_all(town: Seed, reader: Reader) -> None:
    for number in range(5, 65):
        town.user(f"u{number}")
        town.follow(1, number)
    expected = []
    for second in range(300):
        author = 5 + (second * 7) % 60
        expected.append(town.post(author, second, at=BEGIN + timedelta(hours=1, seconds=second)))
    body = reader.get("/v1/users/1/feed?limit=100").json()
    assert [i["object"]["id"] for i in body["items"]] == expected[:-101:-1]
