"""A small process that cleans up after a test run that was itself killed: `python reaper.py`, told by its stdin.

Each line is `pid N` (a process group to kill), `gone N`, `mount PATH` (to unmount), or `folder PATH` (to remove). When
the writer is gone, whatever is left is killed, unmounted and removed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class Reaper:
    """The writer's side."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", __file__], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def tell(self, word: str, what: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word} {what}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def reap(lines: Iterable[str]) -> None:
    groups: set[int] = set()
    folders: set[Path] = set()
    mounts: list[str] = []
    for line in lines:
        word, _, what = line.strip().partition(" ")
        if word == "pid":
            groups.add(int(what))
        elif word == "gone":
            groups.discard(int(what))
        elif word == "mount":
            mounts.append(what)
        elif word == "folder":
            folders.add(Path(what))
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for mount in mounts:
        subprocess.run(["umount", "--lazy", mount], check=False, stderr=subprocess.DEVNULL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reap(sys.stdin)
