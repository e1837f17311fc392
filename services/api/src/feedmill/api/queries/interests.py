"""What does someone read: readings of a time, by their contents' categories as they stand now?

Two questions, each a few granules of its table, put together here: one joined question takes ClickHouse twice as long.
Who reads so much that the second would grow long is answered by the joined one: it stays in ClickHouse, whatever it is.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final
from urllib.parse import quote_plus

from msgspec import Struct

from feedmill.api.facts import Questions
from feedmill.api.wire import CategoryShare, Interests
from feedmill.runtime.clickhouse import Ask, Value, written

READINGS_SQL: Final = """
SELECT content_id
  FROM fact_reading FINAL
 WHERE user_id = {user_id:String} AND updated_at BETWEEN {from_day:Date} AND {to_day:Date}
   AND read_percent > {min_percent:Float64}
 LIMIT {at_most:UInt32}
 SETTINGS do_not_merge_across_partitions_select_final = 1, max_threads = 1"""
"""A reading and its repeats share month and sorting key, so FINAL need not look across partitions."""

CATEGORIES_SQL: Final = """
SELECT DISTINCT content_id, category_name
  FROM content_change
 PREWHERE content_id IN {content_ids:Array(String)}
 SETTINGS max_threads = 1"""

JOINED_SQL: Final = """
SELECT categories, sum(readings) AS readings
  FROM (SELECT content_id, count() AS readings
          FROM fact_reading FINAL
         WHERE user_id = {user_id:String} AND updated_at BETWEEN {from_day:Date} AND {to_day:Date}
           AND read_percent > {min_percent:Float64}
         GROUP BY content_id) AS read
  LEFT JOIN
       (SELECT content_id, arraySort(groupUniqArray(category_name)) AS categories
          FROM content_change
         WHERE content_id IN
               (SELECT content_id
                  FROM fact_reading
                 WHERE user_id = {user_id:String} AND updated_at BETWEEN {from_day:Date} AND {to_day:Date})
         GROUP BY content_id) AS known
    ON known.content_id = read.content_id
 GROUP BY categories
 SETTINGS do_not_merge_across_partitions_select_final = 1"""

AT_ONCE: Final = 200
"""Readings that are put together here, where their contents' ids are no longer than ClickHouse takes them."""
BOUND_MAX_CHARS: Final = 131_072
"""Of one bound value as it stands in the address: ClickHouse's own limit (http_max_field_value_size)."""


class _Reading(Struct):
    content_id: str


class _Category(Struct):
    content_id: str
    category_name: str


class _Read(Struct):
    """So many readings of contents that are in just these categories."""

    categories: list[str]
    readings: int


@dataclass(frozen=True, slots=True)
class Question:
    """Both days included; a reading counts where its percentage is strictly above `min_percent`."""

    user_id: str
    from_day: date
    to_day: date
    min_percent: float


async def interests(clickhouse: Questions, asked: Question, *, at_once: int = AT_ONCE) -> Interests:
    """Raises StoreAway."""
    return await clickhouse.answer(partial(_found, asked, at_once))


def _found(asked: Question, at_once: int, ask: Ask) -> Interests:
    bound: dict[str, Value] = {
        "user_id": asked.user_id,
        "from_day": asked.from_day.isoformat(),
        "to_day": asked.to_day.isoformat(),
        "min_percent": asked.min_percent,
    }
    readings = ask(READINGS_SQL, _Reading, {**bound, "at_most": at_once + 1})
    of_contents = Counter(reading.content_id for reading in readings)
    if len(readings) > at_once or len(quote_plus(written(list(of_contents)))) > BOUND_MAX_CHARS:
        return _summed(asked, ask(JOINED_SQL, _Read, bound))
    return _summed(asked, _categorised(of_contents, ask))


def _categorised(readings: Mapping[str, int], ask: Ask) -> Iterable[_Read]:
    """Each content's readings, with its categories."""
    categories = defaultdict[str, list[str]](list)
    if readings:
        for row in ask(CATEGORIES_SQL, _Category, {"content_ids": list(readings)}):
            categories[row.content_id].append(row.category_name)
    return [_Read(categories[content_id], count) for content_id, count in readings.items()]


def _summed(asked: Question, reads: Iterable[_Read]) -> Interests:
    """A reading counts once in each category of its content."""
    counts: Counter[str] = Counter()
    readings = uncategorised = 0
    for read in reads:
        readings += read.readings
        uncategorised += 0 if read.categories else read.readings
        for category in read.categories:
            counts[category] += read.readings
    counted = counts.total()
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return Interests(
        asked.user_id,
        asked.from_day,
        asked.to_day,
        asked.min_percent,
        readings,
        uncategorised,
        counted,
        [CategoryShare(category, count, count / counted) for category, count in ordered],
    )
