"""Keepers of small processes of the test's own."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feedmill.cli.local import part
from feedmill.cli.local.keeper import Keeper, State
from feedmill.cli.local.part import PartFailed, PartSpec, Readiness
from feedmill.cli.local.processes import birth, kill_group, rss_mb
from feedmill.testkit.waiting import wait_until

SERVE = "import signal, pathlib, sys; pathlib.Path(sys.argv[1]).write_text('up'); signal.pause()"
TALKS = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('up')\nwhile True: print('said', flush=True)"
CRASH = "print('what went wrong'); raise SystemExit(3)"


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Callable[..., Keeper]]:
    made: list[Keeper] = []

    def start(program: str = SERVE, *, restarts: bool = True) -> Keeper:
        mark = tmp_path / "mark"
        spec = PartSpec(
            name="part",
            command=(sys.executable, "-S", "-c", program, str(mark)),
            address="nowhere",
            log=tmp_path / "part.log",
            ready=lambda: Readiness.READY if mark.exists() else Readiness.NOT_YET,
            prepare=lambda: mark.unlink(missing_ok=True),
            stop_timeout_s=5,
        )
        made.append(Keeper(spec, changed=lambda _: None, restarts=restarts))
        made[-1].start()
        return made[-1]

    yield start
    for keeper in made:
        keeper.kill()


def test_a_part_is_ready_when_it_says_so(keep: Callable[..., Keeper]) -> None:
    keeper = keep()
    keeper.wait_ready(20)
    assert keeper.state is State.READY
    assert keeper.part.pid


def test_a_part_that_ends_unasked_is_started_again(keep: Callable[..., Keeper]) -> None:
    keeper = keep()
    keeper.wait_ready(20)
    first = keeper.part.pid
    keeper.part.signal(signal.SIGKILL)
    assert keeper.wait_for(lambda k: k.ends == 1, 20)
    keeper.wait_ready(20)
    assert keeper.part.pid != first


def test_a_part_that_cannot_start_fails_with_its_last_words(keep: Callable[..., Keeper]) -> None:
    keeper = keep(CRASH, restarts=False)
    with pytest.raises(PartFailed, match="what went wrong"):
        keeper.wait_ready(20)
    assert keeper.state is State.FAILED
    assert keeper.said == "ended with 3"


def test_a_part_that_keeps_crashing_is_not_waited_for_for_ever(keep: Callable[..., Keeper]) -> None:
    keeper = keep(CRASH)
    with pytest.raises(PartFailed, match="ended with 3"):
        keeper.wait_ready(20, ends_allowed=1)
    assert keeper.ends == 2


def test_a_stopped_part_stays_stopped(keep: Callable[..., Keeper]) -> None:
    keeper = keep()
    keeper.wait_ready(20)
    assert keeper.stop() == -signal.SIGTERM
    assert keeper.state is State.STOPPED
    assert keeper.ends == 0


def test_a_frozen_part_can_be_stopped(keep: Callable[..., Keeper]) -> None:
    keeper = keep()
    keeper.wait_ready(20)
    keeper.part.signal(signal.SIGSTOP)
    began_s = time.monotonic()
    keeper.stop()
    assert time.monotonic() - began_s < 5


def test_the_log_of_a_part_that_runs_for_long_is_put_aside_and_begins_anew(
    keep: Callable[..., Keeper], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "LOG_KEPT_BYTES", 10_000)
    said, aside = tmp_path / "part.log", tmp_path / "part.log.1"
    keep(TALKS)
    wait_until(aside.exists)
    assert aside.stat().st_size > 10_000
    wait_until(lambda: b"said" in said.read_bytes())
    assert b"\0" not in said.read_bytes(), "written where the old log had ended"


def test_a_leftover_is_told_from_a_stranger_of_the_same_pid(keep: Callable[..., Keeper]) -> None:
    keeper = keep(restarts=False)
    keeper.wait_ready(20)
    pid = keeper.part.pid
    assert pid
    assert not kill_group(pid, "another birth")
    born = birth(pid)
    assert born
    assert rss_mb(pid) > 1
    assert kill_group(pid, born)
    assert keeper.wait_for(lambda k: k.state is State.FAILED, 20)
    assert birth(pid) is None


def test_a_process_that_is_not_there_has_no_birth() -> None:
    gone = os.spawnlp(os.P_WAIT, "true", "true")
    assert gone == 0
    assert birth(2**22 + 1) is None
