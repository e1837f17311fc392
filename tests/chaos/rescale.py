"""Consumers grow and shrink under load, 1→3→2→3→1: partitions wander, nothing is lost, doubled or out of turn.

How long a partition with work waiting stands still meanwhile is measured, by what each process has finished: where the
replicas that come and go have names of their own, and where they have none and so leave the group when they end.
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
from feedmill.cli.local.services import BY_NAME
from feedmill.testkit.waiting import let_pass

STEPS: Final = (3, 2, 3, 1)
STAY_S: Final = 5.0
LOOK_S: Final = 0.2
STANDS_STILL_S: Final = {"static": 12.0, "dynamic": 3.0}
"""A static member that ends keeps its partitions for its session (6 s): then they are another's."""
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
    members: str
    """What the replicas that come and go are: `static` or `dynamic`."""
    stood_still_s: dict[tuple[str, str], float]
    """Filled in by the strike."""

    def environment(self) -> dict[str, str]:
        return {f"{BY_NAME[self.part].prefix}GROUP__INSTANCE_ID": ""} if self.members == "dynamic" else {}

    def strike(self, scene: Scene) -> Struck:
        platform = scene.platform
        watch = Standstill(scene.work, self.part)
        watch.start()
        ends = scene.work.ends(self.part)
        replicas = [self.part, f"{self.part}-2", f"{self.part}-3"]
        running, in_flight = 1, False
        for wanted in STEPS:
            for name in replicas[running:wanted]:
                platform.start(name, self.environment())
            for name in replicas[running:wanted]:
                platform.wait_ready(name, timeout_s=BACK_TIMEOUT_S)
            for name in reversed(replicas[wanted:running]):
                in_flight |= scene.work.waited(self.part, ends)
                platform.down(name)
            running = wanted
            let_pass(STAY_S)
            ends = scene.work.ends(self.part)
        stood_still_s = self.stood_still_s[self.part, self.members] = watch.finish()
        return Struck(f"rescale {self.part} 1→3→2→3→1, {self.members}", (), in_flight, stood_still_s)


def rescaled(stage: Stage, seed: int, told: Callable[[str], None]) -> Outcome:
    stood_still_s: dict[tuple[str, str], float] = {}
    faults = [Rescale(part, members, stood_still_s) for members in STANDS_STILL_S for part in CONSUMERS]
    outcome = fight(stage, Fight(seed, 4_000, 200.0, faults), told)
    for members, most_s in STANDS_STILL_S.items():
        check = Check(f"L no partition stands still for more than {most_s:g} s, {members} members", len(CONSUMERS))
        for part in CONSUMERS:
            seconds = stood_still_s[part, members]
            check.expect(seconds <= most_s, f"{part}: {seconds:.1f} s")
        outcome.checks.append(check)
    told_s = {f"{part}, {members}": f"{seconds:.1f} s" for (part, members), seconds in stood_still_s.items()}
    outcome.figures["stood still"] = told_s
    return outcome
