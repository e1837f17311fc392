"""Which activities are in someone's home feed? The one function the feed engine will refill.

Read by pull. Only followees whose newest activity is among the page's newest can have an item on it, so one look at
each followee's head (an index probe) leaves at most a page's worth of followees to read from; and the n-th of them has
n - 1 newer ones before it, so at most `most` items on the page.
"""

from typing import Final, TypeVar

from feedmill.api.cursor import Key
from feedmill.api.queries.activities import COLUMNS, HIDDEN_FROM, HYDRATED, NAMED, VERBS, VISIBLE_USER, Page, page_of
from feedmill.api.queries.item import family_a_row, feed_item
from feedmill.api.wire import FeedItem
from feedmill.runtime.postgres import Postgres, Row

ItemT = TypeVar("ItemT")

_CANDIDATES: Final = f"""
WITH {HIDDEN_FROM.format(viewer="$1")}, head AS MATERIALIZED (
    SELECT f.followee_id, coalesce(f.since, '-infinity') AS since, u.handle, u.name,
           $5 + 1 - row_number() OVER (ORDER BY newest.occurred_at DESC, newest.event_id DESC) AS most
      FROM follow_edge f
      JOIN user_profile u ON u.id = f.followee_id AND u.{VISIBLE_USER}
     CROSS JOIN LATERAL (
            SELECT occurred_at, event_id
              FROM activity
             WHERE actor_id = f.followee_id AND (occurred_at, event_id) < ($2, $3)
               AND occurred_at >= coalesce(f.since, '-infinity') AND verb = ANY($4)
             ORDER BY occurred_at DESC, event_id DESC
             LIMIT 1) newest
     WHERE f.follower_id = $1 AND f.active AND f.followee_id <> $1
       AND NOT EXISTS (SELECT FROM user_edge m
                        WHERE m.actor_id = $1 AND m.kind = 'mute' AND m.object_id = f.followee_id AND m.active)
       AND f.followee_id NOT IN (SELECT id FROM blocked)
     ORDER BY newest.occurred_at DESC, newest.event_id DESC
     LIMIT $5),
candidate AS MATERIALIZED (
    SELECT theirs.*, head.handle AS actor_handle, head.name AS actor_name
      FROM head
     CROSS JOIN LATERAL (
            SELECT {COLUMNS}
              FROM activity
             WHERE actor_id = head.followee_id AND (occurred_at, event_id) < ($2, $3)
               AND occurred_at >= head.since AND verb = ANY($4)
             ORDER BY occurred_at DESC, event_id DESC
             LIMIT head.most) theirs
     ORDER BY occurred_at DESC, event_id DESC
     LIMIT $5)"""  # noqa: S608 (a constant of ours)

SQL: Final = _CANDIDATES + HYDRATED
SQL_NAMED: Final = _CANDIDATES + NAMED


async def home_feed(postgres: Postgres, *, reader_id: int, before: Key, limit: int) -> Page[FeedItem]:
    """What those whom `reader_id` follows did since it follows them, newest first, never its own."""

    async def candidates(before: Key, limit: int) -> list[Row]:
        return await postgres.fetch(SQL, reader_id, before.occurred_at, before.event_id, VERBS, limit)

    return await page_of(candidates, before=before, limit=limit, item=feed_item)


async def friends_feed(postgres: Postgres, *, reader_id: int, before: Key, limit: int) -> Page[Row]:
    """The same feed with names only; rows as `queries.activities.NAMED` has them."""

    async def candidates(before: Key, limit: int) -> list[Row]:
        return await postgres.fetch(SQL_NAMED, reader_id, before.occurred_at, before.event_id, VERBS, limit)

    return await page_of(candidates, before=before, limit=limit, item=family_a_row)
