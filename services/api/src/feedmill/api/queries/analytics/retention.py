"""Of the users first active in a week, how many are active again, week by week?"""

from datetime import date
from typing import Final

from feedmill.api.analytics_wire import Cohort
from feedmill.api.queries.analytics.asking import SILENT, Asking
from feedmill.runtime.clickhouse import Value

SQL: Final = f"""
WITH user AS (
    SELECT arraySort(groupUniqArray(toMonday(occurred_at))) AS active_in
      FROM fact_activity FINAL
     WHERE actor_id > 0 AND verb NOT IN ({SILENT})
     GROUP BY actor_id)
SELECT week, users,
       arrayMap((n, k) -> if(week + 7 * k > newest, NULL, n), again, range(1, {{weeks:UInt32}} + 1)) AS active
  FROM (
    SELECT active_in[1] AS week, count() AS users, max(max(active_in[-1])) OVER () AS newest,
           sumForEach(arrayMap(k -> has(active_in, week + 7 * k), range(1, {{weeks:UInt32}} + 1))) AS again
      FROM user
     GROUP BY week)
 WHERE week BETWEEN toMonday({{first:Date}}) AND {{last:Date}}
 ORDER BY week"""  # noqa: S608  a constant
"""Of each user the weeks, so a count of users needs no set of them. What nobody has lived to see is no zero."""


async def retention(asking: Asking, first: date, last: date, weeks: int) -> list[Cohort]:
    """Cohorts of the weeks that lie in the time, the first one whole; weeks nobody began in are left out."""
    bound: dict[str, Value] = {"first": first.isoformat(), "last": last.isoformat(), "weeks": weeks}
    return await asking.rows(SQL, Cohort, bound)
