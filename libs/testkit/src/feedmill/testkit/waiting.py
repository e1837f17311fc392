"""Waiting in tests: for a condition, with a deadline, never for a time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from feedmill.runtime.deadline import Deadline

ResultT = TypeVar("ResultT")

POLL_S = 0.02


def wait_until(look: Callable[[], ResultT], what: str = "the condition", *, within_s: float = 30.0) -> ResultT:
    """The first truthy answer of `look`. AssertionError names `what` was not reached, and the last answer."""
    deadline = Deadline(within_s)
    pause = Event()
    while not (found := look()):
        if deadline.passed:
            raise AssertionError(f"not within {within_s} s: {what} (last seen: {found!r})")
        pause.wait(POLL_S)
    return found


def let_pass(seconds: float) -> None:
    """Let a fault last or a load run: a stretch of time that is itself the stimulus, never a wait for an outcome."""
    Event().wait(seconds)
