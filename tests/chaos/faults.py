"""What can be done to a platform: each fault strikes once and says whether work was in flight."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import psutil  # type: ignore[import-untyped]

from chaos.poison import Planter
from chaos.stage import CLICKHOUSE_SINK, ENRICHER, INGEST, POSTGRES_SINK, Work
from feedmill.runtime.failpoints import Point
from feedmill.testkit.platform import Platform
from feedmill.testkit.waiting import let_pass

BACK_TIMEOUT_S = 40.0
POINT_TIMEOUT_S = 25.0
PAST_THE_SESSION_S = 9.0
"""Longer than a consumer's session of 6 s: the group goes on without it."""

POINTS: dict[str, tuple[Point, ...]] = {
    INGEST: (Point.INGEST_BEFORE_PRODUCE, Point.INGEST_AFTER_ACK),
    ENRICHER: (
        Point.ENRICHER_BEFORE_SEND,
        Point.ENRICHER_AFTER_SEND,
        Point.ENRICHER_AFTER_ACK,
        Point.ENRICHER_AFTER_COMMIT,
        Point.DEAD_LETTER_ACKED,
    ),
    POSTGRES_SINK: (
        Point.POSTGRES_BEFORE_WRITE,
        Point.POSTGRES_BEFORE_COMMIT,
        Point.POSTGRES_AFTER_COMMIT,
        Point.DEAD_LETTER_ACKED,
    ),
    CLICKHOUSE_SINK: (
        Point.CLICKHOUSE_AFTER_BOUNDS,
        Point.CLICKHOUSE_AFTER_FACTS,
        Point.CLICKHOUSE_AFTER_INSERT,
        Point.CLICKHOUSE_AFTER_POSITION,
        Point.CLICKHOUSE_AFTER_COMMIT,
        Point.DEAD_LETTER_ACKED,
    ),
}
"""Every named crash point, under each process that comes by it."""


class PointMissed(AssertionError):
    """A crash point was not reached: the run would prove nothing about it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What faults work on."""

    platform: Platform
    work: Work
    planter: Planter


@dataclass(frozen=True, slots=True)
class Struck:
    fault: str
    kills: tuple[str, ...]
    """Processes that were killed by it, one entry a kill."""
    in_flight: bool
    back_after_s: float


class Fault(Protocol):
    def strike(self, scene: Scene) -> Struck: ...


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL at whatever moment it is, and back again."""

    part: str

    def strike(self, scene: Scene) -> Struck:
        in_flight = kill(scene, self.part)
        return Struck(f"kill {self.part}", (self.part,), in_flight, bring_back(scene, self.part))


@dataclass(frozen=True, slots=True)
class CrashAt:
    """The process dies by itself the nth time it comes by a point. (It is killed once more to be given the order.)"""

    part: str
    point: Point
    nth: int = 1

    def strike(self, scene: Scene) -> Struck:
        kill(scene, self.part)
        return self.die_and_return(scene, kills=2)

    def die_and_return(self, scene: Scene, *, kills: int) -> Struck:
        scene.platform.start(self.part, {"FEEDMILL_FAILPOINTS": f"{self.point}:{self.nth}"}, restarts=False)
        give_up_at = time.monotonic() + POINT_TIMEOUT_S
        while not scene.platform.wait_ended(self.part, 0.5):
            if time.monotonic() > give_up_at:
                raise PointMissed(f"{self.part} never came by {self.point} {self.nth} times")
            if self.point is Point.DEAD_LETTER_ACKED:
                plant_for(scene, self.part)
        back_after_s = bring_back(scene, self.part)
        return Struck(f"{self.part} at {self.point}:{self.nth}", (self.part,) * kills, True, back_after_s)


@dataclass(frozen=True, slots=True)
class Freeze:
    """SIGSTOP, then SIGCONT: nobody takes its place meanwhile."""

    part: str
    seconds: float = PAST_THE_SESSION_S

    def strike(self, scene: Scene) -> Struck:
        answers = self.part in (INGEST, "kafka")
        ends = {} if answers else scene.work.ends(self.part)
        scene.platform.stop(self.part)
        in_flight = not answers and scene.work.waited(self.part, ends)
        let_pass(self.seconds)
        in_flight = in_flight or (answers and scene.work.ledger.in_flight > 0)
        scene.platform.cont(self.part)
        began = time.monotonic()
        scene.platform.wait_ready(self.part, timeout_s=BACK_TIMEOUT_S)
        return Struck(f"freeze {self.part} {self.seconds:g} s", (), in_flight, time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Zombie:
    """A second replica shares the work, the first is frozen past its session, loses all to the second, and thaws."""

    part: str
    seconds: float = PAST_THE_SESSION_S

    def strike(self, scene: Scene) -> Struck:
        second = f"{self.part}-2"
        scene.platform.start(second)
        scene.platform.wait_ready(second, timeout_s=BACK_TIMEOUT_S)
        frozen = Freeze(self.part, self.seconds).strike(scene)
        scene.platform.down(second)
        return Struck(f"zombie {self.part} {self.seconds:g} s", (), frozen.in_flight, frozen.back_after_s)


@dataclass(frozen=True, slots=True)
class PoisonThenCrash:
    """Poison waits for a process that dies at a point of its very first batch."""

    part: str
    point: Point
    poison: int = 6
    away: tuple[str, ...] = ()
    """Stopped for good: who else would write the same dead letter."""

    def strike(self, scene: Scene) -> Struck:
        for part in (self.part, *self.away):
            scene.platform.down(part)
        for _ in range(self.poison):
            plant_for(scene, self.part)
        return CrashAt(self.part, self.point).die_and_return(scene, kills=1)


@dataclass(frozen=True, slots=True)
class ZombieAt:
    """Like Zombie, but the first freezes by itself at a point: with work half done, for certain."""

    part: str
    point: Point
    nth: int = 3
    seconds: float = PAST_THE_SESSION_S

    def strike(self, scene: Scene) -> Struck:
        second = f"{self.part}-2"
        freeze_at(scene, self.part, self.point, self.nth)
        scene.platform.start(second)
        let_pass(self.seconds)
        scene.platform.wait_ready(second, timeout_s=BACK_TIMEOUT_S)
        scene.platform.cont(self.part)
        began = time.monotonic()
        scene.platform.wait_ready(self.part, timeout_s=BACK_TIMEOUT_S)
        scene.platform.down(second)
        return Struck(f"zombie {self.part} at {self.point}", (self.part,), True, time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class BrokerGoneWithWorkInHand:
    """A process freezes with a batch in hand; when it wakes the broker is dead, and stays so for a while."""

    part: str
    point: Point
    nth: int = 3
    down_s: float = 5.0

    def strike(self, scene: Scene) -> Struck:
        freeze_at(scene, self.part, self.point, self.nth)
        scene.platform.keepers["kafka"].kill()
        scene.platform.cont(self.part)
        let_pass(self.down_s)
        back_after_s = bring_back(scene, "kafka")
        scene.platform.wait_ready(self.part, timeout_s=BACK_TIMEOUT_S)
        return Struck(f"broker gone from under {self.part}", ("kafka", self.part), True, back_after_s)


@dataclass(frozen=True, slots=True)
class Wait:
    """No fault: time for the load to do what it does."""

    seconds: float

    def strike(self, scene: Scene) -> Struck:
        let_pass(self.seconds)
        return Struck("none", (), False, 0.0)


@dataclass(frozen=True, slots=True)
class KillBroker:
    """SIGKILL to Kafka itself."""

    def strike(self, scene: Scene) -> Struck:
        scene.platform.kill("kafka")
        in_flight = scene.work.ledger.in_flight > 0
        return Struck("kill kafka", ("kafka",), in_flight, bring_back(scene, "kafka"))


def plant_for(scene: Scene, part: str) -> None:
    """Poison that this part is the one to find."""
    if part == ENRICHER:
        scene.planter.plant()
    else:
        scene.planter.plant_behind_the_enricher()


def kill(scene: Scene, part: str) -> bool:
    """Whether work was in flight: what was there before is unfinished after."""
    if part == INGEST:
        in_flight = scene.work.ledger.in_flight > 0
        scene.platform.kill(part)
        return in_flight
    ends = scene.work.ends(part)
    scene.platform.kill(part)
    return scene.work.waited(part, ends)


def bring_back(scene: Scene, part: str) -> float:
    """Seconds until it is ready again."""
    began = time.monotonic()
    scene.platform.start(part)
    scene.platform.wait_ready(part, timeout_s=BACK_TIMEOUT_S)
    return time.monotonic() - began


def freeze_at(scene: Scene, part: str, point: Point, nth: int) -> None:
    """Start it anew; returns once it has frozen itself at the point. Raises PointMissed."""
    scene.platform.kill(part)
    scene.platform.start(part, {"FEEDMILL_FAILPOINTS": f"{point}:{nth}:freeze"}, restarts=False)
    give_up_at = time.monotonic() + POINT_TIMEOUT_S
    while not is_stopped(scene.platform, part):
        if time.monotonic() > give_up_at:
            raise PointMissed(f"{part} never came by {point} {nth} times")
        let_pass(0.05)


def is_stopped(platform: Platform, part: str) -> bool:
    """Whether its process is there and frozen."""
    pid = platform.keepers[part].part.pid
    return pid is not None and psutil.Process(pid).status() == psutil.STATUS_STOPPED
