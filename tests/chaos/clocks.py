"""Clocks that are wrong by an hour, and jump: the order is the log's, and the door's rule about the future is its own.

Each process has a clock of its own. Under load one after the other is set ahead, behind, and right again at a jump.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2

from chaos.contents import Check
from chaos.faults import Fault, Scene, Struck
from chaos.fire import Fight, Outcome, fight
from chaos.stage import INGEST, PROCESSES, Stage, stage_shape
from feedmill.testkit.clock import FELT_S, WrongClock
from feedmill.testkit.platform import Shape
from feedmill.testkit.waiting import let_pass

LASTS_S: Final = 4.0
HOUR_S: Final = 3_600
DOOR_BEHIND_S: Final = 800
"""Less than the 15 minutes that a time may be ahead: what is true must not be refused for the door's own clock."""
SOURCE: Final = "chaos/clocks"
SOON_S, TOO_SOON_S = 14 * 60, 16 * 60


@dataclass(frozen=True)
class ClockOff:
    part: str
    seconds: int
    clock: WrongClock

    def strike(self, scene: Scene) -> Struck:
        in_flight = scene.work.ledger.in_flight > 0
        self.clock.set_off(self.seconds)
        let_pass(LASTS_S)
        self.clock.set_off(0)
        let_pass(2 * FELT_S)
        scene.platform.wait_ready(self.part)
        return Struck(f"clock of {self.part} {self.seconds:+d} s", (), in_flight, 0.0)


@contextmanager
def clocks() -> Iterator[dict[str, WrongClock]]:
    with ExitStack() as open_until:
        yield {part: open_until.enter_context(WrongClock()) for part in PROCESSES}


def shape_of(clocks: dict[str, WrongClock]) -> Shape:
    return replace(stage_shape(), env={part: clock.environment for part, clock in clocks.items()})


def schedule(clocks: dict[str, WrongClock]) -> Sequence[Fault]:
    return [
        ClockOff(part, seconds, clock)
        for part, clock in clocks.items()
        for seconds in (HOUR_S, -(DOOR_BEHIND_S if part == INGEST else HOUR_S))
    ]


def wrong_clocks(stage: Stage, clocks: dict[str, WrongClock], seed: int, told: Callable[[str], None]) -> Outcome:
    """The platform must have been started with these clocks."""
    outcome = fight(stage, Fight(seed, 3_000, 150.0, schedule(clocks)), told)
    outcome.checks.insert(0, the_future_is_refused(stage, clocks[INGEST]))
    return outcome


def the_future_is_refused(stage: Stage, clock: WrongClock) -> Check:
    """Of a time 14 minutes ahead of the door's own clock it is taken, of one 16 minutes ahead it is not."""
    check = Check("H what is more than 15 minutes ahead of the door's clock is refused", 0)
    for off_s in (0, HOUR_S, -HOUR_S):
        clock.set_off(off_s)
        let_pass(3 * FELT_S)
        for ahead_s, wanted in ((SOON_S, "accepted"), (TOO_SOON_S, "invalid")):
            result = sent(stage, off_s, off_s + ahead_s)
            check.examined += 1
            check.expect(result["status"] == wanted, f"door {off_s:+d} s, event {ahead_s:+d} s: {result}")
    clock.set_off(0)
    return check


def sent(stage: Stage, off_s: int, ahead_s: int) -> dict[str, Any]:
    """What becomes of an event of that time."""
    event = {
        "specversion": "1.0",
        "id": f"{off_s}/{ahead_s}",
        "source": SOURCE,
        "type": "feedmill.mute.v1",
        "time": (datetime.now(UTC) + timedelta(seconds=ahead_s)).isoformat(),
        "data": {"actor_id": 1, "object": {"type": "user", "id": 2}},
    }
    url = f"{stage.ingest_url}/v1/events"
    answer = httpx2.post(url, json=event, headers={"X-App-Key": stage.key}, timeout=10)
    result: dict[str, Any] = answer.json()["results"][0]
    return result
