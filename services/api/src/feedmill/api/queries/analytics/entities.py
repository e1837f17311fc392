"""Which entities of a saga are named most, and how many readers had the articles that name them?"""

from typing import Final

from feedmill.api.analytics_wire import TopEntity
from feedmill.api.queries.analytics.asking import Asking, Time

SQL: Final = """
SELECT entity_id, if(name = '', entity_id, name) AS name, total_entity_occurrences, total_readers, articles
  FROM (
    SELECT entity_id, sum(entity_counter) AS total_entity_occurrences, sum(toInt64(readers)) AS total_readers,
           count() AS articles
      FROM fact_readers FINAL
     WHERE saga_id = {saga_id:String}
       AND date_time >= {begin:DateTime64(6, 'UTC')} AND date_time < {end:DateTime64(6, 'UTC')}
       AND (event_id, version) IN (
           SELECT event_id, version FROM article FINAL
            WHERE saga_id = {saga_id:String}
              AND date_time >= {begin:DateTime64(6, 'UTC')} AND date_time < {end:DateTime64(6, 'UTC')})
     GROUP BY entity_id
     ORDER BY total_entity_occurrences DESC, total_readers DESC, entity_id
     LIMIT {limit:UInt32}) AS top
  LEFT JOIN dim_entity USING entity_id
 ORDER BY total_entity_occurrences DESC, total_readers DESC, entity_id"""
"""Readers are summed over articles of one entity, where they are additive. An article read anew (a late repeat) counts
as it was read first: its version decides."""


async def top_entities(asking: Asking, saga_id: str, time: Time, limit: int) -> list[TopEntity]:
    """Most occurrences first."""
    return await asking.rows(SQL, TopEntity, {"saga_id": saga_id, "limit": limit, **time.bound})
