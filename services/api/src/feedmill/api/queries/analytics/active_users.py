"""How many users are active: on a day, in the week and in the month up to it?"""

from datetime import date
from typing import Final

from feedmill.api.analytics_wire import ActiveUsersOfDay
from feedmill.api.queries.analytics.asking import SILENT, Asking

SQL: Final = f"""
WITH active AS (
    SELECT DISTINCT actor_id, toDate(occurred_at) AS active_on
      FROM fact_activity FINAL
     WHERE actor_id > 0 AND verb NOT IN ({SILENT})
       AND occurred_at >= toDateTime64({{first:Date}} - 29, 6, 'UTC')
       AND occurred_at < toDateTime64({{last:Date}} + 1, 6, 'UTC'))
SELECT day, uniqExactIf(actor_id, ago = 0) AS daily, uniqExactIf(actor_id, ago < 7) AS weekly,
       uniqExactIf(actor_id, ago < 30) AS monthly
  FROM (
    SELECT actor_id, active_on + ago AS day, ago FROM active ARRAY JOIN range(30) AS ago
     WHERE active_on + ago BETWEEN {{first:Date}} AND {{last:Date}}
     UNION ALL
    SELECT 0 AS actor_id, {{first:Date}} + number AS day, 255 AS ago
      FROM numbers(assumeNotNull(toUInt64({{last:Date}} - {{first:Date}} + 1))))
 GROUP BY day
 ORDER BY day"""  # noqa: S608  a constant
"""Each day a user was active counts for itself and the 29 days after it; the second part gives days without anybody."""


async def active_users(asking: Asking, first: date, last: date) -> list[ActiveUsersOfDay]:
    """Both days included, every day a row."""
    return await asking.rows(SQL, ActiveUsersOfDay, {"first": first.isoformat(), "last": last.isoformat()})
