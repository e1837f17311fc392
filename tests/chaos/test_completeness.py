"""Nothing that can be armed or switched off is left out of the proof."""

from __future__ import annotations

import random

from chaos.faults import POINTS, CrashAt
from chaos.guards import CONTROLS
from chaos.nemesis import full_schedule, short_schedule
from feedmill.runtime.failpoints import Guard, Point


def test_every_guard_has_a_control_that_runs_without_it() -> None:
    assert {control.guard for control in CONTROLS} == set(Guard)
    assert len({control.name for control in CONTROLS}) == len(CONTROLS)


def test_every_named_point_belongs_to_a_process_that_comes_by_it() -> None:
    assert {point for points in POINTS.values() for point in points} == set(Point)


def test_both_schedules_visit_every_point_of_every_process() -> None:
    for schedule in (short_schedule, full_schedule):
        visited = {(f.part, f.point) for f in schedule(random.Random(1)) if isinstance(f, CrashAt)}
        assert visited == {(part, point) for part, points in POINTS.items() for point in points}


def test_a_seed_draws_the_same_schedule_again() -> None:
    assert full_schedule(random.Random(5)) == full_schedule(random.Random(5))
    assert full_schedule(random.Random(5)) != full_schedule(random.Random(6))
