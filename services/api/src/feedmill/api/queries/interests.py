"""What does someone read: readings of a time, by their contents' categories as they stand now?

Two questions, each a few granules of its table, joined here: one joined question takes ClickHouse half as long again
(8 ms instead of 5 at ten million readings).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

from msgspec import Struct

from feedmill.api.facts import Questions
from feedmill.api.wire import CategoryShare, Interests
from feedmill.runtime.clickhouse import Ask, Value

READINGS_SQL: Final = """
SELECT content_id, count() AS readings
  FROM fact_reading FINAL
 WHERE user_id = {user_id:String} AND updated_at BETWEEN {from_day:Date} AND {to_day:Date}
   AND read_percent > {min_percent:Float64}
 GROUP BY content_id
 SETTINGS do_not_merge_across_partitions_select_final = 1, max_threads = 1"""
"""A reading and its repeats share month and sorting key, so FINAL need not look across partitions."""

CATEGORIES_SQL: Final = """
SELECT DISTINCT content_id, category_name
  FROM content_change
 WHERE content_id IN {content_ids:Array(String)}
 SETTINGS max_threads = 1"""

AT_ONCE: Final = 200
"""Contents a question names: the longest ids of so many fit an address that ClickHouse takes (1 MB)."""


class _Read(Struct):
    content_id: str
    readings: int


class _Category(Struct):
    content_id: str
    category_name: str


@dataclass(frozen=True, slots=True)
class Question:
    """Both days included; a reading counts where its percentage is strictly above `min_percent`."""

    user_id: str
    from_day: date
    to_day: date
    min_percent: float


async def interests(clickhouse: Questions, asked: Question) -> Interests:
    """Raises StoreAway."""
    return await clickhouse.answer(partial(_found, asked))


def _found(asked: Question, ask: Ask) -> Interests:
    bound: dict[str, Value] = {
        "user_id": asked.user_id,
        "from_day": asked.from_day.isoformat(),
        "to_day": asked.to_day.isoformat(),
        "min_percent": asked.min_percent,
    }
    reads = {row.content_id: row.readings for row in ask(READINGS_SQL, _Read, bound)}
    found: list[_Category] = []
    for content_ids in _in_turns(list(reads)):
        found += ask(CATEGORIES_SQL, _Category, {"content_ids": content_ids})
    return _joined(asked, reads, found)


def _in_turns(content_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(content_ids), AT_ONCE):
        yield content_ids[start : start + AT_ONCE]


def _joined(asked: Question, reads: Mapping[str, int], found: Sequence[_Category]) -> Interests:
    """A reading counts once in each category of its content."""
    counts: Counter[str] = Counter()
    for row in found:
        counts[row.category_name] += reads[row.content_id]
    counted = counts.total()
    categorised = sum(reads[content_id] for content_id in {row.content_id for row in found})
    readings = sum(reads.values())
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return Interests(
        asked.user_id,
        asked.from_day,
        asked.to_day,
        asked.min_percent,
        readings,
        readings - categorised,
        counted,
        [CategoryShare(category, count, count / counted) for category, count in ordered],
    )
