"""When which fault strikes: a schedule drawn from a seed, and the one who carries it out."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chaos.ends import WRITTEN_BY, Drain, KillStore
from chaos.faults import POINTS, CrashAt, Fault, Freeze, Kill, KillBroker, Scene, Struck, Zombie
from chaos.stage import CLICKHOUSE_SINK, ENRICHER, POSTGRES_SINK, PROCESSES
from feedmill.testkit.waiting import let_pass

CONSUMERS = (ENRICHER, POSTGRES_SINK, CLICKHOUSE_SINK)
NOT_REPEATED = frozenset({"dead-letter:acked"})
"""Poison is rare: a point that it alone reaches is visited at its first pass only."""


def short_schedule(rng: random.Random) -> list[Fault]:
    """For CI: every named point once, one kill a process at a random moment, one zombie, the broker frozen once, a
    consumer asked to end, a store killed.
    """
    faults: list[Fault] = [CrashAt(part, point) for part, points in POINTS.items() for point in points]
    faults += [Kill(part) for part in PROCESSES]
    faults += [Zombie(rng.choice(CONSUMERS)), Freeze("kafka", 4.0)]
    faults += [Drain(rng.choice(CONSUMERS)), KillStore(rng.choice(tuple(WRITTEN_BY)))]
    rng.shuffle(faults)
    return faults


def full_schedule(rng: random.Random) -> list[Fault]:
    """Every point at its first and at a later pass, 6 random kills a process, every freeze, the broker and both stores
    killed, every process asked to end.
    """
    faults: list[Fault] = []
    for part, points in POINTS.items():
        faults += [CrashAt(part, point) for point in points]
        faults += [CrashAt(part, point, rng.randint(2, 9)) for point in points if point not in NOT_REPEATED]
    faults += [Kill(part) for part in PROCESSES for _ in range(6)]
    faults += [Zombie(part) for part in CONSUMERS for _ in range(2)]
    faults += [Freeze(part) for part in PROCESSES]
    faults += [Freeze("kafka", 9.0), Freeze("kafka", 3.0), KillBroker()]
    faults += [Drain(part) for part in PROCESSES for _ in range(2)]
    faults += [KillStore(store) for store in WRITTEN_BY for _ in range(2)]
    rng.shuffle(faults)
    return faults


@dataclass(slots=True)
class Nemesis:
    scene: Scene
    rng: random.Random
    told: Callable[[str], None]
    quiet_s: tuple[float, float] = (0.3, 1.5)
    """Between two faults."""
    struck: list[Struck] = field(default_factory=list)

    def run(self, faults: Sequence[Fault]) -> None:
        """Poison is planted all along. Raises what a fault raises: a process not back in time, a point missed."""
        for number, fault in enumerate(faults):
            self.told(f"fault {number + 1} of {len(faults)}: {fault}")
            self.struck.append(fault.strike(self.scene))
            self.scene.planter.plant()
            let_pass(self.rng.uniform(*self.quiet_s))

    @property
    def in_flight(self) -> int:
        return sum(s.in_flight for s in self.struck)

    def kills(self) -> dict[str, int]:
        all_kills = [part for s in self.struck for part in s.kills]
        return {part: all_kills.count(part) for part in sorted(set(all_kills))}
