"""What do all readers read, by category?"""

from datetime import date
from typing import Final

from msgspec import Struct

from feedmill.api.analytics_wire import Categories, CategoryOfAll
from feedmill.api.queries.analytics.asking import Asking
from feedmill.runtime.clickhouse import Value

SQL: Final = """
SELECT category, sum(n) AS readings, sumIf(n, empty(categories)) AS uncategorised,
       sumIf(readings, category != '') OVER () AS counted
  FROM (
    SELECT content_id, count() AS n
      FROM fact_reading FINAL
     WHERE updated_at BETWEEN {first:Date} AND {last:Date} AND read_percent > {min_percent:Float64}
     GROUP BY content_id) AS reading
  LEFT JOIN dim_content USING content_id
 ARRAY JOIN arrayPushFront(categories, '') AS category
 GROUP BY category
 ORDER BY readings DESC, category
 LIMIT {limit:UInt32} + 1"""
"""Every content is also in the category without a name, which no other has more readings than: the first row is all."""


class _Row(Struct):
    category: str
    readings: int
    uncategorised: int
    counted: int


async def categories(asking: Asking, first: date, last: date, min_percent: float, limit: int) -> Categories:
    """Both days included."""
    bound: dict[str, Value] = {"first": first.isoformat(), "last": last.isoformat(), "min_percent": min_percent}
    rows = await asking.rows(SQL, _Row, {**bound, "limit": limit})
    every = rows[0] if rows else _Row("", 0, 0, 0)
    items = [CategoryOfAll(row.category, row.readings, row.readings / row.counted) for row in rows[1:]]
    return Categories(first, last, min_percent, every.readings, every.uncategorised, items)
