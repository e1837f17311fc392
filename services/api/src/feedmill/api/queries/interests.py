"""What does someone read: readings of a time, by their contents' categories as they stand now?"""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from msgspec import Struct

from feedmill.api.facts import Questions
from feedmill.api.wire import CategoryShare, Interests
from feedmill.runtime.clickhouse import Value

SQL: Final = """
WITH reading AS (
    SELECT content_id, count() AS readings
      FROM fact_reading FINAL
     WHERE user_id = {user_id:String} AND updated_at BETWEEN {from_day:Date} AND {to_day:Date}
       AND read_percent > {min_percent:Float64}
     GROUP BY content_id)
SELECT counted.1 AS what, counted.2 AS category, sum(readings) AS readings
  FROM reading
  LEFT JOIN (
    SELECT content_id, groupUniqArray(category_name) AS categories
      FROM content_change
     WHERE content_id IN (SELECT content_id FROM reading)
     GROUP BY content_id) AS content USING content_id
 ARRAY JOIN arrayConcat(
    [('all', '')], if(empty(categories), [('none', '')], arrayMap(name -> ('category', name), categories))) AS counted
 GROUP BY what, category
 ORDER BY readings DESC, category
 SETTINGS do_not_merge_across_partitions_select_final = 1, max_threads = 2"""
"""One row a category, one of what = all (each reading once), one of what = none (readings without a category).

A reading and its repeats share month and sorting key, so FINAL need not look across partitions."""


class _Row(Struct):
    what: Literal["all", "none", "category"]
    category: str
    readings: int


@dataclass(frozen=True, slots=True)
class Question:
    """Both days included; a reading counts where its percentage is strictly above `min_percent`."""

    user_id: str
    from_day: date
    to_day: date
    min_percent: float


async def interests(clickhouse: Questions, asked: Question) -> Interests:
    """Raises StoreAway."""
    bound: dict[str, Value] = {
        "user_id": asked.user_id,
        "from_day": asked.from_day.isoformat(),
        "to_day": asked.to_day.isoformat(),
        "min_percent": asked.min_percent,
    }
    rows = await clickhouse.fetch(SQL, _Row, bound)
    of_all = {row.what: row.readings for row in rows if row.what != "category"}
    categories = [row for row in rows if row.what == "category"]
    counted = sum(row.readings for row in categories)
    return Interests(
        asked.user_id,
        asked.from_day,
        asked.to_day,
        asked.min_percent,
        of_all.get("all", 0),
        of_all.get("none", 0),
        counted,
        [CategoryShare(row.category, row.readings, row.readings / counted) for row in categories],
    )
