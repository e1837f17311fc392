"""What did someone do?"""

from typing import Final

from feedmill.api.cursor import Key
from feedmill.api.queries.activities import COLUMNS, HIDDEN_FROM, HYDRATED, NAMED, VERBS, VISIBLE_USER, Page, page_of
from feedmill.api.queries.item import family_a_row, feed_item
from feedmill.api.wire import FeedItem
from feedmill.runtime.postgres import Postgres, Row

_CANDIDATES: Final = f"""
WITH {HIDDEN_FROM.format(viewer="$6")}, actor AS MATERIALIZED (
    SELECT handle AS actor_handle, name AS actor_name FROM user_profile WHERE id = $1 AND {VISIBLE_USER}),
candidate AS MATERIALIZED (
    SELECT {COLUMNS}, actor_handle, actor_name
      FROM activity, actor
     WHERE actor_id = $1 AND (occurred_at, event_id) < ($2, $3) AND verb = ANY($4)
     ORDER BY occurred_at DESC, event_id DESC
     LIMIT $5)"""  # noqa: S608 (a constant of ours)

SQL: Final = _CANDIDATES + HYDRATED
SQL_NAMED: Final = _CANDIDATES + NAMED


async def author_feed(
    postgres: Postgres, *, actor_id: int, viewer_id: int | None, before: Key, limit: int
) -> Page[FeedItem]:
    """The activities of `actor_id` that `viewer_id` (None: a machine) may see, newest first."""

    async def candidates(before: Key, limit: int) -> list[Row]:
        return await postgres.fetch(SQL, actor_id, before.occurred_at, before.event_id, VERBS, limit, viewer_id)

    return await page_of(candidates, before=before, limit=limit, item=feed_item)


async def my_feed(postgres: Postgres, *, actor_id: int, before: Key, limit: int) -> Page[Row]:
    """The same with names only; rows as `queries.activities.NAMED` has them."""

    async def candidates(before: Key, limit: int) -> list[Row]:
        return await postgres.fetch(SQL_NAMED, actor_id, before.occurred_at, before.event_id, VERBS, limit, actor_id)

    return await page_of(candidates, before=before, limit=limit, item=family_a_row)
