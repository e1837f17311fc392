"""What the system says about a process: is it the one we started, and how much memory does it hold."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
MB = 1024 * 1024


def birth(pid: int) -> str | None:
    """A mark that no later process of the same pid shares; None where it does not run."""
    with suppress(OSError, IndexError):
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    if PROC.joinpath("self").exists():
        return None
    said = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return said.strip() or None


def rss_mb(pid: int) -> float:
    """Resident memory of a process with its children; pages they share count once."""
    own, file, shared = 0, 0, 0
    for member in (pid, *descendants(pid)):
        a, f, s = resident_kb(member)
        own, file, shared = own + a, max(file, f), max(shared, s)
    return round((own + file + shared) * 1024 / MB, 1)


def resident_kb(pid: int) -> tuple[int, int, int]:
    """Anonymous, file-backed and shared memory; where there is no /proc, everything counts as anonymous."""
    try:
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
        return int(said.strip() or 0), 0, 0
    values = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Rss"))
    anonymous, file, shared = (int(values.get(name, "0 kB").split()[0]) for name in ("RssAnon", "RssFile", "RssShmem"))
    return anonymous, file, shared


def descendants(pid: int) -> Iterator[int]:
    for task in (PROC / str(pid) / "task").glob("*/children"):
        with suppress(OSError):
            for child in task.read_text().split():
                yield int(child)
                yield from descendants(int(child))


def kill_group(pid: int, born: str, wait_s: float = 10.0) -> bool:
    """SIGKILL to what a dead supervisor left behind, if it is still that process; True when it was there."""
    if birth(pid) != born:
        return False
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    deadline_s = time.monotonic() + wait_s
    while birth(pid) == born and time.monotonic() < deadline_s and not zombie(pid):
        time.sleep(0.02)
    return True


def zombie(pid: int) -> bool:
    with suppress(OSError):
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return False
