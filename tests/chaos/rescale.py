"""Consumers grow and shrink under load, 1→3→2→3→1: partitions wander, nothing is lost, doubled or out of turn.

How long a partition with work waiting stands still meanwhile is measured, by what each process has finished.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import psycopg2
from confluent_kafka import KafkaException

from chaos.contents import Check
from chaos.faults import BACK_TIMEOUT_S, Scene, Struck
from chaos.fire import Fight, Outcome, fight
from chaos.stage import CLICKHOUSE_SINK, ENRICHER, POSTGRES_SINK, Stage, Work
from feedmill.testkit.waiting import let_pass

STEPS: Final = (3, 2, 3, 1)
STAY_S: Final = 5.0
LOOK_S: Final = 0.2
STANDS_STILL_S: Final = 12.0
"""A static member that leaves keeps its partitions for its session (6 s): then they are another's."""
CONSUMERS: Final = (ENRICHER, POSTGRES_SINK, CLICKHOUSE_SINK)


@dataclass(slots=True)
class Standstill(threading.Thread):
    """Looks on: per partition of one process, how long something waited and nothing moved."""

    work: Work
    part: str
    longest_s: float = 0.0
    _done: threading.Event = field(default_factory=threading.Event)
    _at: dict[int, tuple[int, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        threading.Thread.__init__(self, name="standstill", daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        while not self._done.wait(LOOK_S):
            try:
                self._look()
            except (psycopg2.Error, KafkaException):
                continue

    def _look(self) -> None:
        ends, reached = self.work.ends(self.part), self.work.next_offsets(self.part)
        now_s = time.monotonic()
        for partition, end in ends.items():
            at = max(0, reached.get(partition, 0))
            before, since_s = self._at.get(partition, (-1, now_s))
            if at != before or at >= end:
                self._at[partition] = (at, now_s)
            else:
                self.longest_s = max(self.longest_s, now_s - since_s)

    def finish(self) -> float:
        self._done.set()
        self.join()
        return self.longest_s


@dataclass(frozen=True)
class Rescale:
    part: str
    stood_still_s: dict[str, float]
    """Filled in by the strike."""

    def strike(self, scene: Scene) -> Struck:
        platform = scene.platform
        watch = Standstill(scene.work, self.part)
        watch.start()
        ends = scene.work.ends(self.part)
        replicas = [self.part, f"{self.part}-2", f"{self.part}-3"]
        running, in_flight = 1, False
        for wanted in STEPS:
            for name in replicas[running:wanted]:
                platform.start(name)
            for name in replicas[running:wanted]:
                platform.wait_ready(name, timeout_s=BACK_TIMEOUT_S)
            for name in reversed(replicas[wanted:running]):
                in_flight |= scene.work.waited(self.part, ends)
                platform.down(name)
            running = wanted
            let_pass(STAY_S)
            ends = scene.work.ends(self.part)
        self.stood_still_s[self.part] = watch.finish()
        return Struck(f"rescale {self.part} 1→3→2→3→1", (), in_flight, self.stood_still_s[self.part])


def rescaled(stage: Stage, seed: int, told: Callable[[str], None]) -> Outcome:
    stood_still_s: dict[str, float] = {}
    outcome = fight(stage, Fight(seed, 4_000, 200.0, [Rescale(part, stood_still_s) for part in CONSUMERS]), told)
    check = Check(f"L no partition stands still for more than {STANDS_STILL_S:g} s", len(stood_still_s))
    for part, seconds in stood_still_s.items():
        check.expect(seconds <= STANDS_STILL_S, f"{part}: {seconds:.1f} s")
    outcome.checks.append(check)
    outcome.figures["stood still"] = {part: f"{seconds:.1f} s" for part, seconds in stood_still_s.items()}
    return outcome
