"""Crash points and guards, each in a process of its own: they are read once, at import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

HIT = """
import sys
from feedmill.runtime.failpoints import Point, hit
for _ in range(int(sys.argv[1])):
    hit(Point.POSTGRES_BEFORE_COMMIT)
"""
GUARDED = "from feedmill.runtime.failpoints import *; print(guarded(Guard.TOKEN), guarded(Guard.BOUNDS))"
CHECK = "from feedmill.runtime.failpoints import *; check_build()"


def _run(code: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("setting", "hits", "dies"),
    [
        ("pg:before-commit", 1, True),
        ("pg:before-commit:3", 2, False),
        ("pg:before-commit:3", 3, True),
        ("pg:after-commit", 9, False),
        ("", 9, False),
    ],
)
def test_a_process_dies_at_the_nth_visit_of_an_armed_point(setting: str, hits: int, dies: bool) -> None:
    done = _run(HIT, str(hits), FEEDMILL_TEST_BUILD="1", FEEDMILL_FAILPOINTS=setting)
    assert done.returncode == (-signal.SIGKILL if dies else 0)


def test_a_process_can_be_frozen_at_a_point_and_goes_on_when_woken() -> None:
    frozen = subprocess.Popen(
        [sys.executable, "-c", HIT, "3"],
        env={"FEEDMILL_TEST_BUILD": "1", "FEEDMILL_FAILPOINTS": "pg:before-commit:2:freeze"},
    )
    _, status = os.waitpid(frozen.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(10) == 0


def test_outside_a_test_build_nothing_is_armed_and_the_process_refuses_to_start() -> None:
    assert _run(HIT, "9", FEEDMILL_FAILPOINTS="pg:before-commit").returncode == 0
    refused = _run(CHECK, FEEDMILL_FAILPOINTS="pg:before-commit")
    assert "FEEDMILL_TEST_BUILD=1" in refused.stderr
    assert refused.returncode == 1


def test_a_guard_can_be_switched_off_in_a_test_build_only() -> None:
    assert _run(GUARDED, FEEDMILL_TEST_BUILD="1", FEEDMILL_GUARDS_OFF="token").stdout.split() == ["False", "True"]
    assert _run(GUARDED, FEEDMILL_GUARDS_OFF="token").stdout.split() == ["True", "True"]


def test_an_unknown_name_is_refused() -> None:
    assert _run(CHECK, FEEDMILL_TEST_BUILD="1", FEEDMILL_FAILPOINTS="pg:nowhere").returncode == 1
