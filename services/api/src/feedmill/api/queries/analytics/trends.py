"""What grew most: a time against as much time before it?"""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from feedmill.api.analytics_wire import Trend
from feedmill.api.queries.analytics.asking import ALIVE, SILENT, Asking, Time
from feedmill.contracts import times


class By(StrEnum):
    """What is compared."""

    TAG = "tag"
    LINK = "link"
    VERB = "verb"
    ENTITY = "entity"
    CATEGORY = "category"


_IN_TIME: Final = "at >= {before:DateTime64(6, 'UTC')} AND at < {end:DateTime64(6, 'UTC')}"
# The fragments are our own constants; each gives name, at and n.
_COUNTED: Final = {
    By.TAG: f"tag AS name, changed_at AS at, 1 AS n FROM object_change FINAL ARRAY JOIN tags AS tag WHERE {ALIVE}",
    By.LINK: "canonical_url AS name, changed_at AS at, 1 AS n FROM object_change FINAL"
    f" WHERE canonical_url != '' AND {ALIVE}",
    By.VERB: "toString(verb) AS name, occurred_at AS at, 1 AS n FROM fact_activity FINAL"
    " WHERE verb NOT IN (" + SILENT + ")",
    By.ENTITY: "entity_id AS name, date_time AS at, entity_counter AS n FROM fact_readers FINAL"
    " WHERE (event_id, version) IN (SELECT event_id, version FROM article FINAL)",
    By.CATEGORY: "category_name AS name, toDateTime64(day, 6, 'UTC') AS at, n FROM ("
    "SELECT content_id, updated_at AS day, count() AS n FROM fact_reading FINAL"
    " WHERE updated_at >= toDate({before:DateTime64(6, 'UTC')}) AND updated_at <= toDate({end:DateTime64(6, 'UTC')})"
    " GROUP BY content_id, day) AS reading INNER JOIN content_category USING content_id",
}

SQL: Final = {
    by: f"""
SELECT name, sumIf(n, at >= {{begin:DateTime64(6, 'UTC')}}) AS now,
       sumIf(n, at < {{begin:DateTime64(6, 'UTC')}}) AS before,
       toInt64(now) - toInt64(before) AS change, if(before = 0, NULL, now / before) AS ratio
  FROM (SELECT {counted})
 WHERE {_IN_TIME}
 GROUP BY name
HAVING now > 0
 ORDER BY change DESC, now DESC, name
 LIMIT {{limit:UInt32}}"""  # noqa: S608  made of the constants above
    for by, counted in _COUNTED.items()
}


def fairly(by: By, time: Time, now: datetime) -> Time:
    """Up to this minute at most: a day that goes on is not held against whole ones. Of readings only days are known."""
    if by is By.CATEGORY or now <= time.begin:
        return time
    return replace(time, end=min(time.end, (now + timedelta(minutes=1)).replace(second=0, microsecond=0)))


async def trends(asking: Asking, by: By, time: Time, limit: int) -> list[Trend]:
    """Most growth first, of what there is in the time."""
    before = Time(max(times.EARLIEST, time.begin - (time.end - time.begin)), time.begin).bound["begin"]
    return await asking.rows(SQL[by], Trend, {"limit": limit, "before": before, **time.bound})
