"""The home feed of a plain reader, in the shortest statement: most pages are of one.

Plain is who is there and pushed to along every edge, has no rows left of somebody unfollowed, mutes and blocks nobody,
and is blocked by nobody. Then a page is a range of `home_feed`, and what is left to ask of each row is whether its
actor and what it is about are still there: the row itself is as good as its edge.
The statement itself looks whether the reader is plain, in its own snapshot: where it is not, or where the page goes
beyond what is pushed, it says so, and `queries.home_feed` asks at length. So nothing is missed in between.
"""

from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Final, NamedTuple
from uuid import UUID

from feedmill.api.cursor import Key, Positions
from feedmill.api.queries.activities import NOT_TAKEN_BACK, VISIBLE_USER, applied
from feedmill.api.queries.rendered import Written, a_user, by_partition, item, positions_now, posted
from feedmill.runtime.postgres import Postgres

_ANOTHER: Final = "(SELECT shown FROM user_profile WHERE id = {id})"


def _posted(kind: str, thing: str) -> str:
    """JSON; null where it may not be seen: not there (yet), deleted, its author erased."""
    author = (
        f"CASE WHEN {thing}.author_id = c.actor_id THEN u.shown ELSE {_ANOTHER.format(id=f'{thing}.author_id')} END"
    )
    written = posted(f"{thing}.type", f"{thing}.id", thing, author)
    return f"""(SELECT {written} FROM object {thing}
                 WHERE {thing}.type = c.{kind}_type AND {thing}.id = c.{kind}_id AND {thing}.deleted_at IS NULL)"""  # noqa: S608 (names of ours)


_POSITIONS: Final = "$5::bigint[]"
ROWS_LOOKED_AT: Final = 200
"""Rows beyond a page's that are looked at for it. Where so many show nothing (somebody with many was unfollowed), the
page is asked at length."""

_RANGE: Final = f"""
            SELECT * FROM home_feed c
             WHERE c.reader_id = $1 AND (c.occurred_at, c.event_id) < ($2, $3)
               AND c.occurred_at >= (SELECT complete_from FROM mark) AND {applied("c", _POSITIONS)}
             ORDER BY c.occurred_at DESC, c.event_id DESC"""  # noqa: S608 (a constant of ours)

SQL: Final = f"""
WITH mark AS MATERIALIZED (
    SELECT complete_from FROM feed_reader
     WHERE reader_id = $1 AND {applied("feed_reader", _POSITIONS, "began_offset")}
       AND EXISTS (SELECT FROM user_profile WHERE id = $1 AND {VISIBLE_USER})
       AND NOT EXISTS (SELECT FROM follow_edge WHERE follower_id = $1 AND active AND push < 2 AND followee_id <> $1)
       AND NOT EXISTS (SELECT FROM follow_edge WHERE follower_id = $1 AND rows_left)
       AND NOT EXISTS (SELECT FROM user_edge WHERE actor_id = $1 AND kind = 'mute' AND active)
       AND NOT EXISTS (SELECT FROM user_edge WHERE actor_id = $1 AND kind = 'block' AND active)
       AND NOT EXISTS (SELECT FROM user_edge WHERE object_id = $1 AND kind = 'block' AND active)),
page AS (
    SELECT {item("u.shown", "about.object", "about.target")} AS item, c.occurred_at, c.event_id
      FROM ({_RANGE} LIMIT $4 + {ROWS_LOOKED_AT}) c
     CROSS JOIN LATERAL (SELECT shown FROM user_profile WHERE id = c.actor_id AND shown IS NOT NULL OFFSET 0) u
     CROSS JOIN LATERAL (
            SELECT CASE WHEN c.object_type IS NULL THEN 'null'
                        WHEN c.object_type = 'user' THEN {a_user(_ANOTHER.format(id="c.object_id"))}
                        ELSE {_posted("object", "o")} END AS object,
                   CASE WHEN c.target_type IS NULL THEN 'null' ELSE {_posted("target", "t")} END AS target
            OFFSET 0) about
     WHERE {NOT_TAKEN_BACK.format(said="coalesce(c.origin_offset, c.source_offset)")}
       AND about.object IS NOT NULL AND about.target IS NOT NULL
     ORDER BY c.occurred_at DESC, c.event_id DESC
     LIMIT $4)
SELECT array_agg(item), (array_agg(occurred_at))[$4 - 1], (array_agg(event_id))[$4 - 1],
       {positions_now(_POSITIONS)},
       CASE WHEN count(*) < $4 THEN (SELECT complete_from = '-infinity' FROM mark)
                                AND NOT EXISTS ({_RANGE} OFFSET $4 + {ROWS_LOOKED_AT} - 1) ELSE true END
  FROM page"""  # noqa: S608 (names of ours)


class Found(NamedTuple):
    """The statement's one row: the items and one more; whether all is pushed, None for who is not plain."""

    items: list[str] | None
    last_at: datetime | None
    last_id: UUID | None
    positions: list[list[int]] | None
    all_pushed: bool | None


class Plain:
    """Asks plainly those who may be plain, as one `Postgres`'s memory has it: wrong, it costs a round trip."""

    AGAIN_S: Final = 20.0
    """Who was not plain may have become so after this time."""
    MAX_REMEMBERED: Final = 100_000

    def __init__(self, clock_s: Callable[[], float] = monotonic) -> None:
        self._clock_s = clock_s
        self._others_until_s: dict[int, float] = {}

    async def page(
        self, postgres: Postgres, *, reader_id: int, before: Key, limit: int, positions: Positions | None
    ) -> Written | None:
        """None: ask at length."""
        until_s = self._others_until_s.get(reader_id)
        if until_s is not None and self._clock_s() < until_s:
            return None
        row = await postgres.fetchrow(SQL, reader_id, before.occurred_at, before.event_id, limit + 1, positions)
        assert row is not None  # an aggregate
        items, last_at, last_id, pairs, all_pushed = row
        if all_pushed is None:
            self._remember(reader_id)
            return None
        began_at = by_partition(pairs) if positions is None else positions
        if items is not None and len(items) > limit:
            return Written(",".join(items[:limit]), Key(last_at, last_id), began_at)
        return Written(",".join(items or ()), None, began_at) if all_pushed else None

    def _remember(self, reader_id: int) -> None:
        if len(self._others_until_s) >= self.MAX_REMEMBERED:
            self._others_until_s.clear()
        self._others_until_s[reader_id] = self._clock_s() + self.AGAIN_S
