"""The warehouse as routes use it: typed questions, and how far it has come."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from feedmill.contracts.topics import ENRICHED
from feedmill.runtime.applied import WAREHOUSE_PACE, WAREHOUSE_SQL, Applied, Ends, PositionStore
from feedmill.runtime.clickhouse import Ask, Value
from feedmill.runtime.health import Health

RowT = TypeVar("RowT")
AnswerT = TypeVar("AnswerT")


class Questions(PositionStore, Protocol):
    """feedmill.runtime.clickhouse.ClickHouse."""

    async def fetch(
        self, sql: str, row: type[RowT], bound: Mapping[str, Value], *, timeout_s: float = 0
    ) -> list[RowT]: ...

    async def answer(self, questions: Callable[[Ask], AnswerT]) -> AnswerT: ...


@dataclass(frozen=True, slots=True)
class Facts:
    """Take `applied.snapshot` before the rows it vouches for are asked for."""

    clickhouse: Questions
    applied: Applied

    @classmethod
    def of(cls, clickhouse: Questions, log_ends: Ends, health: Health) -> "Facts":
        """ClickHouse keeps every topic, so its answers heed every position."""
        applied = Applied(clickhouse, log_ends, health, enriched=ENRICHED, sql=WAREHOUSE_SQL, pace=WAREHOUSE_PACE)
        return cls(clickhouse, applied)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Keep looking at the positions."""
        async with self.applied.watching():
            yield
