"""How does it grow: new users, all users, posts and activities, by day, week or month?"""

from datetime import date
from enum import StrEnum
from typing import Final

from feedmill.api.analytics_wire import GrowthOf
from feedmill.api.queries.analytics.asking import Asking


class Every(StrEnum):
    """How much time a row stands for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_BEGIN: Final = {Every.DAY: "toDate({at})", Every.WEEK: "toMonday({at})", Every.MONTH: "toStartOfMonth({at})"}
SQL: Final = {
    every: f"""
WITH counted AS (
    SELECT {begin.format(at="occurred_at")} AS begin, countIf(verb = 'user-created') AS new_users,
           countIf(verb = 'post') AS posts, count() AS activities
      FROM fact_activity FINAL
     WHERE occurred_at < toDateTime64({{last:Date}} + 1, 6, 'UTC')
     GROUP BY begin)
SELECT begin, new_users, users, posts, activities
  FROM (SELECT *, sum(new_users) OVER (ORDER BY begin ROWS UNBOUNDED PRECEDING) AS users FROM counted)
 WHERE begin >= {begin.format(at="{first:Date}")}
 ORDER BY begin"""  # noqa: S608  made of the constants above
    for every, begin in _BEGIN.items()
}


async def growth(asking: Asking, every: Every, first: date, last: date) -> list[GrowthOf]:
    """Times in which nothing happened are left out; the first one is whole."""
    return await asking.rows(SQL[every], GrowthOf, {"first": first.isoformat(), "last": last.isoformat()})
