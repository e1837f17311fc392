"""Rounds of a baseline and a product taken in turns, and what they come to: medians and their ratio."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

Case = Callable[[], float]
"""Runs once and says what it measured, always in the same unit."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure. `scale` shrinks or grows the number of records and seconds a round takes."""

    rounds: int
    scale: float
    short: bool = False

    def records(self, full: int, *, at_least: int = 1_000) -> int:
        return max(at_least, int(full * self.scale) // 500 * 500)

    def seconds(self, full: float, *, at_least: float = 1.0) -> float:
        return max(at_least, full * self.scale)


FULL = Plan(rounds=5, scale=1.0)
SHORT = Plan(rounds=2, scale=0.1, short=True)


class Sense(Enum):
    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True, slots=True)
class Goal:
    """`floor`: what the short run insists on, far enough from the goal that a busy machine does not fail it."""

    sense: Sense
    value: float
    floor: float | None = None

    def met(self, figure: float) -> bool:
        return self._holds(figure, self.value)

    def above_floor(self, figure: float) -> bool:
        return self.floor is None or self._holds(figure, self.floor)

    def _holds(self, figure: float, bound: float) -> bool:
        return figure >= bound if self.sense is Sense.AT_LEAST else figure <= bound


def at_least(value: float, *, floor: float | None = None) -> Goal:
    return Goal(Sense.AT_LEAST, value, floor)


def at_most(value: float, *, floor: float | None = None) -> Goal:
    return Goal(Sense.AT_MOST, value, floor)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what was measured round by round, and beside what."""

    bench: str
    what: str
    unit: str
    measured: Sequence[float]
    baseline: Sequence[float] = ()
    beside: str = ""
    """What the baseline is, in words."""
    goal: Goal | None = None
    """Of the ratio where there is a baseline, else of the measured value."""
    notes: str = field(default="", kw_only=True)

    @property
    def value(self) -> float:
        return statistics.median(self.measured)

    @property
    def baseline_value(self) -> float | None:
        return statistics.median(self.baseline) if self.baseline else None

    @property
    def ratio(self) -> float | None:
        return self.value / self.baseline_value if self.baseline_value else None

    @property
    def judged(self) -> float:
        return self.value if self.ratio is None else self.ratio

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.goal.met(self.judged)

    @property
    def above_floor(self) -> bool:
        """Only ratios are judged in a short run: absolute values say more about the machine."""
        return self.goal is None or self.ratio is None or self.goal.above_floor(self.ratio)


Told = Callable[[str], None]


def nothing() -> None:
    """No preparation."""


@dataclass(slots=True)
class Taken:
    """What a case measured, round by round, and the processor seconds this process spent on it."""

    values: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def cpu_us(self, count: int) -> float:
        """Microseconds of processor a piece: on a busy machine it says more than the rate."""
        return statistics.median(self.cpu_s) / count * 1e6


def interleave(
    cases: Mapping[str, Case], plan: Plan, told: Told, prepare: Callable[[], None] = nothing
) -> dict[str, Taken]:
    """Every case once a round, in an order that turns with the round; the first round only warms up.

    `prepare` comes before each round and is not measured.
    """
    taken = {name: Taken() for name in cases}
    for number in range(plan.rounds + 1):
        prepare()
        names = list(cases) if number % 2 == 0 else list(cases)[::-1]
        for name in names:
            gc.collect()
            told(f"{'warm-up' if number == 0 else f'round {number} of {plan.rounds}'}: {name}")
            cpu_s = time.process_time()
            value = cases[name]()
            cpu_s = time.process_time() - cpu_s
            if number:
                taken[name].values.append(value)
                taken[name].cpu_s.append(cpu_s)
    return taken


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]
