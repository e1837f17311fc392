"""Push = pull = rebuild = the definition: the same digest of every reader's feed of a generated network.

FEEDS_USERS and FEEDS_ACTIVITIES make it larger than CI's: `make feed-digests` takes 20,000 and 200,000.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extras import execute_values

from feedmill.api.cursor import NEWEST
from feedmill.api.main import POINT_LOOKUPS
from feedmill.api.queries.home_feed import home_feed
from feedmill.api.queries.plain_feed import Plain
from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.feed_writer.decode import decode
from feedmill.feed_writer.postgres.apply import Move
from feedmill.feed_writer.postgres.sink import first_of_each
from feedmill.feed_writer.postgres.store import PostgresStore
from feedmill.feed_writer.postgres.tender import FeedTender
from feedmill.feed_writer.settings import FeedSettings
from feedmill.runtime.feeds import rows
from feedmill.runtime.health import Health
from feedmill.runtime.outcome import Record, TopicPartition
from feedmill.runtime.postgres import Postgres
from feedmill.runtime.settings import PostgresSettings
from feedmill.testkit.enriched import a_record, an_activity

pytestmark = [pytest.mark.integration, pytest.mark.timeout(2_900)]

USERS = int(os.environ.get("FEEDS_USERS", "400"))
ACTIVITIES = int(os.environ.get("FEEDS_ACTIVITIES", "4000"))
FOLLOWS_EACH = 15
POSTS_OF_STARS = min(0.5, 400 / ACTIVITIES)
"""Of all posts; nearly everybody has the stars' in the feed, so feeds stay as long however large the network is."""
BATCH = 2_000
PAGE_ITEMS = 100 if ACTIVITIES > 10_000 else 40
P0 = TopicPartition(ACTIVITY_ENRICHED.name, 0)
SMALL = FeedSettings(depth_rows=60, readers_an_author=USERS // 10, review_after_s=1e-6, fill_readers=500)
"""Feeds deeper than what is pushed, and stars with more readers than are pushed to."""

DEFINITION = """
SELECT f.follower_id, string_agg(a.event_id::text, ',' ORDER BY a.occurred_at DESC, a.event_id DESC)
  FROM follow_edge f JOIN activity a ON a.actor_id = f.followee_id
 WHERE f.active AND f.followee_id <> f.follower_id AND (f.since IS NULL OR a.occurred_at >= f.since)
   AND a.verb = ANY(%s) AND NOT EXISTS (SELECT FROM object o WHERE o.type = a.object_type AND o.id = a.object_id
                                           AND o.deleted_at IS NOT NULL)
 GROUP BY 1
"""
ITEM = re.compile(r'"activity_id":"([0-9a-f-]{36})"')
Digests = dict[int, str]


def a_star(rng: random.Random) -> int:
    """A few have most followers."""
    return min(USERS, int(rng.paretovariate(0.6)))


def a_network(rng: random.Random) -> Iterable[Record]:
    """Follows (some since lately) and unfollows among posts, shares and deletions; times in no order."""
    posts = list[tuple[int, int]]()
    for number in range(ACTIVITIES + USERS * FOLLOWS_EACH):
        actor = rng.randint(1, USERS)
        second = f"2026-11-{rng.randint(1, 20):02}T10:00:{rng.randint(0, 59):02}Z"
        chance = rng.random() * (ACTIVITIES + USERS * FOLLOWS_EACH)
        if chance > ACTIVITIES:
            followee = a_star(rng)
            since = second if rng.random() < 0.2 else None
            verb = "unfollow" if rng.random() < 0.05 else "follow"
            said = an_activity(verb, actor, object={"type": "user", "id": followee}, occurred_at=second, since=since)
        elif rng.random() < 0.7 or not posts:
            actor = a_star(rng) if rng.random() < POSTS_OF_STARS else actor
            posts.append((actor, number))
            said = an_activity(
                "post", actor, object={"type": "post", "id": number, "content": number}, occurred_at=second
            )
        else:
            author, post = rng.choice(posts)
            verb = "delete" if rng.random() < 0.1 else "share"
            by = author if verb == "delete" else actor
            said = an_activity(verb, by, object={"type": "post", "id": post}, occurred_at=second)
        yield a_record(said, offset=number)


def written(store: PostgresStore, records: list[Record]) -> None:
    for start in range(0, len(records), BATCH):
        position = store.positions([P0])
        decoded = decode(records[start : start + BATCH], position, find_holes=False)
        store.write(first_of_each(decoded.rows), {tp: Move(position[tp], new) for tp, new in decoded.moved.items()})


def as_read(dsn: str) -> Digests:
    """Every reader's whole feed, page by page, by api's own statements: the short one gives what the long one does."""

    async def one(postgres: Postgres, plain: Plain, reader: int) -> str:
        ids, before, positions = list[str](), NEWEST, None
        while True:
            page = await home_feed(postgres, reader_id=reader, before=before, limit=PAGE_ITEMS, positions=positions)
            short = await plain.page(reader_id=reader, before=before, limit=PAGE_ITEMS, positions=positions)
            assert short in (None, page)
            ids += ITEM.findall(page.items)
            if page.next is None:
                return hashlib.sha256(",".join(ids).encode()).hexdigest()
            before, positions = page.next, page.positions

    async def every() -> Digests:
        settings = PostgresSettings.model_validate({"dsn": dsn, "pool_size": 4})
        async with Postgres(settings, Health("test"), application="test", session=POINT_LOOKUPS) as postgres:
            readers, plain = range(1, USERS + 1), Plain(postgres)
            return dict(zip(readers, await asyncio.gather(*[one(postgres, plain, r) for r in readers]), strict=True))

    return asyncio.run(every())


def as_defined(dsn: str) -> Digests:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(DEFINITION, (rows.VERBS,))
        found = dict(cursor.fetchall())
    return {r: hashlib.sha256(found.get(r, "").encode()).hexdigest() for r in range(1, USERS + 1)}


def execute(dsn: str, sql: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(sql)


def test_push_pull_and_rebuild_give_every_reader_the_feed_of_the_definition(
    stores: tuple[str, str], postgres_store: Callable[[], PostgresStore]
) -> None:
    dsn, rng = stores[0], random.Random(11)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO user_profile (id, handle, created_at) VALUES %s",
            [(number, f"u{number}", "2026-11-01") for number in range(1, USERS + 1)],
        )
    records = list(a_network(rng))
    store, half = postgres_store(), len(records) // 2
    written(store, records[:half])
    execute(dsn, "DELETE FROM feed_reader; INSERT INTO feed_reader (reader_id, read_at)"
                 f" SELECT n, now() FROM generate_series(1, {USERS}) n"
                 " WHERE n % 5 > 0")  # fmt: skip
    with closing(FeedTender(dsn, SMALL, threading.Event())) as tender:
        assert tender._lead()
        tender.tick()
        written(store, records[half:])
        tender.tick()
        tender.look_after(range(1, USERS + 1))
        defined = as_defined(dsn)
        assert len(set(defined.values())) > USERS / 2
        pushed = as_read(dsn)
        assert pushed == defined
        with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FILTER (WHERE mode = 'pull'), count(*) FROM feed_author")
            [(pulled, authors)] = cursor.fetchall()
            cursor.execute("SELECT count(*) FROM home_feed")
            [(kept,)] = cursor.fetchall()
            rows.set_back(cursor, range(1, USERS + 1), keep=True)
        assert 0 < pulled < authors
        assert kept > USERS
        assert as_read(dsn) == defined
        tender.tick()
        assert as_read(dsn) == defined
        assert tender.look_after(range(1, USERS + 1)) == []
