"""Which activities carry a tag?"""

from typing import Final

from feedmill.api.cursor import Key
from feedmill.api.queries.activities import HYDRATED, Page, page_of
from feedmill.api.queries.hidden import HIDDEN, SEEN_ACTOR, columns_of
from feedmill.api.queries.item import feed_item
from feedmill.api.wire import FeedItem
from feedmill.runtime.postgres import Postgres, Row

SQL: Final = (
    f"""
WITH {HIDDEN.format(viewer="$5")},
candidate AS MATERIALIZED (
    SELECT {columns_of("a")},
           u.handle AS actor_handle, u.name AS actor_name
      FROM object_tag tagged
      JOIN activity a ON a.event_id = tagged.event_id
      JOIN user_profile u ON u.id = a.actor_id AND {SEEN_ACTOR}
     WHERE tagged.tag = $1 AND (tagged.occurred_at, tagged.event_id) < ($2, $3)
     ORDER BY tagged.occurred_at DESC, tagged.event_id DESC
     LIMIT $4)"""  # noqa: S608 (a constant of ours)
    + HYDRATED
)


async def tag_feed(postgres: Postgres, *, tag: str, viewer_id: int | None, before: Key, limit: int) -> Page[FeedItem]:
    """Posts and comments whose text has `#tag` and that `viewer_id` may see, newest first; tag: in its one form."""

    async def candidates(before: Key, limit: int) -> list[Row]:
        return await postgres.fetch(SQL, tag, before.occurred_at, before.event_id, limit, viewer_id)

    return await page_of(candidates, before=before, limit=limit, item=feed_item)
