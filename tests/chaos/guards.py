"""Controls: one guard switched off, under the fault that needs it. The checker must turn red, or it proves nothing.

A guard that another layer covers is tried with its cover made small: the enricher remembers 100 ids a partition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from chaos.faults import BrokerGoneWithWorkInHand, CrashAt, Fault, PoisonThenCrash, Wait, ZombieAt
from chaos.fire import Fight, Outcome, fight
from chaos.stage import CLICKHOUSE_SINK, ENRICHER, POSTGRES_SINK, PROCESSES, Stage, stage_shape
from feedmill.runtime.failpoints import Guard, Point

SMALL_MEMORY = {ENRICHER: {"FEEDMILL_ENRICHER__MEMORY_IDS_PER_PARTITION": "100"}}
LONG_SESSION = {ENRICHER: {"FEEDMILL_ENRICHER__GROUP__SESSION_TIMEOUT_MS": "30000"}}
"""Or the session is lost with the broker, and the new assignment reads again what was given up."""

EVENTS = 1_500
EVENTS_PER_S = 250.0


@dataclass(frozen=True, slots=True)
class Control:
    """`red`: beginnings of the checks of which at least one must break."""

    guard: Guard
    faults: Sequence[Fault]
    red: tuple[str, ...]
    cover: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    events: int = EVENTS
    rest_within_s: float = 30.0
    linked: bool = False
    """Needs a network that can be made bad."""

    @property
    def name(self) -> str:
        """Which guard, and under which fault: some are tried under several."""
        return f"{self.guard}, {type(self.faults[0]).__name__} {getattr(self.faults[0], 'part', '')}".strip()

    def environment(self, *, off: bool = True) -> dict[str, dict[str, str]]:
        switch = {"FEEDMILL_GUARDS_OFF": str(self.guard)} if off else {}
        return {part: {**self.cover.get(part, {}), **switch} for part in PROCESSES}


CONTROLS: tuple[Control, ...] = (
    Control(Guard.MEMORY, (Wait(2),), ("E the enriched log has each event once", "C fact_activity raw")),
    Control(Guard.TOKEN, (CrashAt(CLICKHOUSE_SINK, Point.CLICKHOUSE_AFTER_INSERT, 2),), ("C fact_activity raw",)),
    Control(Guard.BOUNDS, (CrashAt(CLICKHOUSE_SINK, Point.CLICKHOUSE_AFTER_INSERT, 2),), ("C fact_activity raw",)),
    Control(
        Guard.DEAD_LETTER_FIRST,
        (PoisonThenCrash(ENRICHER, Point.ENRICHER_AFTER_COMMIT),),
        ("D dead letters",),
    ),
    Control(
        Guard.DEAD_LETTER_FIRST,
        (PoisonThenCrash(POSTGRES_SINK, Point.POSTGRES_AFTER_COMMIT, 24, (CLICKHOUSE_SINK,)),),
        ("D dead letters",),
        rest_within_s=3.0,
    ),
    Control(
        Guard.DEAD_LETTER_FIRST,
        (PoisonThenCrash(CLICKHOUSE_SINK, Point.CLICKHOUSE_AFTER_COMMIT, 24, (POSTGRES_SINK,)),),
        ("D dead letters",),
        rest_within_s=3.0,
    ),
    Control(Guard.COMPARE_AND_SET, (ZombieAt(POSTGRES_SINK, Point.POSTGRES_BEFORE_WRITE),), ("P a position",)),
    Control(
        Guard.NO_HOLES,
        (BrokerGoneWithWorkInHand(ENRICHER, Point.ENRICHER_BEFORE_SEND),),
        ("E the enriched log has each event once", "E nothing is passed over", "P activity"),
        LONG_SESSION,
    ),
    Control(Guard.NEWLY_INSERTED, (Wait(8),), ("S who",), SMALL_MEMORY, 3_000),
)
"""At least one for each guard; a test holds this to the list of guards."""


@dataclass(frozen=True, slots=True)
class Verdict:
    control: Control
    outcome: Outcome

    @property
    def caught(self) -> bool:
        return any(name.startswith(self.control.red) for name in self.outcome.broken)


def try_without(control: Control, seed: int, folder: Path, *, off: bool = True) -> Verdict:
    """A platform of its own; `off=False` runs the same with the guard on, and must stay green."""
    memory_covers = control.cover is not SMALL_MEMORY
    tried = Fight(seed, control.events, EVENTS_PER_S, control.faults, memory_covers, control.rest_within_s)
    shape = replace(stage_shape(control.environment(off=off)), linked=control.linked)
    with Stage(folder / f"guard-{control.name.replace(' ', '-')}.jsonl", shape) as stage:
        return Verdict(control, fight(stage, tried))
