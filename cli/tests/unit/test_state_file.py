from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from feedmill.cli.local import control
from feedmill.cli.local.layout import Home
from feedmill.cli.local.state import (
    PartState,
    Phase,
    Plan,
    PlatformState,
    lock,
    read_plan,
    read_state,
    supervised,
    write_plan,
    write_state,
)
from feedmill.cli.local.supervisor import host_of

STATE = PlatformState(
    Phase.READY,
    5000,
    1,
    "",
    {"postgres": "postgresql://u:secret@h/d"},
    (PartState("kafka", "ready", "h:1", 2**22 + 1, "7"),),
)


def home_of(folder: Path) -> Home:
    home = Home(folder)
    home.make()
    return home


def test_a_state_reads_back_and_is_for_its_owner_only(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    write_state(home, STATE)
    assert read_state(home) == STATE
    assert os.stat(home.run / "state.json").st_mode & 0o077 == 0


def test_before_the_first_up_there_is_no_state(tmp_path: Path) -> None:
    assert read_state(Home(tmp_path)) is None
    assert control.current(Home(tmp_path)) is None
    assert not supervised(Home(tmp_path / "not made"))


def test_a_plan_reads_back(tmp_path: Path) -> None:
    plan = Plan(str(tmp_path), 6000, {"kafka": "k:1"}, {"FEEDMILL_LOG_LEVEL": "debug"}, demo_users=True)
    assert read_plan(write_plan(home_of(tmp_path), plan)) == plan


def test_a_supervisor_is_known_by_its_lock(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    held = lock(home)
    assert held is not None
    assert supervised(home)
    assert lock(home) is None
    held.close()
    assert not supervised(home)


def test_a_killed_supervisors_last_words_are_put_right(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    write_state(home, STATE)
    now = control.current(home)
    assert now is not None
    assert now.phase is Phase.STOPPED
    assert [(part.state, part.pid) for part in now.parts] == [("stopped", None)]


def test_a_supervisor_that_died_while_starting_is_a_failure(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    write_state(home, replace(STATE, phase=Phase.STARTING))
    (home.logs / "supervisor.log").write_text("its last words")
    (last,) = control.states_until_settled(home)
    assert last.phase is Phase.FAILED
    assert "its last words" in last.message


def test_everything_is_removed(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    assert len(control.remove_everything(home)) == 3
    assert control.remove_everything(home) == []


def test_an_address_is_shown_without_its_password() -> None:
    assert host_of("postgresql://u:secret@h:5432/d") == "h:5432"
    assert host_of("http://u:secret@c:8123/feedmill") == "c:8123"
    assert host_of("k:9092") == "k:9092"
