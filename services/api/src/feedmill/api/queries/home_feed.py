"""Which activities are in someone's home feed? Pushed rows and pulled ones, in one statement and one snapshot.

Pushed: rows of `home_feed` whose follow edge says `push = 2`, from the reader's `complete_from` on. Pulled:
the edges that are not pushed, and, where the pushed rows do not fill the page, every edge below `complete_from`.
The two never hold the same activity. So a row too many in `home_feed` is never seen, and what a reader unfollows,
mutes or blocks is gone with the edge, whatever rows are left. Where most rows show nothing, looking at them ends after
`ROWS_LOOKED_AT`, and the last of them takes the place of `complete_from`.

How pulling works: only followees whose newest activity is among the page's newest can have an item on it, so one look
at each followee's head (an index probe) leaves at most a page's worth of followees to read from; and the n-th of them
has n - 1 newer ones before it, so at most `most` items on the page.
"""

from typing import Final
from uuid import UUID

from feedmill.api.cursor import Key, Positions
from feedmill.api.queries.activities import COLUMNS, HIDDEN_FROM, NAMED, VERBS, VISIBLE_USER, Page, applied, page_of
from feedmill.api.queries.item import family_a_row
from feedmill.api.queries.plain_feed import Plain
from feedmill.api.queries.rendered import Written, rendered
from feedmill.api.queries.rendered import page_of as written_page_of
from feedmill.runtime import metrics
from feedmill.runtime.postgres import Postgres, Row

_POSITIONS: Final = "$6::bigint[]"
_APPLIED: Final = applied("a", _POSITIONS)

ROWS_LOOKED_AT: Final = 1_000
"""Pushed rows beyond a page's that are looked at for it; more than the depth of a feed. Where so many are of nobody who
is followed any more, or muted, what is older is pulled: a probe of each edge instead of a look at each row."""
NIL: Final = UUID(int=0)

_RANGE: Final = f"""
            SELECT * FROM home_feed h
             WHERE h.reader_id = $1 AND (h.occurred_at, h.event_id) < ($2, $3)
               AND h.occurred_at >= (SELECT complete_from FROM mark) AND {applied("h", _POSITIONS)}
             ORDER BY h.occurred_at DESC, h.event_id DESC"""  # noqa: S608 (a constant of ours)
"""The reader's pushed rows before the cursor; the OFFSETs below keep the planner from beginning elsewhere."""

_CANDIDATES: Final = f"""
WITH {HIDDEN_FROM.format(viewer="$1")},
reader AS MATERIALIZED (SELECT id FROM user_profile WHERE id = $1 AND {VISIBLE_USER}),
hidden AS MATERIALIZED (
    SELECT id FROM blocked
     UNION ALL
    SELECT object_id FROM user_edge WHERE actor_id = $1 AND kind = 'mute' AND active),
mark AS MATERIALIZED (
    SELECT coalesce(min(complete_from), 'infinity') AS complete_from
      FROM feed_reader WHERE reader_id = $1 AND EXISTS (SELECT FROM reader)),
pushed AS MATERIALIZED (
    SELECT h.event_id, h.verb, h.actor_id, h.object_type, h.object_id, h.target_type, h.target_id, h.occurred_at,
           coalesce(h.origin_offset, h.source_offset) AS said_offset, u.handle AS actor_handle, u.shown AS actor
      FROM ({_RANGE} LIMIT $5 + {ROWS_LOOKED_AT}) h
     CROSS JOIN LATERAL (
            SELECT FROM follow_edge f
             WHERE f.follower_id = $1 AND f.followee_id = h.actor_id AND f.push = 2
               AND h.occurred_at >= coalesce(f.since, '-infinity') AND {applied("f", _POSITIONS, "began_offset")}
            OFFSET 0) stands
     CROSS JOIN LATERAL (SELECT handle, shown FROM user_profile WHERE id = h.actor_id AND {VISIBLE_USER} OFFSET 0) u
     WHERE h.actor_id NOT IN (SELECT id FROM hidden)
     ORDER BY h.occurred_at DESC, h.event_id DESC
     LIMIT $5),
bottom AS MATERIALIZED (  -- of the pushed part, or of what was looked at of it
    SELECT coalesce(h.occurred_at, complete_from) AS occurred_at, coalesce(h.event_id, '{NIL}') AS event_id
      FROM mark LEFT JOIN LATERAL ({_RANGE} OFFSET $5 + {ROWS_LOOKED_AT} - 1 LIMIT 1) h ON true),
edge AS MATERIALIZED (
    SELECT followee_id, coalesce(since, '-infinity') AS since, $2 AS before_at, $3 AS before_id
      FROM follow_edge f
     WHERE EXISTS (SELECT FROM reader)
       AND follower_id = $1 AND active AND push < 2 AND followee_id <> $1 AND {applied("f", _POSITIONS, "began_offset")}
     UNION ALL
    SELECT followee_id, coalesce(since, '-infinity'), least(bottom.occurred_at, $2),
           CASE WHEN (bottom.occurred_at, bottom.event_id) < ($2, $3) THEN bottom.event_id ELSE $3 END
      FROM bottom CROSS JOIN follow_edge f
     WHERE EXISTS (SELECT FROM reader) AND (SELECT count(*) FROM pushed) < $5 AND bottom.occurred_at > '-infinity'
       AND follower_id = $1 AND active AND push = 2 AND {applied("f", _POSITIONS, "began_offset")}),
head AS MATERIALIZED (
    SELECT edge.*, u.handle, u.shown,
           $5 + 1 - row_number() OVER (ORDER BY newest.occurred_at DESC, newest.event_id DESC) AS most
      FROM edge
      JOIN user_profile u ON u.id = edge.followee_id AND u.{VISIBLE_USER}
     CROSS JOIN LATERAL (
            SELECT occurred_at, event_id
              FROM activity a
             WHERE actor_id = edge.followee_id AND (occurred_at, event_id) < (edge.before_at, edge.before_id)
               AND occurred_at >= edge.since AND verb = ANY($4) AND {_APPLIED}
             ORDER BY occurred_at DESC, event_id DESC
             LIMIT 1) newest
     WHERE edge.followee_id NOT IN (SELECT id FROM hidden)
     ORDER BY newest.occurred_at DESC, newest.event_id DESC
     LIMIT $5),
candidate AS MATERIALIZED (
    SELECT * FROM pushed
     UNION ALL
    SELECT theirs.*, head.handle, head.shown
      FROM head
     CROSS JOIN LATERAL (
            SELECT {COLUMNS}
              FROM activity a
             WHERE actor_id = head.followee_id AND (occurred_at, event_id) < (head.before_at, head.before_id)
               AND occurred_at >= head.since AND verb = ANY($4) AND {_APPLIED}
             ORDER BY occurred_at DESC, event_id DESC
             LIMIT head.most) theirs
     ORDER BY occurred_at DESC, event_id DESC
     LIMIT $5)"""  # noqa: S608 (a constant of ours)

SQL: Final = rendered(_CANDIDATES, batch="$5", limit="$7", positions=_POSITIONS)
SQL_NAMED: Final = _CANDIDATES + NAMED


async def home_feed(
    postgres: Postgres,
    *,
    reader_id: int,
    before: Key,
    limit: int,
    positions: Positions | None,
    plain: Plain | None = None,
) -> Written:
    """What those whom `reader_id` follows did since it follows them, newest first, never its own.

    positions: those of the walk's first page; what was applied later is left out. None: this is the first page.
    plain: asked first; the answer is the same.
    """
    if plain is not None:
        page = await plain.page(reader_id=reader_id, before=before, limit=limit, positions=positions)
        if page is not None:
            return page
        metrics.HOME_PAGES.at("at-length").inc()

    async def ask(before: Key, batch: int, limit: int, positions: Positions | None) -> Row | None:
        return await postgres.fetchrow(
            SQL, reader_id, before.occurred_at, before.event_id, VERBS, batch, positions, limit
        )

    return await written_page_of(ask, before=before, limit=limit, positions=positions)


async def friends_feed(postgres: Postgres, *, reader_id: int, before: Key, limit: int) -> Page[Row]:
    """The same feed with names only; rows as `queries.activities.NAMED` has them."""

    async def candidates(before: Key, limit: int) -> list[Row]:
        return await postgres.fetch(SQL_NAMED, reader_id, before.occurred_at, before.event_id, VERBS, limit, None)

    return await page_of(candidates, before=before, limit=limit, item=family_a_row)
