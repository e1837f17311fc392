"""What api is told: `FEEDMILL_API__…` and the global names."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from feedmill.contracts.limits import EVENT_MAX_BYTES, TEXT_MAX_BYTES
from feedmill.runtime.http import HttpSettings
from feedmill.runtime.settings import (
    ClickHouseSettings,
    KafkaSettings,
    PostgresSettings,
    Section,
    Settings,
    service_config,
)
from feedmill.sagas import model


class TraceSettings(Section):
    """How far a trace looks for an event that is not in Postgres."""

    search_records: int = Field(default=20_000, ge=1)  # per raw topic, the newest not yet applied
    search_dead_letters: int = Field(default=2_000, ge=1)  # per dead-letter topic, the newest
    search_s: float = Field(default=3.0, gt=0)
    clickhouse_s: float = Field(default=2.0, gt=0)


class AnalyticsSettings(Section):
    """The bounds of one analytical question; beyond them it is answered 503."""

    query_s: float = Field(default=10.0, gt=0)
    query_memory_bytes: int = Field(default=300_000_000, ge=10_000_000)
    query_threads: int = Field(default=2, ge=1)
    items_max: int = Field(default=100, ge=1, le=1_000)
    days_max: int = Field(default=400, ge=1, le=36_600)  # days of an answer with a row a day


class LiveSettings(Section):
    """Streams of home feeds (server-sent events)."""

    streams: int = Field(default=10_000, ge=1)  # a process; beyond them 429
    streams_per_reader: int = Field(default=20, ge=1)  # devices
    queue_messages: int = Field(default=500, ge=1)  # waiting for one client; with one more it is dropped
    queue_max_kib: int = Field(default=4_096, ge=1)  # the same in size; what was missed and is larger is a reset
    heartbeat_s: float = Field(default=15.0, gt=0)  # below what proxies take for dead (45 s)
    age_max_s: float = Field(default=3_600.0, gt=0)  # then the client comes again
    step_activities: int = Field(default=2_000, ge=1)  # read from the state's tail at once
    resume_offsets: int = Field(default=200_000, ge=0)  # how far back a last id may lie, all partitions together
    resume_items: int = Field(default=500, ge=1)  # what a client that comes again is sent at most; beyond: reset

    @property
    def queue_max_bytes(self) -> int:
        return self.queue_max_kib * 1_024


class PageSettings(Section):
    """How pages of home feeds are asked of Postgres: those that wait for one go together in the next statement."""

    statements_at_once: int = Field(default=3, ge=1)  # in a process; while fewer are, a page is asked for by itself
    pages_a_statement: int = Field(default=16, ge=1)  # each takes a fraction of a millisecond
    at_length_s: float = Field(default=20.0, ge=0)  # who was not plain may have become so after this time


class RankSettings(Section):
    """Ranked and aggregated home feeds."""

    window_items: int = Field(default=500, ge=1, le=1_000)  # the newest of the home feed, which are ranked
    half_life_s: float = Field(default=21_600.0, gt=0)  # after so long a score is half of what it was
    aggregated_items: int = Field(default=5_000, ge=200)  # read for one page of groups


class RateSettings(Section):
    """How much one key's owner may ask of one process."""

    requests: int = Field(default=1_200_000, ge=1)  # in a window
    window_s: int = Field(default=60, ge=1)


class CacheSettings(Section):
    """First pages of home feeds, kept in Redis or Valkey for seconds: freshness traded for reads. Off without `url`."""

    url: SecretStr | None = None  # redis://[user:password@]host:port/db, rediss:// or unix://
    page_ttl_s: float = Field(default=10.0, gt=0, le=30)  # a page without positions asked may be so old
    timeout_ms: int = Field(default=20, ge=1)  # of one call; then the page is read
    away_ms: int = Field(default=1_000, ge=1)  # how long it is passed over after an error or a silence
    connections: int = Field(default=64, ge=1)  # calls at once; one more is skipped
    family_a: bool = False  # family A's /feed/friends too

    @field_validator("url")
    @classmethod
    def _of_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None or not url.get_secret_value():
            return None
        if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return url


class ApiSettings(Settings):
    model_config = service_config("api")

    host: str = "127.0.0.1"  # a container says 0.0.0.0
    port: int = Field(default=5002, ge=0, le=65_535)
    access_log: bool = False
    drain_delay_s: float = Field(default=0.0, ge=0)
    drain_timeout_s: float = Field(default=8.0, ge=0)
    kafka: KafkaSettings
    postgres: PostgresSettings
    clickhouse: ClickHouseSettings
    trusted_network: bool = False  # families that never had keys are answered without one
    clickhouse_threads: int = Field(default=4, ge=1, le=16)  # questions asked of ClickHouse at once
    clickhouse_query_s: float = Field(default=5.0, gt=0)
    trace: TraceSettings = TraceSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    live: LiveSettings = LiveSettings()
    pages: PageSettings = PageSettings()
    rank: RankSettings = RankSettings()
    rate: RateSettings = RateSettings()
    cache: CacheSettings = CacheSettings()
    saga_model_path: Path = Field(default=model.PACKAGED, description="of `feedmill saga train`; may change")
    classify_text_max_bytes: int = Field(default=TEXT_MAX_BYTES, ge=1, le=EVENT_MAX_BYTES)  # as UTF-8
    note_readers_ms: int = Field(default=200, ge=1)  # how often it is written who reads home feeds
    page_max_items: int = Field(default=100, ge=1, le=1_000)
    family_a_items: int = Field(default=1_000, ge=1, le=10_000)  # family A's feeds give "all": up to so many

    @property
    def http(self) -> HttpSettings:
        """How the server listens and stops."""
        return HttpSettings(
            host=self.host,
            port=self.port,
            access_log=self.access_log,
            drain_delay_s=self.drain_delay_s,
            drain_timeout_s=self.drain_timeout_s,
        )
