"""What ingest is told: `FEEDMILL_INGEST__…` and the global names."""

from pydantic import Field

from feedmill.contracts import limits
from feedmill.runtime.http import HttpSettings
from feedmill.runtime.kafka import AsyncProducerSettings
from feedmill.runtime.settings import (
    ClickHouseSettings,
    KafkaSettings,
    PostgresSettings,
    Section,
    Settings,
    service_config,
)


class LimitSettings(Section):
    """How much a request may carry. All may be lowered; what a store or a topic can hold is their upper end."""

    request_max_bytes: int = Field(default=limits.REQUEST_MAX_BYTES, ge=1_024, le=64 * 1024 * 1024)
    request_max_events: int = Field(default=limits.REQUEST_MAX_EVENTS, ge=1, le=100_000)
    event_max_bytes: int = Field(default=limits.EVENT_MAX_BYTES, ge=1_024, le=limits.EVENT_MAX_BYTES)


class RateSettings(Section):
    """How much one key's owner may send, as `limits` writes it; an event of a batch counts as one."""

    events: str = "12000000/minute"


class WaitSettings(Section):
    """How long answers wait for what they speak of."""

    own_write_s: float = Field(default=5.0, gt=0, le=30)


class IdSettings(Section):
    """Ids are taken from Postgres in blocks, ahead of need, so that Postgres may be away for a while."""

    first_block: int = Field(default=1_000, ge=1)
    ahead_s: float = Field(default=600.0, gt=0)
    refill_interval_s: float = Field(default=1.0, gt=0)


class MemorySettings(Section):
    """What the door remembers of its own recent work, each at most so many entries (about 200 bytes each)."""

    events: int = Field(default=100_000, ge=100)
    objects: int = Field(default=50_000, ge=100)
    requests: int = Field(default=20_000, ge=100)


class IngestSettings(Settings):
    model_config = service_config("ingest")

    host: str = "127.0.0.1"  # a container says 0.0.0.0
    port: int = Field(default=5001, ge=0, le=65_535)
    access_log: bool = False
    drain_delay_s: float = Field(default=0.0, ge=0)
    drain_timeout_s: float = Field(default=8.0, ge=0)
    flush_timeout_s: float = Field(default=5.0, ge=0)  # after the last answer: what nobody waits for any more
    kafka: KafkaSettings
    postgres: PostgresSettings
    clickhouse: ClickHouseSettings | None = None  # without it readings, contents and articles are not waited for
    producer: AsyncProducerSettings = AsyncProducerSettings()
    limits: LimitSettings = LimitSettings()
    rate: RateSettings = RateSettings()
    wait: WaitSettings = WaitSettings()
    ids: IdSettings = IdSettings()
    memory: MemorySettings = MemorySettings()
    trusted_network: bool = False  # families that never had keys answer without one
    reservation_lease_s: int = Field(default=86_400, ge=60, description="an unused name is free again after it")

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
