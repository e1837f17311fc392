"""Blocks of free ports that no other test process on this machine takes at the same time."""

from __future__ import annotations

import atexit
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

from feedmill.cli.local.layout import BLOCK, OFFSETS

LOWEST, HIGHEST = 10_000, 32_000
"""Below the range the system takes for outgoing connections (from 32,768), so that none of those lands in a block."""

_held: list[IO[str]] = []
"""Locks live as long as this process."""
atexit.register(lambda: [lock.close() for lock in _held])


class NoFreePorts(RuntimeError):
    """Every block tried was taken."""


def free_origin() -> int:
    """The origin of a block of ports, all free now, and this process's own until it ends."""
    folder = Path(tempfile.gettempdir()) / f"feedmill-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    blocks = list(range(LOWEST, HIGHEST, BLOCK))
    random.shuffle(blocks)
    for origin in blocks:
        lock = (folder / str(origin)).open("w")
        if taken(lock) or not all(free(origin + offset) for offset in OFFSETS):
            lock.close()
            continue
        _held.append(lock)
        return origin
    raise NoFreePorts(f"no block of {BLOCK} free ports between {LOWEST} and {HIGHEST}")


def taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
