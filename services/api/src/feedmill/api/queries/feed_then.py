"""What was in someone's home feed at a moment of the log? The definition, computed from the activities.

What is erased is erased for every moment, and what was deleted since is named without its content.
"""

from typing import Final

from feedmill.api.cursor import Key
from feedmill.api.queries.activities import HYDRATED, SEEN, VERBS, VISIBLE_USER, Page, page_of
from feedmill.api.queries.hidden import columns_of
from feedmill.api.queries.item import feed_item
from feedmill.api.queries.then import (
    Moment,
    deletion,
    hidden_then,
    object_was_made,
    standing,
    taken_back,
    then,
    user_was_there,
)
from feedmill.api.wire import FeedItem
from feedmill.runtime.postgres import Postgres, Row

_MOMENT: Final = ("$6", "$7")


def _swapped(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def _thing_was_seen(thing: str, type_: str, id_: str) -> str:
    return f"({object_was_made(thing, *_MOMENT)} AND NOT EXISTS ({deletion(type_, id_, *_MOMENT)}))"


SEEN_THEN: Final = f"""(CASE WHEN c.object_type IS NULL THEN true
             WHEN c.object_type = 'user' THEN {user_was_there("c.object_id", *_MOMENT)}
             ELSE {_thing_was_seen("o", "c.object_type", "c.object_id")} END
        AND (c.target_type IS NULL OR {_thing_was_seen("t", "c.target_type", "c.target_id")})
        AND NOT EXISTS ({taken_back("c", *_MOMENT)})
        AND {user_was_there("c.actor_id", *_MOMENT)}
        AND NOT EXISTS (
             SELECT FROM blocked_then WHERE id IN (c.actor_id, CASE c.object_type WHEN 'user' THEN c.object_id END,
                                                   o.author_id, t.author_id))
       ) IS TRUE"""

_FIELDS: Final = ("content", "title", "url")


def _unless_deleted(thing: str) -> str:
    return ", ".join(f"CASE WHEN {thing}.deleted_at IS NULL THEN {thing}.{field} END" for field in _FIELDS)


_HYDRATED: Final = _swapped(
    _swapped(_swapped(HYDRATED, SEEN, SEEN_THEN), "o.content, o.title, o.url", _unless_deleted("o")),
    "t.content AS t_content, t.title AS t_title, t.url AS t_url",
    _unless_deleted("t"),
)

SQL: Final = f"""
WITH {hidden_then("$1", *_MOMENT)},
follow_then AS MATERIALIZED ({standing("follow", "unfollow", "a.actor_id = $1", *_MOMENT)}),
candidate AS MATERIALIZED (
    SELECT theirs.*, u.handle AS actor_handle, u.name AS actor_name
      FROM follow_then f
      JOIN user_profile u ON u.id = f.object_id AND u.{VISIBLE_USER}
     CROSS JOIN LATERAL (
            SELECT {columns_of("a")}
              FROM activity a
             WHERE a.actor_id = f.object_id AND (a.occurred_at, a.event_id) < ($2, $3)
               AND a.occurred_at >= coalesce(f.since, '-infinity') AND a.verb = ANY($4)
               AND {then("a", *_MOMENT)}
             ORDER BY a.occurred_at DESC, a.event_id DESC
             LIMIT $5) theirs
     WHERE f.object_id <> $1 AND f.object_id NOT IN (SELECT id FROM muted_then UNION ALL SELECT id FROM blocked_then)
     ORDER BY theirs.occurred_at DESC, theirs.event_id DESC
     LIMIT $5)
{_HYDRATED}"""  # noqa: S608 (a constant of ours)


async def feed_then(postgres: Postgres, *, reader_id: int, moment: Moment, before: Key, limit: int) -> Page[FeedItem]:
    """One page of the home feed of `reader_id` as it was at that moment, newest first."""

    async def candidates(before: Key, limit: int) -> list[Row]:
        return await postgres.fetch(SQL, reader_id, *before, VERBS, limit, moment.at, moment.positions)

    return await page_of(candidates, before=before, limit=limit, item=feed_item)
