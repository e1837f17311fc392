"""What all questions share: the time they are about, and the bounds they run in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, TypeVar

from feedmill.api.facts import Questions
from feedmill.api.settings import AnalyticsSettings
from feedmill.runtime.clickhouse import Value

RowT = TypeVar("RowT")

SILENT: Final = "'user-created', 'user-updated', 'user-erased'"
"""Verbs that make nobody active: an operator may do them for many."""

ALIVE: Final = """verb != 'delete' AND (object_type, object_id) NOT IN (
           SELECT object_type, object_id FROM object_change WHERE verb = 'delete')"""
"""Of `object_change FINAL`: what dim_object has, without every object there ever was in memory."""


@dataclass(frozen=True, slots=True)
class Time:
    """[begin, end), UTC."""

    begin: datetime
    end: datetime

    @property
    def bound(self) -> dict[str, Value]:
        return {"begin": _text(self.begin), "end": _text(self.end)}

    @property
    def days(self) -> tuple[date, date]:
        """First and last day in it."""
        return self.begin.date(), date.fromordinal(self.end.toordinal() - (self.end.time() == self.end.min.time()))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


@dataclass(frozen=True, slots=True)
class Asking:
    """ClickHouse with the bounds of an analytical question."""

    clickhouse: Questions
    settings: AnalyticsSettings

    async def rows(self, sql: str, row: type[RowT], bound: Mapping[str, Value]) -> list[RowT]:
        """Large groups go by the disk. Raises StoreAway where ClickHouse is away, or where time or memory is up."""
        memory = self.settings.query_memory_bytes
        spill = f"max_bytes_before_external_group_by = {memory // 3}, max_bytes_before_external_sort = {memory // 3}"
        limits = f"max_memory_usage = {memory}, max_threads = {self.settings.query_threads}, {spill}"
        return await self.clickhouse.fetch(f"{sql}\nSETTINGS {limits}", row, bound, timeout_s=self.settings.query_s)
