"""A page of home looks at few rows: whatever hides most of them, and whatever Postgres knows of its tables."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest

from feedmill.api.cursor import NEWEST
from feedmill.api.queries import home_feed as long
from feedmill.api.queries import plain_feed as short
from feedmill.api.queries.activities import VERBS
from feedmill.api.queries.home_feed import home_feed
from feedmill.api.queries.plain_feed import Plain
from feedmill.runtime.feeds.rows import COLUMNS
from feedmill.runtime.postgres import Postgres
from feedmill.testkit.reader import asked
from feedmill.testkit.state import BEGIN, Seed

pytestmark = pytest.mark.integration

IVAN, NICO, OLGA, ERIC = 1, 2, 3, 4
ACTIVITY_ID = re.compile(r'"activity_id":"([0-9a-f-]{36})"')
MANY = long.ROWS_LOOKED_AT + 150
Statement = tuple[str, *tuple[object, ...]]
SHORT: Statement = (short.SQL, [IVAN], [NEWEST.occurred_at], [NEWEST.event_id], [21], None)
LONG: Statement = (long.SQL, IVAN, NEWEST.occurred_at, NEWEST.event_id, VERBS, 21, None, 20)
ROWS_OF_FEEDS = re.compile(r"on home_feed\b.*?actual rows=(\d+) loops=(\d+)")


def shared(seed: Seed, actor: int, number: int, *, second: int) -> None:
    """So many shares of nico's first post, all at the same time."""
    at = BEGIN + timedelta(seconds=second)
    seed.activities([(uuid4(), "share", actor, "post", 1, None, None, at) for _ in range(number)])


@pytest.fixture
def feed(seed: Seed) -> Seed:
    """ivan follows nico and olga, pushed. olga did very much at two times, nico a little before, between and after."""
    for handle in ("ivan", "nico", "olga", "eric"):
        seed.user(handle)
    seed.applied(0, 1_000)
    seed.follow(IVAN, NICO)
    seed.follow(IVAN, OLGA)
    for second in (10, 20, 20, 30, 40, 50):
        seed.post(NICO, at=BEGIN + timedelta(seconds=second))
    shared(seed, OLGA, MANY, second=20)
    shared(seed, OLGA, MANY, second=45)
    seed.execute(
        f"INSERT INTO home_feed (reader_id, occurred_at, {COLUMNS}) SELECT 1, occurred_at, {COLUMNS} FROM activity"
        " WHERE actor_id IN (2, 3) AND verb <> 'follow'"
    )
    seed.execute("INSERT INTO feed_reader (reader_id, read_at, wants_fill) VALUES (1, now(), false)")
    seed.execute("UPDATE follow_edge SET push = 2")
    return seed


async def walked(postgres: Postgres, limit: int) -> list[str]:
    """Every activity, through full pages."""
    before, positions, found = NEWEST, None, list[str]()
    while True:
        page = await home_feed(
            postgres, reader_id=IVAN, before=before, limit=limit, positions=positions, plain=Plain(postgres)
        )
        ids = ACTIVITY_ID.findall(page.items)
        found += ids
        if page.next is None:
            return found
        assert len(ids) == limit
        before, positions = page.next, page.positions


async def told(postgres: Postgres, statement: Statement) -> str:
    sql, *arguments = statement
    lines = await postgres.fetch(f"EXPLAIN (ANALYZE, COSTS off, TIMING off) {sql}", *arguments)
    return "\n".join(line for (line,) in lines)


@pytest.mark.parametrize(
    "hide",
    [
        lambda seed: seed.follow(IVAN, OLGA, active=False),
        lambda seed: seed.edge(IVAN, "mute", OLGA),
        lambda seed: seed.edge(OLGA, "block", IVAN),
        lambda seed: seed.execute("UPDATE user_profile SET erased_at = now() WHERE id = %s", (OLGA,)),
    ],
    ids=["unfollowed", "muted", "blocks", "erased"],
)
def test_many_rows_that_show_nothing_are_jumped_over(feed: Seed, state: str, hide: Callable[[Seed], None]) -> None:
    assert len(asked(state, partial(walked, limit=400))) == 2 * MANY + 6
    hide(feed)
    walks = [asked(state, partial(walked, limit=limit)) for limit in (1, 2, 20)]
    for statement in (SHORT, LONG):
        read = ROWS_OF_FEEDS.findall(asked(state, partial(told, statement=statement)))
        assert 0 <= sum(int(rows) * int(loops) for rows, loops in read) <= 2 * (long.ROWS_LOOKED_AT + 21)
    feed.execute("DELETE FROM home_feed WHERE actor_id = %s", (OLGA,))
    assert walks == [asked(state, partial(walked, limit=20))] * 3
    assert len(walks[0]) == 6


def test_a_followee_who_is_pulled_shows_amid_many_rows_that_show_nothing(feed: Seed, state: str) -> None:
    feed.follow(IVAN, ERIC)
    for second in (5, 20, 45, 60):
        feed.activity("share", ERIC, "post", 1, at=BEGIN + timedelta(seconds=second))
    feed.follow(IVAN, OLGA, active=False)
    walks = [asked(state, partial(walked, limit=limit)) for limit in (1, 3, 20)]
    feed.execute("DELETE FROM home_feed; DELETE FROM feed_reader")
    assert walks == [asked(state, partial(walked, limit=20))] * 3
    assert len(walks[0]) == 10


@pytest.mark.parametrize("statement", [SHORT, LONG], ids=["short", "long"])
def test_a_page_begins_with_the_readers_rows_where_nothing_is_known_of_the_tables(
    feed: Seed, state: str, statement: Statement
) -> None:
    for table in ("home_feed", "follow_edge", "user_profile", "object", "activity", "feed_reader"):
        feed.execute(f"CREATE TABLE rows_of AS SELECT * FROM {table}; TRUNCATE {table}")  # forgets its size
        columns = "*" if table != "user_profile" else "id, handle, uuid, name, created_at"
        names = "" if table != "user_profile" else f" ({columns})"
        feed.execute(f"INSERT INTO {table}{names} SELECT {columns} FROM rows_of; DROP TABLE rows_of")
        feed.execute(f"DELETE FROM pg_statistic WHERE starelid = '{table}'::regclass")
    plan = asked(state, partial(told, statement=statement))
    ranges = [line for line in plan.splitlines() if re.search(r"on home_feed\b", line)]
    assert ranges
    assert all(re.search("Index (Only )?Scan Backward using home_feed_pkey", line) for line in ranges), plan
    read = [int(rows) * int(loops) for rows, loops in re.findall(r"actual rows=(\d+) loops=(\d+)", plan)]
    assert max(read) <= 42, plan
    assert not re.search(r"Seq Scan on (follow_edge|user_profile|object|activity|home_feed)", plan), plan
