"""Settings of the feed-writer: `FEEDMILL_FEED_WRITER__…` and the global names."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from feedmill.runtime.kafka import GroupSettings
from feedmill.runtime.loop import LoopSettings
from feedmill.runtime.settings import (
    ClickHouseSettings,
    KafkaSettings,
    PostgresSettings,
    Section,
    Settings,
    service_config,
)


class SinkName(StrEnum):
    POSTGRES = "postgres"
    CLICKHOUSE = "clickhouse"


_ADDRESS_OF = {SinkName.POSTGRES: "FEEDMILL_POSTGRES_DSN", SinkName.CLICKHOUSE: "FEEDMILL_CLICKHOUSE_URL"}


class PostgresSinkSettings(Section):
    connect_timeout_ms: int = Field(default=5_000, ge=1_000, description="four round trips and more")
    lock_timeout_ms: int = Field(default=5_000, ge=1, description="a frozen writer may hold a position's row")
    statement_timeout_ms: int = Field(default=15_000, ge=1)
    call_timeout_ms: int = Field(
        default=20_000, ge=1, description="a transaction that gets no answer; below what liveness calls stalled (30 s)"
    )
    idle_timeout_ms: int = Field(default=10_000, ge=1, description="a frozen writer's transaction is ended after this")
    commit_interval_ms: int = Field(default=1_000, ge=1, description="of the group's offsets, for lag tools only")
    plans_kept_ms: int = Field(default=10_000, ge=1, description="then all statements are planned anew: tables grow")


class ClickHouseSinkSettings(Section):
    flush_rows: int = Field(default=10_000, ge=1, description="rows of one partition that are inserted at once")
    buffer_rows: int = Field(default=20_000, ge=1, description="rows held over all partitions; bounds the memory")
    flush_after_ms: int = Field(default=500, ge=1, description="how long a row may wait for more")
    gather_ms: int = Field(
        default=100,
        ge=0,
        description="how long the broker may gather records of a fetch; 0: not at all",
    )
    insert_threads: int = Field(default=4, ge=1, le=8, description="partitions' ranges that are inserted side by side")
    insert_partitions: int = Field(
        default=120, ge=1, description="ClickHouse partitions (months of readings) that one range may touch"
    )
    connect_timeout_ms: int = Field(default=2_000, ge=100)
    insert_timeout_ms: int = Field(default=10_000, ge=1_000, description="below what liveness calls stalled (30 s)")


class FeedSettings(Section):
    """Home feeds: what is pushed at most, and how much is looked after at a time."""

    tend: bool = Field(default=True, description="whether this process looks after the feeds (one of all does)")
    depth_rows: int = Field(default=500, ge=1, description="pushed for one reader; older pages are pulled")
    readers_an_author: int = Field(default=500, ge=0, description="an author with more readers is pulled")
    rows_an_hour: int = Field(default=200_000, ge=1, description="an author whose pushing would cost more is pulled")
    inactive_after_s: int = Field(default=7 * 86_400, ge=1, description="without a read: pushed to no more")
    tick_ms: int = Field(default=100, ge=1)
    fill_readers: int = Field(default=50, ge=1, description="readers filled together")
    stop_edges: int = Field(default=1_000, ge=1, description="edges of an author pulled again in one transaction")
    review_after_s: float = Field(default=60, gt=0, description="how old an author's measured cost may become")
    review_authors: int = Field(default=20, ge=1, description="authors measured anew a tick")
    round_s: float = Field(default=20, gt=0, description="every reader is trimmed and audited once in this time, where")
    round_readers_a_second: float = Field(default=10, gt=0, description="... this rate allows")
    repair: bool = Field(default=True, description="mend what the audit finds")


class FeedWriterSettings(Settings):
    model_config = service_config("feed_writer")

    sink: SinkName
    kafka: KafkaSettings
    postgres: PostgresSettings | None = None
    clickhouse: ClickHouseSettings | None = None
    group: GroupSettings = GroupSettings()
    loop: LoopSettings = LoopSettings()
    postgres_sink: PostgresSinkSettings = PostgresSinkSettings()
    clickhouse_sink: ClickHouseSinkSettings = ClickHouseSinkSettings()
    feeds: FeedSettings = FeedSettings()
    port: int = Field(default=5004, ge=1, le=65_535, description="side port: health and metrics")
    host: str = "127.0.0.1"
    max_rejects_in_a_row: int = Field(default=1_000, ge=1)

    @model_validator(mode="after")
    def _has_its_store(self) -> Self:
        if getattr(self, self.sink) is None:
            raise ValueError(f"the sink {self.sink} needs {_ADDRESS_OF[self.sink]}")
        return self
