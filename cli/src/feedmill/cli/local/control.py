"""What `up`, `down`, `status` and `reset` do, without a word of output."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from feedmill.cli.local import jars
from feedmill.cli.local.layout import Home
from feedmill.cli.local.part import last_lines
from feedmill.cli.local.processes import birth, kill_group
from feedmill.cli.local.state import Phase, Plan, PlatformState, read_state, supervised, write_plan, write_state

LOOK_S = 0.05
START_TIMEOUT_S = 20.0
DOWN_TIMEOUT_S = 180.0


class CannotStart(Exception):
    """The supervisor itself did not come up; the message has its last words."""


def fetch_what_is_missing() -> None:
    """Java (where there is none) and Kafka's jars; at the first `up` only."""
    jars.java()
    jars.kafka_class_path()


def start_supervisor(plan: Plan, home: Home) -> None:
    """Returns once it lives and has written its first state. What a dead one left running is ended first."""
    home.make()
    end_leftovers(home)
    (home.run / "state.json").unlink(missing_ok=True)
    path = write_plan(home, plan)
    log = home.log_of("supervisor")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FEEDMILL_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "feedmill.cli.local.supervisor", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
            cwd="/",
        )
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while read_state(home) is None:
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise CannotStart(f"the supervisor did not start; its log, {log}, ends:\n{last_lines(log)}")
        time.sleep(LOOK_S)


def states_until_settled(home: Home) -> Iterator[PlatformState]:
    """Each look at a platform that is starting, the last one ready, failed or stopped."""
    while True:
        alive = supervised(home)
        state = read_state(home)
        if state is not None:
            if not alive and state.phase not in (Phase.FAILED, Phase.STOPPED):
                state = replace(state, phase=Phase.FAILED, message=supervisor_gone(home))
            yield state
            if not alive or state.phase is Phase.READY:
                return
        elif not alive:
            return
        time.sleep(LOOK_S)


def supervisor_gone(home: Home) -> str:
    return f"the supervisor ended unexpectedly; its log ends:\n{last_lines(home.log_of('supervisor'))}"


def stop_supervisor(home: Home, look: Callable[[PlatformState | None], None]) -> bool:
    """Drains everything; False where nothing ran. `look` is called with what is known meanwhile."""
    state = read_state(home)
    if not supervised(home):
        return end_leftovers(home)
    if state is not None:
        with suppress(ProcessLookupError):
            os.kill(state.supervisor_pid, signal.SIGTERM)
    deadline_s = time.monotonic() + DOWN_TIMEOUT_S
    while supervised(home) and time.monotonic() < deadline_s:
        look(read_state(home))
        time.sleep(LOOK_S)
    return True


def end_leftovers(home: Home) -> bool:
    """Parts of a supervisor that was killed; told from strangers of the same pid by their time of birth."""
    state = read_state(home)
    if state is None or supervised(home):
        return False
    ended = [kill_group(part.pid, part.born) for part in state.parts if part.pid and part.born]
    if any(ended):
        stopped = tuple(replace(p, pid=None, born=None, state="stopped") for p in state.parts)
        write_state(home, replace(state, phase=Phase.STOPPED, parts=stopped))
    return any(ended)


def current(home: Home) -> PlatformState | None:
    """The state as it is now: what a dead supervisor wrote last is put right."""
    state = read_state(home)
    if state is None or supervised(home):
        return state
    parts = tuple(p if p.pid and birth(p.pid) == p.born else replace(p, pid=None, state="stopped") for p in state.parts)
    phase = state.phase if state.phase is Phase.FAILED else Phase.STOPPED
    return replace(state, phase=phase, parts=parts)


def remove_everything(home: Home) -> list[str]:
    """The folders removed: this home's data, logs and run, and what Postgres keeps outside."""
    folders = [f for f in (home.data, home.logs, home.run, home.outside) if f.exists()]
    for folder in folders:
        shutil.rmtree(folder)
    return [str(folder) for folder in folders]
