"""Of the users first active in a week, how many are active again, week by week?"""

from datetime import date
from typing import Final

from feedmill.api.analytics_wire import Cohort
from feedmill.api.queries.analytics.asking import SILENT, Asking
from feedmill.runtime.clickhouse import Value

SQL: Final = f"""
WITH active AS (
    SELECT DISTINCT actor_id, toMonday(occurred_at) AS week
      FROM fact_activity FINAL
     WHERE actor_id > 0 AND verb NOT IN ({SILENT})),
first AS (
    SELECT actor_id, min(week) AS first_week
      FROM active
     GROUP BY actor_id
    HAVING first_week BETWEEN toMonday({{first:Date}}) AND {{last:Date}})
SELECT first_week AS week, uniqExact(actor_id) AS users,
       arrayMap(k -> if(first_week + 7 * k > newest.week, NULL,
                        countEqual(groupArray(intDiv(active.week - first_week, 7)), k)),
                range(1, {{weeks:UInt32}} + 1)) AS active
  FROM first
 INNER JOIN active USING actor_id
 CROSS JOIN (SELECT max(week) AS week FROM active) AS newest
 WHERE active.week <= first_week + 7 * {{weeks:UInt32}}
 GROUP BY first_week, newest.week
 ORDER BY first_week"""  # noqa: S608  a constant
"""A user and week is one row, so a count of rows is a count of users. What nobody has lived to see is no zero."""


async def retention(asking: Asking, first: date, last: date, weeks: int) -> list[Cohort]:
    """Cohorts of the weeks that lie in the time, the first one whole; weeks nobody began in are left out."""
    bound: dict[str, Value] = {"first": first.isoformat(), "last": last.isoformat(), "weeks": weeks}
    return await asking.rows(SQL, Cohort, bound)
