"""What do all readers read, by category?"""

from datetime import date
from typing import Final

from msgspec import Struct

from feedmill.api.analytics_wire import CategoryOfAll
from feedmill.api.queries.analytics.asking import Asking
from feedmill.runtime.clickhouse import Value

SQL: Final = """
SELECT category_name AS category, count() AS readings, count() / sum(count()) OVER () AS share
  FROM (
    SELECT content_id FROM fact_reading FINAL
     WHERE updated_at BETWEEN {first:Date} AND {last:Date} AND read_percent > {min_percent:Float64}) AS reading
 INNER JOIN content_category USING content_id
 GROUP BY category
 ORDER BY readings DESC, category
 LIMIT {limit:UInt32}"""

ALL_SQL: Final = """
SELECT count() AS readings
  FROM fact_reading FINAL
 WHERE updated_at BETWEEN {first:Date} AND {last:Date} AND read_percent > {min_percent:Float64}"""


class _Count(Struct):
    readings: int


async def categories(
    asking: Asking, first: date, last: date, min_percent: float, limit: int
) -> tuple[int, list[CategoryOfAll]]:
    """Readings of the time, each once, and the categories by readings; both days included."""
    bound: dict[str, Value] = {"first": first.isoformat(), "last": last.isoformat(), "min_percent": min_percent}
    counts = await asking.rows(ALL_SQL, _Count, bound)
    readings = sum(count.readings for count in counts)
    return readings, await asking.rows(SQL, CategoryOfAll, {**bound, "limit": limit})
