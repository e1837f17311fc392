"""ClickHouse, asked for one event at a time."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from feedmill.api.facts import Questions
from feedmill.api.wire import Hop, Trace
from feedmill.contracts.times import short_time
from feedmill.contracts.topics import ACTIVITY_PUBLISHED, ARTICLE_PUBLISHED, CONTENT_META, ENRICHED_OF, USER_INTERACTION
from feedmill.contracts.verbs import BARE
from feedmill.runtime.clickhouse import Value

ACTIVITY_SQL: Final = """SELECT source_partition, source_offset, inserted_at
  FROM fact_activity FINAL
 WHERE event_id = {event_id:UUID}
   AND ({verb:String} = '' OR verb = {verb:String}) AND ({actor_id:Int64} = 0 OR actor_id = {actor_id:Int64})
 LIMIT 1"""
"""With verb and actor it is a point of the sorting key; without them a scan, bounded by its time."""

_COLUMNS: Final = "accepted_at, source_partition, source_offset, enriched_at, enriched_offset, inserted_at, version"
_TABLES: Final = {USER_INTERACTION: "fact_reading", CONTENT_META: "content_change", ARTICLE_PUBLISHED: "article"}
_FOUND: Final = " UNION ALL ".join(
    f"SELECT '{topic.name}' AS topic, {_COLUMNS} FROM {table} WHERE event_id = {{event_id:UUID}}"  # noqa: S608
    for topic, table in _TABLES.items()
)
BARE_SQL: Final = f"SELECT * FROM ({_FOUND}) ORDER BY version DESC LIMIT 1"  # noqa: S608  our own constants
"""Each table finds an event_id by a bloom filter."""


class _Place(Struct):
    source_partition: int
    source_offset: int
    inserted_at: datetime


class _Bare(_Place):
    topic: str
    accepted_at: datetime
    enriched_at: datetime
    enriched_offset: int


class FactSearch:
    """Raises Transient."""

    def __init__(self, clickhouse: Questions, timeout_s: float) -> None:
        self._clickhouse = clickhouse
        self._timeout_s = timeout_s

    async def hop(self, event_id: UUID, *, verb: str | None, actor_id: int | None) -> Hop | None:
        """When an activity's fact was inserted."""
        bound: dict[str, Value] = {"event_id": str(event_id), "verb": verb or "", "actor_id": actor_id or 0}
        rows = await self._clickhouse.fetch(ACTIVITY_SQL, _Place, bound, timeout_s=self._timeout_s)
        if not rows:
            return None
        row = rows[0]
        return Hop(
            "clickhouse", short_time(row.inserted_at), ACTIVITY_PUBLISHED.name, row.source_partition, row.source_offset
        )

    async def bare(self, event_id: UUID) -> Trace | None:
        """The whole way of a reading, a content's category or an article: only ClickHouse keeps them."""
        bound = {"event_id": str(event_id)}
        rows = await self._clickhouse.fetch(BARE_SQL, _Bare, bound, timeout_s=self._timeout_s)
        if not rows:
            return None
        row = rows[0]
        raw = (row.topic, row.source_partition, row.source_offset)
        enriched = (ENRICHED_OF[row.topic].name, row.source_partition, row.enriched_offset)
        hops = [
            Hop("accepted", short_time(row.accepted_at), *raw),
            Hop("enriched", short_time(row.enriched_at), *enriched),
            Hop("clickhouse", short_time(row.inserted_at), *enriched),
        ]
        return Trace(event_id, BARE[row.topic].type, "applied", None, None, hops)
