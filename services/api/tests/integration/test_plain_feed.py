"""A plain reader's page by the short statement: the same bytes as by the long one, and only where it is right."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from feedmill.api.cursor import NEWEST, Positions
from feedmill.api.queries.home_feed import home_feed
from feedmill.api.queries.plain_feed import Plain
from feedmill.api.queries.rendered import Written
from feedmill.api.settings import PageSettings
from feedmill.runtime.feeds.rows import COLUMNS
from feedmill.runtime.postgres import Postgres
from feedmill.testkit.reader import asked
from feedmill.testkit.state import BEGIN, Seed

pytestmark = pytest.mark.integration

IVAN, NICO, ERIC, OLGA, GONE = 1, 2, 3, 4, 5


def pushed(seed: Seed) -> None:
    """Every edge of ivan's, as the tender leaves it."""
    seed.execute("UPDATE follow_edge SET push = 2 WHERE follower_id = 1")
    seed.execute(
        f"INSERT INTO home_feed (reader_id, occurred_at, {COLUMNS}) SELECT 1, occurred_at, {COLUMNS} FROM activity"
        " WHERE actor_id IN (SELECT followee_id FROM follow_edge WHERE follower_id = 1) ON CONFLICT DO NOTHING"
    )
    seed.execute("INSERT INTO feed_reader (reader_id, read_at) VALUES (1, now()) ON CONFLICT DO NOTHING")


@pytest.fixture
def town(seed: Seed) -> Seed:
    """ivan follows nico and eric, who did everything there is to do; olga is not followed, somebody is erased."""
    for handle in ("ivan", "nico", "eric", "olga", "gone"):
        seed.user(handle)
    seed.execute("UPDATE user_profile SET name = NULL WHERE id = 3")
    seed.execute("UPDATE user_profile SET erased_at = now() WHERE id = 5")
    seed.applied(0, 1_000)
    seed.applied(2, 9)
    for author in (NICO, ERIC):
        seed.follow(IVAN, author)
    post, deleted, theirs, orphan = seed.post(NICO, {"a": "grüße\n"}), seed.post(NICO), seed.post(OLGA), seed.post(GONE)
    seed.delete("post", deleted)
    seed.execute("UPDATE object SET title = 'T\"', url = 'https://e.org/', tags = '{a}', mentions = '{b}' WHERE id = 1")
    seed.activity("share", ERIC, "post", theirs)
    seed.activity("like", NICO, "post", theirs)
    seed.activity("like", NICO, "post", post)
    seed.activity("like", NICO, "post", orphan)
    seed.activity("like", NICO, "post", 999)
    seed.activity("share", ERIC, "post", deleted)
    seed.comment(ERIC, "seen", "post", theirs)
    seed.comment(ERIC, "of one deleted", "post", deleted)
    seed.comment(NICO, "of one erased", "post", orphan)
    seed.activity("post", NICO, None, None)
    seed.activity("recommend", NICO, "user", OLGA)
    seed.activity("recommend", NICO, "user", GONE)
    seed.activity("connect", ERIC, "user", NICO)
    seed.edge(NICO, "recommend", OLGA)
    seed.execute(
        "INSERT INTO object_like (actor_id, object_type, object_id, active, ended_offset, origin_offset)"
        " SELECT 2, 'post', %s, false, max(source_offset) + 1, 1 FROM activity",
        (post,),
    )
    return seed


async def plainly(postgres: Postgres, limit: int = 50) -> Written | None:
    return await Plain(postgres).page(reader_id=IVAN, before=NEWEST, limit=limit, positions=None)


def test_every_page_has_the_bytes_cursor_and_positions_of_the_long_statement(town: Seed, state: str) -> None:
    pushed(town)

    async def walked(postgres: Postgres, limit: int) -> int:
        before, positions, pages = NEWEST, None, 0
        while True:
            short = await Plain(postgres).page(reader_id=IVAN, before=before, limit=limit, positions=positions)
            long = await home_feed(postgres, reader_id=IVAN, before=before, limit=limit, positions=positions)
            assert short == long
            pages += 1
            if long.next is None:
                return pages
            assert long.positions == (1_000, None, 9)
            before, positions = long.next, long.positions

    assert asked(state, lambda postgres: walked(postgres, 1)) == 7
    assert asked(state, lambda postgres: walked(postgres, 3)) == 3
    assert asked(state, lambda postgres: walked(postgres, 7)) == 1


def test_pages_asked_together_are_those_asked_alone(town: Seed, state: str) -> None:
    pushed(town)
    town.follow(OLGA, NICO)  # pulled, so olga is not plain
    town.execute("INSERT INTO feed_reader (reader_id, read_at) VALUES (2, now()), (4, now())")

    async def walked(postgres: Postgres) -> None:
        first = await plainly(postgres, 2)
        assert first is not None
        assert first.next is not None
        asks = [
            partial(Plain.page, reader_id=reader, before=before, limit=limit, positions=positions)
            for reader, before, limit, positions in (
                (IVAN, NEWEST, 2, None),
                (IVAN, first.next, 2, first.positions),
                (OLGA, NEWEST, 20, None),
                (IVAN, first.next, 50, (1_000,)),
                (NICO, NEWEST, 20, None),
                (IVAN, NEWEST, 50, ()),
                (GONE, NEWEST, 50, (None, None, None, 7)),
                (IVAN, NEWEST, 3, (0,)),
            )
        ]
        alone = [await ask(Plain(postgres)) for ask in asks]
        one_at_once = Plain(postgres, PageSettings(statements_at_once=1, pages_a_statement=len(asks)))
        assert await asyncio.gather(*(ask(one_at_once) for ask in asks)) == alone
        assert [page is None for page in alone] == [False, False, True, False, False, False, True, False]
        assert [page.items.count('"activity_id"') for page in alone if page is not None] == [2, 2, 5, 0, 7, 0]

    asked(state, walked)


@pytest.mark.parametrize(
    "change",
    [
        lambda seed: seed.edge(IVAN, "mute", ERIC),
        lambda seed: seed.edge(IVAN, "block", OLGA),
        lambda seed: seed.edge(OLGA, "block", IVAN),
        lambda seed: seed.follow(IVAN, OLGA),
        lambda seed: seed.follow(IVAN, ERIC, active=False),
        lambda seed: seed.execute("DELETE FROM feed_reader"),
        lambda seed: seed.execute("UPDATE user_profile SET erased_at = now() WHERE id = 1"),
    ],
    ids=["mutes", "blocks", "is blocked", "follows one more", "unfollows one", "is not known to read", "is erased"],
)
def test_who_is_not_plain_is_asked_at_length_at_once(town: Seed, state: str, change: Callable[[Seed], None]) -> None:
    pushed(town)
    assert asked(state, plainly) is not None
    change(town)
    assert asked(state, plainly) is None


def test_a_walk_that_began_before_the_newest_following_is_asked_at_length(town: Seed, state: str) -> None:
    pushed(town)
    town.execute("UPDATE feed_reader SET began_offset = 500")

    async def asked_at(postgres: Postgres, positions: Positions | None) -> bool:
        page = await Plain(postgres).page(reader_id=IVAN, before=NEWEST, limit=50, positions=positions)
        return page is not None

    assert [asked(state, partial(asked_at, positions=at)) for at in (None, (500,), (499,))] == [True, True, False]


def test_what_lies_below_the_pushed_part_is_asked_at_length(town: Seed, state: str) -> None:
    pushed(town)
    town.execute("UPDATE feed_reader SET complete_from = %s", (BEGIN + timedelta(seconds=8),))
    assert asked(state, lambda postgres: plainly(postgres, 2)) is not None
    assert asked(state, plainly) is None


def test_who_was_not_plain_is_tried_again_later(town: Seed, state: str) -> None:
    now_s, again_s = 0.0, PageSettings().at_length_s

    async def tried(postgres: Postgres) -> list[bool]:
        nonlocal now_s
        plain, found = Plain(postgres, clock_s=lambda: now_s), []
        for at_s in (0.0, again_s - 1, again_s):
            now_s = at_s
            page = await plain.page(reader_id=IVAN, before=NEWEST, limit=50, positions=None)
            found.append(page is not None)
            pushed(town)
        return found

    assert asked(state, tried) == [False, False, True]
