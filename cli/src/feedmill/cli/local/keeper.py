"""Keeps one part running: waits until it serves, looks after it, starts it again when it ends unasked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

from feedmill.cli.local.part import Part, PartFailed, PartSpec, Readiness, last_lines, put_aside

LOOK_S = 0.1
"""Between two looks whether the process still runs."""

PROBE_S = 2.0
"""Between two questions to a part that was ready."""

BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Before the first, second, ... restart in a row; the last stays."""

SETTLED_S = 30.0
"""After so long without an end the next restart is again the first."""


class State(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    STOPPED = "stopped"
    FAILED = "failed"


class Keeper:
    """One thread per part. `changed` is called, from that thread, after each change of state or process."""

    def __init__(self, spec: PartSpec, *, changed: Callable[[Keeper], None], restarts: bool = True) -> None:
        self.part = Part(spec)
        self.state = State.STOPPED
        self.ends = 0
        """How often it ended unasked."""
        self.restarts = restarts
        self.said = ""
        """Why it is not ready, where that is known."""
        self._changed = changed
        self._asked_to_stop = threading.Event()
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._keep, name=f"keeper-{spec.name}", daemon=True)

    @property
    def name(self) -> str:
        return self.part.spec.name

    def start(self) -> None:
        self._set(State.STARTING)
        self._thread.start()

    def stop(self) -> int | None:
        """Drain and end it; returns its exit status."""
        self._end_thread()
        status = self.part.stop()
        self._set(State.STOPPED)
        return status

    def kill(self) -> None:
        """End it at once, for good."""
        self._end_thread()
        self.part.kill()
        self._set(State.STOPPED)

    def _end_thread(self) -> None:
        self._asked_to_stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def wait_for(self, wanted: Callable[[Keeper], bool], timeout_s: float) -> bool:
        with self._news:
            return self._news.wait_for(lambda: wanted(self), timeout_s)

    def wait_ready(self, timeout_s: float = 60.0, *, ends_allowed: int = 4) -> None:
        """Raises PartFailed when it has failed, has ended more often than allowed since the call, or takes longer."""
        ends = self.ends + ends_allowed
        in_time = self.wait_for(lambda k: k.state in (State.READY, State.FAILED) or k.ends > ends, timeout_s)
        if self.state is not State.READY:
            reason = self.said if in_time and self.said else f"not ready in {timeout_s:.0f} s"
            raise PartFailed(f"{self.name}: {reason}\n{last_lines(self.part.spec.log)}")

    def _set(self, state: State, said: str = "") -> None:
        with self._news:
            self.state, self.said = state, said
            self._news.notify_all()
        self._changed(self)

    def _keep(self) -> None:
        in_a_row = 0
        while not self._asked_to_stop.is_set():
            started_s = time.monotonic()
            try:
                self._live()
            except (PartFailed, OSError) as error:
                self.part.kill()
                self.said = str(error)
            if self._asked_to_stop.is_set():
                return
            in_a_row = 0 if time.monotonic() - started_s > SETTLED_S else in_a_row
            self._ended(again=self.restarts)
            if not self.restarts:
                return
            self._asked_to_stop.wait(BACKOFF_S[min(in_a_row, len(BACKOFF_S) - 1)])
            in_a_row += 1

    def _ended(self, *, again: bool) -> None:
        self.ends += 1
        said = self.said or f"ended with {self.part.exit_status()}"
        self._set(State.STARTING if again else State.FAILED, said)

    def _live(self) -> None:
        """From start to end of one process; returns when it has ended or the keeper is to stop."""
        self.part.start()
        self._set(State.STARTING)
        finished = False
        next_probe_s = 0.0
        while self.part.running() and not self._asked_to_stop.wait(LOOK_S):
            if time.monotonic() < next_probe_s:
                continue
            readiness = self.part.spec.ready()
            if readiness is Readiness.READY and not finished:
                self.part.spec.finish()
                finished = True
            self._note(readiness, finished)
            put_aside(self.part.spec.log)
            next_probe_s = time.monotonic() + (PROBE_S if self.state is State.READY else LOOK_S)

    def _note(self, readiness: Readiness, finished: bool) -> None:
        if readiness is Readiness.READY:
            state, said = State.READY, ""
        elif readiness is Readiness.DEGRADED:
            state, said = State.DEGRADED, "something it needs is away: see its /readyz"
        else:
            state, said = (State.DEGRADED, "does not answer") if finished else (State.STARTING, "")
        if state is not self.state:
            self._set(state, said)


def stop_all(keepers: list[Keeper]) -> None:
    """At the same time; returns when all have ended."""
    threads = [threading.Thread(target=keeper.stop) for keeper in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def kill_all(keepers: list[Keeper]) -> None:
    for keeper in keepers:
        with suppress(ProcessLookupError):
            keeper.kill()
