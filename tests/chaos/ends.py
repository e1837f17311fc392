"""Ends: a process that is asked to go, and a store that is killed with everybody's work in hand."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from chaos.faults import BACK_TIMEOUT_S, Scene, Struck, bring_back
from chaos.stage import CLICKHOUSE_SINK, INGEST, POSTGRES_SINK, PROCESSES, keep_raw_rows

DRAINED_WITHIN_S: Final = 10.0
WRITTEN_BY: Final = {"postgres": POSTGRES_SINK, "clickhouse": CLICKHOUSE_SINK}


class NotDrained(AssertionError):
    """A process that was asked to end did not end well, or not in time."""


@dataclass(frozen=True, slots=True)
class Drain:
    """SIGTERM under load: what is begun is finished, exit status 0 within the grace; back without a session's wait."""

    part: str

    def strike(self, scene: Scene) -> Struck:
        in_flight = scene.work.ledger.in_flight > 0 if self.part == INGEST else waits(scene, self.part)
        began = time.monotonic()
        status = scene.platform.down(self.part)
        took_s = time.monotonic() - began
        if status != 0 or took_s > DRAINED_WITHIN_S:
            raise NotDrained(f"{self.part}: exit status {status} after {took_s:.1f} s")
        return Struck(f"SIGTERM {self.part}", (), in_flight, bring_back(scene, self.part))


@dataclass(frozen=True, slots=True)
class KillStore:
    """SIGKILL to Postgres or ClickHouse: what it acknowledged is there, what it did not is written again."""

    store: str

    def strike(self, scene: Scene) -> Struck:
        in_flight = waits(scene, WRITTEN_BY[self.store])
        scene.platform.kill(self.store)
        back_after_s = bring_back(scene, self.store)
        if self.store == "clickhouse":
            keep_raw_rows(scene.platform.connections.clickhouse)
        scene.platform.wait_ready(*PROCESSES, timeout_s=BACK_TIMEOUT_S)
        return Struck(f"kill {self.store}", (self.store,), in_flight, back_after_s)


def waits(scene: Scene, part: str) -> bool:
    """Whether something in the log is not finished yet."""
    return scene.work.waited(part, scene.work.ends(part))
