"""A time budget as an object: made once, handed down, asked for what is left."""

from __future__ import annotations

import time


class Deadline:
    """Monotonic: a change of the wall clock neither shortens nor lengthens it."""

    __slots__ = ("_ends_s",)

    def __init__(self, seconds: float) -> None:
        self._ends_s = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        return max(0.0, self._ends_s - time.monotonic())

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._ends_s

    def slice_s(self, at_most_s: float) -> float:
        """What a single wait may take: never past the deadline."""
        return min(at_most_s, self.left_s)
