"""A file's value, read again when the file changes: lists and models are replaced without a restart."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

T = TypeVar("T")
LOOK_INTERVAL_S: Final = 1.0

Stamp = tuple[int, int, int]


class Watched(Generic[T]):
    """`current` is what the file held when it was last good; a bad or missing file is told to `on_bad`."""

    def __init__(
        self,
        path: Path,
        load: Callable[[Path], T],
        *,
        on_change: Callable[[T], None] = lambda value: None,
        on_bad: Callable[[Exception], None] = lambda error: None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises what `load` raises: there must be a first value."""
        self._path, self._load, self._clock_s = path, load, clock_s
        self._on_change, self._on_bad = on_change, on_bad
        self._stamp = _stamp(path)
        self._value = load(path)
        self._looked_at_s = clock_s()
        on_change(self._value)

    @property
    def current(self) -> T:
        """At most one look at the file a second."""
        now_s = self._clock_s()
        if now_s - self._looked_at_s >= LOOK_INTERVAL_S:
            self._looked_at_s = now_s
            self._look()
        return self._value

    def _look(self) -> None:
        try:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._value = self._load(self._path)
        except (OSError, ValueError) as error:
            self._on_bad(error)
            return
        self._on_change(self._value)


def _stamp(path: Path) -> Stamp:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size, found.st_ino
