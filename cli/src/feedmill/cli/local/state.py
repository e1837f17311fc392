"""What a supervisor knows, in one file others read; and the lock that says whether a supervisor lives."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from feedmill.cli.local.layout import Home


class Phase(StrEnum):
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Plan:
    """What `up` asks of the supervisor. `given`: store -> address of one that is not ours to run."""

    home: str
    origin: int
    given: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    demo_users: bool = False


@dataclass(frozen=True, slots=True)
class PartState:
    """`given`: somebody else's, we only use it. `born` tells a process from a later one of the same pid."""

    name: str
    state: str
    address: str
    pid: int | None = None
    born: str | None = None
    restarts: int = 0
    said: str = ""
    given: bool = False


@dataclass(frozen=True, slots=True)
class PlatformState:
    phase: Phase
    origin: int
    supervisor_pid: int
    message: str = ""
    connections: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[PartState, ...] = ()


def write_plan(home: Home, plan: Plan) -> Path:
    path = home.run / "plan.json"
    write(path, asdict(plan))
    return path


def read_plan(path: Path) -> Plan:
    return Plan(**json.loads(path.read_text()))


def write_state(home: Home, state: PlatformState) -> None:
    write(home.run / "state.json", asdict(state))


def read_state(home: Home) -> PlatformState | None:
    """None before the first `up`."""
    try:
        values = json.loads((home.run / "state.json").read_text())
    except FileNotFoundError:
        return None
    parts = tuple(PartState(**part) for part in values.pop("parts"))
    return PlatformState(**{**values, "phase": Phase(values["phase"]), "parts": parts})


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Whole or not at all, and for the owner's eyes: it holds addresses with passwords."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(values, indent=2) + "\n")
    fresh.replace(path)


def lock(home: Home) -> IO[str] | None:
    """The supervisor's lock, held as long as the file is open; None where another one holds it."""
    file = (home.run / "supervisor.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def supervised(home: Home) -> bool:
    """Whether a supervisor lives; does not depend on pids."""
    if not home.run.exists():
        return False
    held = lock(home)
    if held is None:
        return True
    held.close()
    return False
