"""What only ClickHouse keeps: readings, contents' categories and articles, waited for and looked up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from msgspec import Struct

from feedmill.contracts.topics import ARTICLE_PUBLISHED, CONTENT_META, USER_INTERACTION
from feedmill.runtime.applied import Applied
from feedmill.runtime.clickhouse import ClickHouse
from feedmill.runtime.position import Positions

TABLES: Final[Mapping[str, str]] = {
    USER_INTERACTION.name: "fact_reading",
    CONTENT_META.name: "content_change",
    ARTICLE_PUBLISHED.name: "article",
}
"""Raw topic -> the table that has a row of each of its events."""
LOOKUP_S: Final = 5.0


class Facts(Protocol):
    """A fake in unit tests, ClickHouse else. Both raise StoreAway."""

    async def wait_for(self, positions: Positions, timeout_s: float) -> None:
        """Raises NotYetApplied."""

    async def stored(self, topic: str, event_ids: Sequence[str]) -> frozenset[str]:
        """Those of a raw topic's events that have a row."""


class _Row(Struct):
    event_id: str


@dataclass(frozen=True, slots=True)
class ClickHouseFacts:
    clickhouse: ClickHouse
    applied: Applied

    async def wait_for(self, positions: Positions, timeout_s: float) -> None:
        await self.applied.wait_for(positions, timeout_s, acknowledged=True)

    async def stored(self, topic: str, event_ids: Sequence[str]) -> frozenset[str]:
        """The ids are ours, so they may stand in the query: ten thousand are too long for bound parameters."""
        listed = ",".join(f"'{event_id}'" for event_id in event_ids)
        sql = f"SELECT DISTINCT event_id FROM {TABLES[topic]} WHERE event_id IN ({listed})"  # noqa: S608
        rows = await self.clickhouse.fetch(sql, _Row, {}, timeout_s=LOOKUP_S)
        return frozenset(row.event_id for row in rows)
