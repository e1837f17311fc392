"""State is a function of the log: emptied and rebuilt with other replicas and batches, both stores digest the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chaos.contents import Check
from chaos.stage import CLICKHOUSE_SINK, POSTGRES_SINK, Stage
from feedmill.cli import rebuild

TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Way:
    """How many replicas each sink has, and how it cuts its batches."""

    replicas: int
    poll_records: int
    flush_rows: int

    def __str__(self) -> str:
        return f"{self.replicas} replicas, {self.poll_records} records a poll, {self.flush_rows} rows an insert"

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "FEEDMILL_FEED_WRITER__LOOP__MAX_RECORDS": str(self.poll_records),
            "FEEDMILL_FEED_WRITER__CLICKHOUSE_SINK__FLUSH_ROWS": str(self.flush_rows),
        }


WAYS = (Way(1, 2_000, 10_000), Way(2, 37, 101), Way(3, 500, 53))


@dataclass(frozen=True, slots=True)
class SinksOfStage:
    """Stops whatever sinks run, starts them another way."""

    stage: Stage
    way: Way

    def stop(self) -> None:
        for part in list(self.stage.platform.keepers):
            if part.startswith((POSTGRES_SINK, CLICKHOUSE_SINK)):
                self.stage.platform.down(part)

    def start(self) -> None:
        for sink in (POSTGRES_SINK, CLICKHOUSE_SINK):
            for number in range(1, self.way.replicas + 1):
                part = sink if number == 1 else f"{sink}-{number}"
                self.stage.platform.start(part, self.way.environment)


def rebuild_each_way(stage: Stage, told: Callable[[str], None], ways: tuple[Way, ...] = WAYS) -> Check:
    """The platform must be at rest. Leaves it with the last way's sinks."""
    before = stage.feedmill("digest")
    check = Check(f"R rebuilt {len(ways)} other ways, the digest is {before['all'][:12]}… again", len(ways))
    for way in ways:
        told(f"rebuilding with {way}")
        rebuild.rebuild(stage.platform.connections, SinksOfStage(stage, way), lambda _: None, TIMEOUT_S)
        after = stage.feedmill("digest")
        check.problems += [
            f"{way}: {store}.{table} differs"
            for store in ("postgres", "clickhouse")
            for table in before[store]
            if before[store][table] != after[store][table]
        ]
        check.expect(after["all"] == before["all"], f"{way}: {after['all']}, not {before['all']}")
    return check
