"""A bad network between the parts, as faults: slow, narrow, reset, half-open, cut short, and answers that get lost.

The platform must be `linked`: services reach the stores, and the clients reach ingest, through links that can be made
so. A fault whose moment does not come in time is missed, and the run says so.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chaos.faults import BACK_TIMEOUT_S, Fault, PointMissed, Scene, Struck
from chaos.guards import Control
from chaos.stage import INGEST, PROCESSES
from feedmill.runtime.failpoints import Guard
from feedmill.testkit.network import Asks, Link, Weather, produces, says
from feedmill.testkit.waiting import let_pass

SLOW: Final = Weather(latency_s=0.1)
NARROW: Final = Weather(bytes_per_s=375_000)
"""3,000 kbit/s."""
LASTS_S: Final = 5.0
SILENCE_S: Final = 12.0
"""Longer than a session, a statement and a client's patience."""
MOMENT_TIMEOUT_S: Final = 25.0

ANSWERS: Final[Mapping[str, Asks]] = {
    INGEST: says(b"POST /v1/events"),
    "kafka": produces,
    "postgres": says(b"COMMIT"),
    "clickhouse": says(b"fact_activity"),
}
"""Behind each link: the request after which all is done, and only the answer is missing."""


@dataclass(frozen=True, slots=True)
class BadWeather:
    link: str
    weather: Weather
    seconds: float = LASTS_S

    def strike(self, scene: Scene) -> Struck:
        link, before = link_of(scene, self.link)
        link.weather(self.weather)
        let_pass(self.seconds)
        link.weather(Weather())
        kind = "slow" if self.weather.latency_s else "narrow"
        return Struck(f"{kind} link to {self.link}", (), link.struck > before, 0.0)


@dataclass(frozen=True, slots=True)
class Reset:
    """RST to all, several times: now and then one falls into work."""

    link: str
    times: int = 5

    def strike(self, scene: Scene) -> Struck:
        link, before = link_of(scene, self.link)
        for _ in range(self.times):
            link.reset()
            let_pass(0.3)
        return Struck(f"reset of {self.link}", (), link.struck > before, back(scene))


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Connected, and nothing comes through, neither answer nor end."""

    link: str
    seconds: float = SILENCE_S

    def strike(self, scene: Scene) -> Struck:
        link, before = link_of(scene, self.link)
        link.fall_silent()
        let_pass(self.seconds)
        link.speak()
        return Struck(f"half-open link to {self.link}", (), link.struck > before, back(scene))


@dataclass(frozen=True, slots=True)
class CutReply:
    link: str
    after_bytes: int
    times: int = 3

    def strike(self, scene: Scene) -> Struck:
        link, before = link_of(scene, self.link)
        for _ in range(self.times):
            link.cut_next_reply(self.after_bytes)
            wait_for_moment(link, f"nobody asked {self.link}")
        return Struck(f"reply of {self.link} cut short", (), link.struck > before, back(scene))


@dataclass(frozen=True, slots=True)
class LostReply:
    """It is done, and nobody hears that it is: whoever asked must find out or do it again, without doubling it."""

    link: str
    times: int = 4

    def strike(self, scene: Scene) -> Struck:
        link, _ = link_of(scene, self.link)
        lost = link.lost
        for _ in range(self.times):
            link.lose_next_reply(of=ANSWERS[self.link])
            wait_for_moment(link, f"nothing was done behind {self.link}")
        if not comes(lambda: link.lost >= lost + self.times):
            raise PointMissed(f"{link.lost - lost} of {self.times} answers of {self.link} were lost")
        return Struck(f"{self.times} lost answers of {self.link}", (), True, back(scene))


def link_of(scene: Scene, name: str) -> tuple[Link, int]:
    """And whom it has struck so far."""
    link = scene.platform.links[name]
    return link, link.struck


def wait_for_moment(link: Link, otherwise: str) -> None:
    if not comes(lambda: link.is_clear):
        link.clear()
        raise PointMissed(otherwise)


def comes(look: Callable[[], bool]) -> bool:
    """Whether it is so before a moment's time is over."""
    give_up_at = time.monotonic() + MOMENT_TIMEOUT_S
    while not look():
        if time.monotonic() > give_up_at:
            return False
        let_pass(0.02)
    return True


def back(scene: Scene) -> float:
    """Seconds until all say that they are ready."""
    began = time.monotonic()
    scene.platform.wait_ready(*PROCESSES, timeout_s=BACK_TIMEOUT_S)
    return time.monotonic() - began


def full_network(rng: random.Random) -> list[Fault]:
    faults: list[Fault] = []
    for link in ANSWERS:
        faults += [BadWeather(link, SLOW), BadWeather(link, NARROW), Reset(link), HalfOpen(link), LostReply(link)]
        faults += [CutReply(link, rng.choice((1, 3, 7, 20)))]
    rng.shuffle(faults)
    return faults


def short_network(rng: random.Random) -> list[Fault]:
    """Every answer lost once or twice, one reset, one cut."""
    faults: list[Fault] = [LostReply(link, times=2) for link in ANSWERS]
    faults += [Reset("kafka", times=2), CutReply("postgres", 3, times=1)]
    rng.shuffle(faults)
    return faults


Schedule = Callable[[random.Random], Sequence[Fault]]

LOST_ANSWER: Final = Control(Guard.TOKEN, (LostReply("clickhouse"),), ("C fact_activity raw",), linked=True)
"""An insert whose answer got lost is made again: without its token the rows are there twice."""
