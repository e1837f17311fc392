"""How many users are active: on a day, in the week and in the month up to it?"""

from datetime import date
from typing import Final

from feedmill.api.analytics_wire import ActiveUsersOfDay
from feedmill.api.queries.analytics.asking import SILENT, Asking

SQL: Final = f"""
WITH user AS (
    SELECT arraySort(groupUniqArray(toDate(occurred_at))) AS days
      FROM fact_activity FINAL
     WHERE actor_id > 0 AND verb NOT IN ({SILENT})
       AND occurred_at >= toDateTime64({{first:Date}} - 29, 6, 'UTC')
       AND occurred_at < toDateTime64({{last:Date}} + 1, 6, 'UTC')
     GROUP BY actor_id),
change AS (
    SELECT active_on, arrayJoin([(active_on, 1, 1, 1), (active_on + 1, -1, 0, 0),
                                 (least(active_on + 7, next), 0, -1, 0), (least(active_on + 30, next), 0, 0, -1)]) AS at
      FROM user
     ARRAY JOIN days AS active_on, arrayPushBack(arrayPopFront(days), toDate('2149-06-06')) AS next),
changed AS (
    SELECT at.1 AS day, at.2 AS daily, at.3 AS weekly, at.4 AS monthly FROM change
     UNION ALL
    SELECT {{first:Date}} + number AS day, 0, 0, 0
      FROM numbers(assumeNotNull(toUInt64({{last:Date}} - {{first:Date}} + 1))))
SELECT day, daily, weekly, monthly
  FROM (
    SELECT day, sum(sum(daily)) OVER upto AS daily, sum(sum(weekly)) OVER upto AS weekly,
           sum(sum(monthly)) OVER upto AS monthly
      FROM changed
     GROUP BY day
    WINDOW upto AS (ORDER BY day ROWS UNBOUNDED PRECEDING))
 WHERE day BETWEEN {{first:Date}} AND {{last:Date}}
 ORDER BY day"""  # noqa: S608  a constant
"""A user counts from an active day until 1, 7 or 30 days later or the next active day, which goes on counting: comings
and goings are summed, no set of users is kept a day. The second part of `changed` gives days without anybody."""


async def active_users(asking: Asking, first: date, last: date) -> list[ActiveUsersOfDay]:
    """Both days included, every day a row."""
    return await asking.rows(SQL, ActiveUsersOfDay, {"first": first.isoformat(), "last": last.isoformat()})
