"""One running part of the platform: what to start, how to know that it serves, how to stop it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

POLL_S = 0.05
"""Between two looks at a condition; every wait has a deadline of its own."""

LOG_KEPT_BYTES = 20_000_000
"""A log longer than this is put aside as `.1`, at the start of its part and while it runs."""


class Readiness(StrEnum):
    NOT_YET = "starting"
    READY = "ready"
    DEGRADED = "degraded"  # it answers, and says that something it needs is away


class PartFailed(Exception):
    """A part ended or did not get ready; the message has the last lines of its log."""


@dataclass(frozen=True, slots=True)
class RunAs:
    user_id: int
    group_id: int


def nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class PartSpec:
    """`ready` asks the part itself, by its own protocol, and never raises. `prepare` runs before each start and
    must be repeatable; `finish` runs once the part answers and before it counts as ready."""

    name: str
    command: tuple[str, ...]
    address: str
    log: Path
    ready: Callable[[], Readiness]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    prepare: Callable[[], None] = nothing
    finish: Callable[[], None] = nothing
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 20.0
    run_as: RunAs | None = None


class Part:
    """A process started from its spec, in a session of its own."""

    def __init__(self, spec: PartSpec) -> None:
        self.spec = spec
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        self.spec.prepare()
        self.spec.log.parent.mkdir(parents=True, exist_ok=True)
        put_aside(self.spec.log)
        run_as = self.spec.run_as
        with self.spec.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.spec.command,
                env=dict(self.spec.env),
                cwd=self.spec.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=run_as.user_id if run_as else None,
                group=run_as.group_id if run_as else None,
                extra_groups=[] if run_as else None,
            )

    def exit_status(self) -> int | None:
        """None while it runs; a negative number is the signal that ended it."""
        return self.process.poll() if self.process else None

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Returns when the part answers and `finish` is done; raises PartFailed with its last words."""
        deadline_s = time.monotonic() + timeout_s
        while self.spec.ready() is not Readiness.READY:
            if not self.running():
                raise PartFailed(f"{self.spec.name} ended with {self.exit_status()}\n{last_lines(self.spec.log)}")
            if time.monotonic() > deadline_s:
                raise PartFailed(f"{self.spec.name} not ready in {timeout_s:.0f} s\n{last_lines(self.spec.log)}")
            time.sleep(POLL_S)
        self.spec.finish()

    def signal(self, number: int) -> None:
        """To the process itself; does nothing to one that has ended."""
        if self.process is not None:
            self.process.send_signal(number)

    def stop(self) -> int | None:
        """Ask, wait the drain time, then kill the whole session; the exit status (None = never started)."""
        if self.process is None:
            return None
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(self.spec.stop_signal)
        try:
            self.process.wait(self.spec.stop_timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        return self.process.returncode

    def kill(self) -> None:
        """SIGKILL to the part and its children, and wait for its end."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def put_aside(log: Path) -> None:
    """A log that has grown too long becomes `<log>.1` and begins anew, also under a part that writes to it (at its end,
    wherever that is): what it writes between the two steps is lost. Without a log, or room for a copy, nothing changes.
    """
    with suppress(OSError):
        if log.stat().st_size > LOG_KEPT_BYTES:
            shutil.copyfile(log, log.with_name(log.name + ".1"))
            os.truncate(log, 0)


def last_lines(log: Path, count: int = 15) -> str:
    if not log.exists():
        return "(no log)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return "\n".join(lines[-count:])


def environment_for_parts(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The caller's environment without any FEEDMILL_ name: parts get theirs by name and nothing by accident."""
    return {k: v for k, v in environ.items() if not k.startswith("FEEDMILL_")}
