"""Which tags were used most?"""

from typing import Final

from feedmill.api.analytics_wire import TopTag
from feedmill.api.queries.analytics.asking import ALIVE, Asking, Time

SQL: Final = f"""
SELECT tag, count() AS uses, uniqExact(author_id) AS authors
  FROM object_change FINAL
 ARRAY JOIN tags AS tag
 WHERE {ALIVE}
   AND changed_at >= {{begin:DateTime64(6, 'UTC')}} AND changed_at < {{end:DateTime64(6, 'UTC')}}
 GROUP BY tag
 ORDER BY uses DESC, tag
 LIMIT {{limit:UInt32}}"""  # noqa: S608  a constant


async def top_tags(asking: Asking, time: Time, limit: int) -> list[TopTag]:
    """An object's tag counts once."""
    return await asking.rows(SQL, TopTag, {"limit": limit, **time.bound})
