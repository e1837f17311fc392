"""Named crash points and guard switches, for test builds only.

`FEEDMILL_FAILPOINTS="pg:before-commit:3,dead-letter:acked"` kills the process with SIGKILL the third time (the first
time, without a number) it reaches the point; with `:freeze` at the end it is stopped there (SIGSTOP) instead, so that
it can be made a zombie with work half done. `FEEDMILL_GUARDS_OFF="cas,token"` switches guards off, so that a checker
can show that it turns red without them. Both are heeded only with `FEEDMILL_TEST_BUILD=1`; a process that is told to
use them without it refuses to start (`check_build`).
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from enum import StrEnum


class Point(StrEnum):
    """Every gap between two steps that order durability. A crash test visits each."""

    INGEST_BEFORE_PRODUCE = "ingest:before-produce"
    INGEST_AFTER_ACK = "ingest:after-ack"
    ENRICHER_BEFORE_SEND = "enricher:before-send"
    ENRICHER_AFTER_SEND = "enricher:after-send"
    ENRICHER_AFTER_ACK = "enricher:after-ack"
    ENRICHER_AFTER_COMMIT = "enricher:after-commit"
    DEAD_LETTER_ACKED = "dead-letter:acked"
    POSTGRES_BEFORE_WRITE = "pg:before-write"
    POSTGRES_BEFORE_COMMIT = "pg:before-commit"
    POSTGRES_AFTER_COMMIT = "pg:after-commit"
    CLICKHOUSE_AFTER_BOUNDS = "ch:after-bounds"
    CLICKHOUSE_AFTER_FACTS = "ch:after-facts"
    CLICKHOUSE_AFTER_INSERT = "ch:after-insert"
    CLICKHOUSE_AFTER_POSITION = "ch:after-position"
    CLICKHOUSE_AFTER_COMMIT = "ch:after-commit"


class Guard(StrEnum):
    """What keeps an event once. Each can be switched off to prove that it is needed."""

    COMPARE_AND_SET = "cas"
    NEWLY_INSERTED = "returning"
    NO_HOLES = "holes"
    BOUNDS = "bounds"
    TOKEN = "token"  # noqa: S105
    DEAD_LETTER_FIRST = "dead-letter-before-position"
    MEMORY = "memory"


_test_build = os.environ.get("FEEDMILL_TEST_BUILD") == "1"


FREEZE = ":freeze"


@dataclass(slots=True)
class _Armed:
    """What happens at a point, once it has been come by so many times."""

    left: int
    signal: int


def _armed(setting: str) -> dict[Point, _Armed]:
    """`name` or `name:nth` with nth a number, then perhaps `:freeze`; names hold a colon themselves."""
    found: dict[Point, _Armed] = {}
    for item in filter(None, (part.strip() for part in setting.split(","))):
        number = signal.SIGSTOP if item.endswith(FREEZE) else signal.SIGKILL
        place = item.removesuffix(FREEZE)
        name, _, nth = place.rpartition(":")
        found[Point(name if nth.isdigit() else place)] = _Armed(int(nth) if nth.isdigit() else 1, number)
    return found


_points = _armed(os.environ.get("FEEDMILL_FAILPOINTS", "")) if _test_build else {}
_off = (
    frozenset(Guard(g) for g in os.environ.get("FEEDMILL_GUARDS_OFF", "").split(",") if g)
    if _test_build
    else frozenset()
)


def check_build() -> None:
    """Raises ValueError where failpoints or guards are set outside a test build."""
    told = [n for n in ("FEEDMILL_FAILPOINTS", "FEEDMILL_GUARDS_OFF") if os.environ.get(n)]
    if told and not _test_build:
        raise ValueError(f"{', '.join(told)} set without FEEDMILL_TEST_BUILD=1: unset them, or use a test build")


def armed(point: Point) -> bool:
    """Whether `hit` may end the process here: steps that are else taken in one are then taken one by one."""
    return point in _points


def hit(point: Point) -> None:
    """Ends (or freezes) the process where this point is armed and its count has run down."""
    set_here = _points.get(point)
    if set_here is None:
        return
    set_here.left -= 1
    if set_here.left <= 0:
        del _points[point]
        os.kill(os.getpid(), set_here.signal)


def guarded(guard: Guard) -> bool:
    """True unless a test build has switched this guard off."""
    return guard not in _off
