"""What was applied between two positions, in the order of the log; and whom a reader follows, mutes and blocks now."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from feedmill.api.queries.activities import HYDRATED, VERBS, VISIBLE_USER
from feedmill.api.queries.hidden import columns_of
from feedmill.runtime.postgres import Postgres, Row

EDGE_VERBS: Final = ("follow", "unfollow", "mute", "unmute", "block", "unblock")
"""Verbs that change what a home feed is made of."""

_RANGES: Final = """unnest($1::int[], $2::bigint[], $3::bigint[]) AS r (partition, above, upto)
  JOIN activity a ON a.source_partition = r.partition AND a.source_offset > r.above AND a.source_offset <= r.upto"""

SQL: Final = f"""
SELECT a.source_partition, a.source_offset, a.event_id, a.verb, a.actor_id, a.object_type, a.object_id, a.occurred_at
  FROM {_RANGES}
 ORDER BY a.source_partition, a.source_offset
 LIMIT $4"""  # noqa: S608 (a constant of ours)

SQL_AROUND: Final = """
SELECT gone.type, gone.id, actor.actor_id
  FROM unnest($1::text[], $2::bigint[]) AS gone (type, id)
 CROSS JOIN LATERAL (
       SELECT author_id AS actor_id FROM object o
        WHERE o.type = gone.type AND o.id = gone.id AND author_id IS NOT NULL
        UNION ALL
       SELECT actor_id FROM activity a
        WHERE a.object_type = gone.type AND a.object_id = gone.id AND a.verb IN ('like', 'share')
        UNION ALL
       SELECT actor_id FROM activity a
        WHERE a.target_type = gone.type AND a.target_id = gone.id AND a.verb = 'comment'
        LIMIT $3) AS actor"""
"""Objects, and the first so many of those who made them, or liked, shared or commented on them."""

_CONCERNS_ONE: Final = """a.verb = 'delete' AND coalesce(
       (SELECT true FROM object o WHERE o.type = a.object_type AND o.id = a.object_id AND o.author_id = ANY($5)),
       (SELECT true FROM activity s WHERE s.object_type = a.object_type AND s.object_id = a.object_id
           AND s.verb IN ('like', 'share') AND s.actor_id = ANY($5) LIMIT 1),
       (SELECT true FROM activity s WHERE s.target_type = a.object_type AND s.target_id = a.object_id
           AND s.verb = 'comment' AND s.actor_id = ANY($5) LIMIT 1), false)"""
"""Scalar, not EXISTS: looked up for each deletion, never by a hash of everybody's likes."""

SQL_FOR_ONE: Final = f"""
SELECT a.source_partition, a.source_offset, a.event_id, a.verb, a.actor_id, a.object_type, a.object_id, a.occurred_at
  FROM {_RANGES}
 WHERE a.actor_id = ANY($5) AND a.verb = ANY($6)
    OR a.actor_id = $7 AND (a.verb = ANY($8) OR a.verb = 'feed-read')
    OR a.object_type = 'user' AND a.object_id = $7 AND a.verb IN ('block', 'unblock')
    OR a.verb IN ('unlike', 'unrecommend', 'disconnect') AND a.actor_id = ANY($5)
    OR a.verb = 'disconnect' AND a.object_id = ANY($5)
    OR a.verb = 'user-erased'
    OR {_CONCERNS_ONE}
 ORDER BY a.source_partition, a.source_offset
 LIMIT $4"""  # noqa: S608 (a constant of ours)

SQL_ITEMS: Final = (
    f"""
WITH blocked AS (SELECT 0::bigint AS id WHERE false),
candidate AS MATERIALIZED (
    SELECT {columns_of("a")}, u.handle AS actor_handle, u.name AS actor_name
      FROM activity a JOIN user_profile u ON u.id = a.actor_id AND u.{VISIBLE_USER}
     WHERE a.event_id = ANY($1))"""  # noqa: S608 (a constant of ours)
    + HYDRATED
)

SQL_EDGES: Final = f"""
SELECT reader.id,
       ARRAY(SELECT followee_id FROM follow_edge WHERE follower_id = reader.id AND active AND followee_id <> reader.id
              ORDER BY followee_id) AS followees,
       ARRAY(SELECT since FROM follow_edge WHERE follower_id = reader.id AND active AND followee_id <> reader.id
              ORDER BY followee_id) AS sinces,
       ARRAY(SELECT object_id FROM user_edge WHERE actor_id = reader.id AND kind = 'mute' AND active) AS muted,
       ARRAY(SELECT object_id FROM user_edge WHERE actor_id = reader.id AND kind = 'block' AND active
              UNION ALL
             SELECT actor_id FROM user_edge WHERE object_id = reader.id AND kind = 'block' AND active) AS blocked
  FROM user_profile reader WHERE id = ANY($1) AND {VISIBLE_USER}"""  # noqa: S608 (a constant of ours)

SQL_READ: Final = """
SELECT reader_id, feed, seen_through, read_through
  FROM feed_position WHERE reader_id = ANY($1)
 ORDER BY reader_id, feed"""


class Applied(NamedTuple):
    """One activity, as it lies in the log."""

    partition: int
    offset: int
    event_id: UUID
    verb: str
    actor_id: int
    object_type: str | None
    object_id: int | None
    occurred_at: object


Ranges = Sequence[tuple[int, int, int]]
"""(partition, above, up to)"""


def ranges_between(above: Mapping[int, int], upto: Mapping[int, int]) -> Ranges:
    """What lies between two sets of offsets, by partition; of a partition that `above` does not name, all."""
    return [(p, above.get(p, -1), offset) for p, offset in sorted(upto.items()) if offset > above.get(p, -1)]


async def between(postgres: Postgres, ranges: Ranges, most: int) -> list[Applied]:
    """The first `most` activities in these ranges, whatever the verb, by partition and offset."""
    rows = await postgres.fetch(SQL, *_columns(ranges), most)
    return [Applied(*row) for row in rows]


async def between_for(
    postgres: Postgres, ranges: Ranges, most: int, *, reader_id: int, followees: Iterable[int]
) -> list[Applied]:
    """Of these only what can concern one reader."""
    rows = await postgres.fetch(
        SQL_FOR_ONE, *_columns(ranges), most, list(followees), VERBS, reader_id, list(EDGE_VERBS)
    )
    return [Applied(*row) for row in rows]


async def items(postgres: Postgres, event_ids: Sequence[UUID]) -> dict[UUID, Row]:
    """The activities of actors who are there, hydrated, with `seen`; blocks are the caller's to heed."""
    if not event_ids:
        return {}
    rows = await postgres.fetch(SQL_ITEMS, list(event_ids))
    return {row["event_id"]: row for row in rows}


def _columns(ranges: Ranges) -> tuple[list[int], list[int], list[int]]:
    return [r[0] for r in ranges], [r[1] for r in ranges], [r[2] for r in ranges]
