"""Which pages were linked to most?"""

from typing import Final

from feedmill.api.analytics_wire import TopLink
from feedmill.api.queries.analytics.asking import ALIVE, Asking, Time

SQL: Final = f"""
WITH link AS (
    SELECT object_type, object_id, canonical_url, title
      FROM object_change FINAL
     WHERE canonical_url != '' AND {ALIVE}
       AND changed_at >= {{begin:DateTime64(6, 'UTC')}} AND changed_at < {{end:DateTime64(6, 'UTC')}}),
reaction AS (
    SELECT object_type, object_id, countIf(latest = 'like') AS likes, sum(shared) AS shares
      FROM (
        SELECT object_type, object_id, actor_id,
               argMinIf(verb, version, verb IN ('like', 'unlike')) AS latest, countIf(verb = 'share') AS shared
          FROM fact_activity FINAL
         WHERE verb IN ('like', 'unlike', 'share') AND (object_type, object_id) IN (
               SELECT object_type, object_id FROM link)
         GROUP BY object_type, object_id, actor_id)
     GROUP BY object_type, object_id)
SELECT canonical_url AS url, argMax(link.title, link.object_id) AS title, count() AS posts,
       sum(reaction.likes) AS likes, sum(reaction.shares) AS shares
  FROM link
  LEFT JOIN reaction USING (object_type, object_id)
 GROUP BY url
 ORDER BY posts + likes + shares DESC, url
 LIMIT {{limit:UInt32}}"""  # noqa: S608  a constant
"""Of likes and unlikes of one actor the latest in the log counts: they share a partition."""


async def top_links(asking: Asking, time: Time, limit: int) -> list[TopLink]:
    """Of links posted in the time and not deleted."""
    return await asking.rows(SQL, TopLink, {"limit": limit, **time.bound})
