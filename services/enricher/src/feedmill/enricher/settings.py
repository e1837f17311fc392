"""Settings of the enricher: `FEEDMILL_ENRICHER__…` and the global names."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from feedmill.runtime.kafka import GroupSettings
from feedmill.runtime.loop import LoopSettings
from feedmill.runtime.settings import KafkaSettings, Settings, service_config
from feedmill.sagas import entities, model


class EnricherLoopSettings(LoopSettings):
    max_records: int = Field(
        default=500,
        ge=1,
        description="records a batch may hold: more of them than fit the processor's cache are slower",
    )


class EnricherSettings(Settings):
    model_config = service_config("enricher")

    kafka: KafkaSettings
    group: GroupSettings = GroupSettings()
    loop: EnricherLoopSettings = EnricherLoopSettings()
    port: int = Field(default=5003, ge=1, le=65_535, description="side port: health and metrics")
    host: str = "127.0.0.1"
    memory_ids_per_partition: int = Field(
        default=6_000,
        ge=1,
        description="ids a partition of activities remembers (a tenth elsewhere), up to twice as many, at 120 bytes; "
        "older ones the stores catch",
    )
    commit_interval_ms: int = Field(default=200, ge=1, description="how much work a restart may read again")
    entities_path: Path = Field(default=entities.PACKAGED, description="a name a line; taken up when it changes")
    saga_model_path: Path = Field(default=model.PACKAGED, description="of `feedmill saga train`; the same")
    max_rejects_in_a_row: int = Field(default=1_000, ge=1)
