"""What CI runs of the proof: one seed (CHAOS_SEED), every crash point, a zombie, a frozen broker, two guards off."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.console import Console

from chaos.fire import Outcome, fight
from chaos.guards import Control, try_without
from chaos.poisoned import poisoned
from chaos.rebuild import WAYS, rebuild_each_way
from chaos.report import faults_table, show
from chaos.retention import retention_cut
from chaos.run import LINKED, Form
from chaos.stage import PROCESSES, Stage, stage_shape
from chaos.stores_away import stores_away

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

FORM = Form(full=False, seed=int(os.environ.get("CHAOS_SEED", "7")))
KILLS_AT_LEAST = 3
LOST_AT_LEAST = 4
console = Console(width=140)


def must_hold(title: str, outcome: Outcome) -> None:
    held = show(console, title, outcome.checks, outcome.figures)
    assert held, f"broken: {outcome.broken}; again: CHAOS_SEED={FORM.seed} make chaos-short"


def test_once_under_fire_and_again_from_the_log_alone(tmp_path: Path) -> None:
    with Stage(tmp_path / "fire.jsonl") as stage:
        outcome = fight(stage, FORM.fight, console.print)
        outcome.checks.append(rebuild_each_way(stage, console.print, WAYS[1:2]))
    console.print(faults_table(outcome.struck))
    must_hold("once, under fire", outcome)
    kills = [part for struck in outcome.struck for part in struck.kills]
    assert all(kills.count(part) >= KILLS_AT_LEAST for part in PROCESSES), kills
    assert any(struck.in_flight for struck in outcome.struck)


@pytest.mark.parametrize("control", FORM.controls, ids=lambda control: control.name)
def test_without_a_guard_the_checker_turns_red(control: Control, tmp_path: Path) -> None:
    verdict = try_without(control, FORM.seed, tmp_path)
    assert verdict.caught, f"nobody noticed that {control.name} was off; broken: {verdict.outcome.broken}"


def test_a_store_may_be_away_and_the_others_go_on(tmp_path: Path) -> None:
    with Stage(tmp_path / "away.jsonl", stage_shape(services=(*PROCESSES, "api"))) as stage:
        must_hold("stores away", stores_away(stage, FORM.seed, FORM.away_s, console.print))


def test_poison_blocks_nothing_and_never_vanishes(tmp_path: Path) -> None:
    with Stage(tmp_path / "poison.jsonl") as stage:
        must_hold("poison", poisoned(stage, FORM.seed, console.print))


def test_answers_that_get_lost_are_done_once(tmp_path: Path) -> None:
    with Stage(tmp_path / "network.jsonl", LINKED) as stage:
        outcome = fight(stage, FORM.network, console.print)
    console.print(faults_table(outcome.struck))
    must_hold("a bad network, lost answers", outcome)
    assert sum(struck.in_flight for struck in outcome.struck) >= LOST_AT_LEAST


def test_a_log_cut_below_what_was_read_is_a_loud_stop(tmp_path: Path) -> None:
    with Stage(tmp_path / "retention.jsonl") as stage:
        must_hold("a log that was cut", retention_cut(stage, FORM.seed, console.print))
