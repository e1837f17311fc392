"""Where an event spends its time and the machine its processors, stage by stage, while something else is measured."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psycopg2

from bench.doors import cpu_s
from bench.harness import quantile
from feedmill.testkit.platform import Platform

HOPS = ("due → log", "log → enriched", "enriched → written", "written → seen")
_MOMENTS = """
SELECT event_id::text, extract(epoch FROM accepted_at), extract(epoch FROM enriched_at), extract(epoch FROM applied_at)
  FROM activity WHERE event_id = ANY(%s::uuid[])
"""
_TIMES = """
SELECT extract(epoch FROM enriched_at - accepted_at) * 1000, extract(epoch FROM applied_at - enriched_at) * 1000
  FROM activity WHERE accepted_at BETWEEN to_timestamp(%s) AND to_timestamp(%s)
"""
_BATCHES = """
SELECT count(*) FROM activity WHERE accepted_at BETWEEN to_timestamp(%s) AND to_timestamp(%s) GROUP BY xmin::text
"""
_BACKENDS = (
    "SELECT pid, CASE WHEN application_name = '' THEN backend_type ELSE application_name END FROM pg_stat_activity"
)


@dataclass(slots=True)
class Stages:
    """Milliseconds of each event between the log, the enriched log and its row; processor seconds by process."""

    seconds: float = 0.0
    hops_ms: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Of the events that were looked for; set by who looked."""
    enriched_ms: list[float] = field(default_factory=list)
    applied_ms: list[float] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    """Activities of each transaction."""
    cpu_s: Mapping[str, float] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """For people: times, then who used the processors, the busiest first."""
        lines = [
            f"{hop} {quantile(values, 0.5):.1f} / {quantile(values, 0.99):.1f} ms"
            for hop, values in self.hops_ms.items()
            if values
        ]
        for name, values in (("accepted → enriched", self.enriched_ms), ("enriched → row", self.applied_ms)):
            if values:
                lines.append(f"{name}: p50 {quantile(values, 0.5):.1f}, p99 {quantile(values, 0.99):.1f} ms")
        if self.batches:
            lines.append(f"{sum(self.batches) / len(self.batches):.1f} activities a transaction, "
                         f"{len(self.batches) / self.seconds:.0f} transactions a second")  # fmt: skip
        busy = sorted(self.cpu_s.items(), key=lambda used: -used[1])
        shares = ", ".join(f"{name} {used / self.seconds:.2f}" for name, used in busy if used / self.seconds >= 0.005)
        return [*lines, f"cores: {shares}; in all {sum(self.cpu_s.values()) / self.seconds:.2f}"]


def watched(platform: Platform, during: Callable[[], None]) -> Stages:
    """What the stages did while `during` ran. Processes that end meanwhile are not counted."""
    dsn = platform.connections.postgres
    named = {platform.pid(part): part for part in platform.keepers} | _backends(dsn) | {os.getpid(): "bench"}
    before, began_s = {pid: cpu_s(pid) for pid in named if _lives(pid)}, time.time()
    everybody = _machine_s()
    during()
    ended_s = time.time()
    everybody = _machine_s() - everybody
    used: defaultdict[str, float] = defaultdict(float)
    for pid, before_s in before.items():
        if _lives(pid):
            used[named[pid]] += cpu_s(pid) - before_s
    used["load tools and others"] = everybody - sum(used.values())
    stages = Stages(seconds=ended_s - began_s, cpu_s=dict(used))
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(_TIMES, (began_s, ended_s))
        for enriched_ms, applied_ms in cursor.fetchall():
            stages.enriched_ms.append(float(enriched_ms))
            stages.applied_ms.append(float(applied_ms))
        cursor.execute(_BATCHES, (began_s, ended_s))
        stages.batches = [count for (count,) in cursor.fetchall()]
    return stages


def hops_of(dsn: str, seen_at_s: Mapping[str, tuple[float, float]]) -> dict[str, list[float]]:
    """Hop -> milliseconds of each event that was looked for; `written` is its row's own time, before the commit."""
    hops: dict[str, list[float]] = {hop: [] for hop in HOPS}
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(_MOMENTS, (list(seen_at_s),))
        for event_id, *moments in cursor.fetchall():
            due_s, seen_s = seen_at_s[event_id]
            passed = [due_s, *map(float, moments), seen_s]
            for hop, (begins_s, ends_s) in zip(HOPS, pairwise(passed), strict=True):
                hops[hop].append((ends_s - begins_s) * 1_000)
    return hops


def _backends(dsn: str) -> dict[int, str]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(_BACKENDS)
        found = {pid: f"postgres: {name}" for pid, name in cursor.fetchall()}
        return {pid: name for pid, name in found.items() if pid != connection.info.backend_pid}


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").exists()


def _machine_s() -> float:
    """Processor seconds all processes have spent, iowait and idle left out."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
