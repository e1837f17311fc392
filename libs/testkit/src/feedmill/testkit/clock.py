"""A wrong clock for one process: libfaketime is loaded into it and reads from a file how far off it is.

    with WrongClock() as clock:
        Shape(env={"ingest": clock.environment})
        clock.set_off(3_600)       # a jump, felt within a second; monotonic time goes on undisturbed

Needs the library for this machine: `available()`.
"""

from __future__ import annotations

import platform
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

FELT_S = 1
"""How often a process looks at the file."""


def library() -> Path | None:
    package = find_spec("libfaketime")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"


def available() -> bool:
    """Whether there is one for this machine: the wheel carries it built for Linux on x86-64."""
    path = library()
    return path is not None and path.exists() and (sys.platform, platform.machine()) == ("linux", "x86_64")


class WrongClock:
    """A context manager; right until it is set off."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="feedmill-clock-")
        self._file = Path(self._folder.name) / "offset"
        self.set_off(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._folder.cleanup()

    def set_off(self, seconds: int) -> None:
        """Ahead of the world by so much; negative: behind."""
        fresh = self._file.with_name("fresh")
        fresh.write_text(f"{seconds:+d}s\n")
        fresh.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """For the process whose clock it is."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": str(FELT_S),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }
