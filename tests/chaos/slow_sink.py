"""A consumer slower than its producers: memory bounded, membership kept, the lag told; then it catches up.

Postgres is made slow by the way to it: every round trip takes half a second, a hundred times what it takes else. A
batch is one round trip however large it is, so batches are kept small.
"""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import psutil  # type: ignore[import-untyped]

from chaos.checker import check_all
from chaos.contents import Check
from chaos.fire import Fight, LoadThread, Outcome, wait_for_rest
from chaos.ledger import read_ledger
from chaos.observed import observe
from chaos.stage import POSTGRES_SINK, QUIET_TIMEOUT_S, Stage
from feedmill.testkit.network import Weather
from feedmill.testkit.waiting import let_pass

EVENTS_PER_S: Final = 1_500.0
SLOW: Final = Weather(latency_s=0.25)
FEW_AT_ONCE: Final = {POSTGRES_SINK: {"FEEDMILL_FEED_WRITER__LOOP__MAX_RECORDS": "200"}}
LOOK_S: Final = 0.2
GROWTH: Final = 2.0
"""Resident memory, against what it was before the work began."""
LAG: Final = "feedmill_lag_records"


@dataclass(slots=True)
class Seen(threading.Thread):
    """What a process shows while it is slow."""

    stage: Stage
    most_bytes: int = 0
    most_lag: float = 0.0
    _done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        threading.Thread.__init__(self, name="seen", daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        while not self._done.wait(LOOK_S):
            self.most_bytes = max(self.most_bytes, resident_bytes(self.stage))
            self.most_lag = max(self.most_lag, lag_of(self.stage))

    def finish(self) -> None:
        self._done.set()
        self.join()


def resident_bytes(stage: Stage) -> int:
    return int(psutil.Process(stage.platform.pid(POSTGRES_SINK)).memory_info().rss)


def lag_of(stage: Stage) -> float:
    """All partitions together, as the process tells its lag."""
    with urllib.request.urlopen(f"{stage.platform.address(POSTGRES_SINK)}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(LAG))


def slow_sink(stage: Stage, seed: int, events: int, told: Callable[[str], None]) -> Outcome:
    """The platform must be linked, with `FEW_AT_ONCE`."""
    idle_bytes = resident_bytes(stage)
    load = LoadThread(stage, Fight(seed, events, EVENTS_PER_S, ()))
    seen = Seen(stage)
    stage.platform.links["postgres"].weather(SLOW)
    seen.start()
    told(f"{events} events, Postgres half a second away")
    load.start()
    load.release()
    load.join()
    let_pass(5.0)
    seen.finish()
    stage.platform.links["postgres"].weather(Weather())
    told("Postgres near again")
    liveness = Check("L it catches up by itself", 1)
    rest_s = wait_for_rest(stage, liveness, QUIET_TIMEOUT_S)
    memory = Check(f"M a slow sink holds less than {GROWTH:g} times its memory at rest", 1)
    memory.expect(seen.most_bytes < GROWTH * idle_bytes, f"{seen.most_bytes:,} bytes of {idle_bytes:,}")
    told_lag = Check("M its lag is told", 1)
    told_lag.expect(seen.most_lag > events / 4, f"at most {seen.most_lag:g} of {events}")
    stays = Check("M it stays in its group", 1)
    stays.expect(stage.platform.ends(POSTGRES_SINK) == 0, "it ended")
    ledger = read_ledger(stage.ledger_path)
    figures: dict[str, object] = {
        "sent": load.sent,
        "acknowledged": len(ledger.acked),
        "MB at rest": idle_bytes // 1_000_000,
        "MB at most": seen.most_bytes // 1_000_000,
        "lag at most": int(seen.most_lag),
        "caught up in": f"{rest_s:.1f} s",
    }
    return Outcome([liveness, memory, told_lag, stays, *check_all(ledger, observe(stage.stores))], [], figures)
