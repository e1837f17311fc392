"""Once, under fire: load and nemesis together on one platform, then rest, then the checker."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chaos.checker import check_all
from chaos.contents import Check
from chaos.door import Door
from chaos.faults import Fault, Scene, Struck
from chaos.ledger import read_ledger
from chaos.load import LoadSettings, run_load
from chaos.nemesis import Nemesis
from chaos.observed import observe
from chaos.poison import Planter
from chaos.stage import PROCESSES, QUIET_TIMEOUT_S, NotLive, Stage, Work, wait_until_quiet
from chaos.watch import PositionWatch
from feedmill.cli.local.keeper import State

POISONED_ACTORS = range(1_000, 1_072)
"""The clients' own: poison lies among good records of the same keys."""


@dataclass(frozen=True, slots=True)
class Fight:
    """How hard a platform is tried."""

    seed: int
    events: int
    events_per_s: float
    faults: Sequence[Fault]
    memory_covers: bool = True
    """False where the enricher's memory was made so small that older repeats reach the stores."""
    rest_within_s: float = QUIET_TIMEOUT_S


@dataclass(slots=True)
class Outcome:
    checks: list[Check]
    struck: list[Struck]
    figures: dict[str, object] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        return all(check.held for check in self.checks)

    @property
    def broken(self) -> list[str]:
        return [check.name for check in self.checks if not check.held]


def fight(stage: Stage, fight: Fight, told: Callable[[str], None] = lambda _: None) -> Outcome:
    """Raises where a fault could not be carried out; a platform that does not come to rest is a broken promise."""
    began = time.monotonic()
    load = LoadThread(stage, fight)
    nemesis = Nemesis(scene_of(stage, fight.seed), random.Random(f"{fight.seed}/nemesis"), told)
    watch = PositionWatch(stage.stores.postgres)
    load.start()
    try:
        nemesis.run(fight.faults)
    finally:
        load.release()
    load.join()
    told("waiting until both stores have all of it")
    liveness = Check(f"L all of it arrives by itself within {fight.rest_within_s:g} s", 1)
    rest_s = wait_for_rest(stage, liveness, fight.rest_within_s)
    told("checking")
    ledger = read_ledger(stage.ledger_path)
    answers = Check("H answers are what the interface says", sum(load.door.statuses.values()), load.door.surprises)
    found = check_all(ledger, observe(stage.stores), memory_covers=fight.memory_covers)
    checks = [liveness, answers, watch.finish(), *found]
    figures: dict[str, object] = {
        "sent": load.sent,
        "acknowledged": len(ledger.acked),
        "refused": len(ledger.refused),
        "poison": len(ledger.poison),
        "faults": len(nemesis.struck),
        "in flight": nemesis.in_flight,
        "kills": nemesis.kills(),
        "ended by themselves": stage.restarts,
        "answers": dict(load.door.statuses),
        "caught up in": f"{rest_s:.1f} s",
        "took": f"{time.monotonic() - began:.0f} s",
    }
    return Outcome(checks, nemesis.struck, figures)


def scene_of(stage: Stage, seed: int) -> Scene:
    planter = Planter(stage.stores.kafka, stage.ledger, random.Random(f"{seed}/poison"), POISONED_ACTORS)
    return Scene(stage.platform, Work(stage.stores, stage.ledger), planter)


def wait_for_rest(stage: Stage, liveness: Check, within_s: float) -> float:
    def dead() -> str | None:
        kept = stage.platform.keepers
        return ", ".join(p for p in PROCESSES if p in kept and kept[p].state is State.FAILED) or None

    try:
        return wait_until_quiet(stage, within_s, dead)
    except NotLive as reason:
        liveness.problems.append(str(reason))
        return float("inf")


class LoadThread(threading.Thread):
    """The clients, in a loop of their own; they go on at least until released."""

    def __init__(self, stage: Stage, fight: Fight) -> None:
        super().__init__(name="load")
        self.door = Door(stage.ingest_url, stage.key, stage.ledger)
        self.sent = 0
        self._settings = LoadSettings(fight.seed, fight.events, fight.events_per_s, stage.owner)
        self._released = threading.Event()
        self._error: BaseException | None = None

    def release(self) -> None:
        self._released.set()

    def run(self) -> None:
        try:
            self.sent = asyncio.run(self._run())
        except BaseException as error:  # noqa: BLE001  raised again by join
            self._error = error

    async def _run(self) -> int:
        try:
            return await run_load(self._settings, self.door, lambda: not self._released.is_set())
        finally:
            await self.door.close()

    def join(self, timeout: float | None = None) -> None:
        """Raises what ended the load."""
        super().join(timeout)
        if self._error is not None:
            raise self._error
