"""How many users saw, then liked, then shared?"""

from typing import Final

from msgspec import Struct

from feedmill.api.analytics_wire import Step
from feedmill.api.queries.analytics.asking import Asking, Time

SQL: Final = """
SELECT countIf(notEmpty(seen)) AS saw, countIf(saw_liked) AS saw_and_liked, countIf(saw_liked_shared) AS and_shared,
       countIf(notEmpty(liked)) AS any_liked, countIf(liked_shared) AS liked_and_shared
  FROM (
    SELECT seen, liked,
           arrayFilter(at -> at >= arrayMin(seen), liked) AS liked_after,
           notEmpty(seen) AND notEmpty(liked_after) AS saw_liked,
           saw_liked AND arrayExists(at -> at >= arrayMin(liked_after), shared) AS saw_liked_shared,
           notEmpty(liked) AND arrayExists(at -> at >= arrayMin(liked), shared) AS liked_shared
      FROM (
        SELECT actor_id, groupArrayIf(occurred_at, verb = 'feed-read') AS seen,
               groupArrayIf(occurred_at, verb = 'like') AS liked, groupArrayIf(occurred_at, verb = 'share') AS shared
          FROM fact_activity FINAL
         WHERE verb IN ('feed-read', 'like', 'share') AND actor_id > 0
           AND occurred_at >= {begin:DateTime64(6, 'UTC')} AND occurred_at < {end:DateTime64(6, 'UTC')}
         GROUP BY actor_id))"""
"""Each step at or after the earliest of the one before: who can come through at all comes through by the earliest."""


class _Row(Struct):
    saw: int = 0
    saw_and_liked: int = 0
    and_shared: int = 0
    any_liked: int = 0
    liked_and_shared: int = 0


async def funnel(asking: Asking, time: Time) -> tuple[bool, list[Step]]:
    """Whether seeing is recorded at all, and the steps."""
    row = next(iter(await asking.rows(SQL, _Row, time.bound)), _Row())
    if row.saw:
        users: tuple[int | None, ...] = (row.saw, row.saw_and_liked, row.and_shared)
    else:
        users = (None, row.any_liked, row.liked_and_shared)
    first = next((n for n in users if n is not None), 0)
    names = ("saw", "liked", "shared")
    return bool(row.saw), [
        Step(name, n, n / first if n is not None and first else None) for name, n in zip(names, users, strict=True)
    ]
