"""Which tags were used most?"""

from typing import Final

from feedmill.api.analytics_wire import TopTag
from feedmill.api.queries.analytics.asking import Asking, Time

SQL: Final = """
SELECT tag, count() AS uses, uniqExact(author_id) AS authors
  FROM dim_object
 ARRAY JOIN tags AS tag
 WHERE deleted_at = toDateTime64(0, 6, 'UTC')
   AND created_at >= {begin:DateTime64(6, 'UTC')} AND created_at < {end:DateTime64(6, 'UTC')}
 GROUP BY tag
 ORDER BY uses DESC, tag
 LIMIT {limit:UInt32}"""


async def top_tags(asking: Asking, time: Time, limit: int) -> list[TopTag]:
    """An object's tag counts once."""
    return await asking.rows(SQL, TopTag, {"limit": limit, **time.bound})
