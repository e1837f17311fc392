"""The ids a partition has seen lately: what makes two records one event before any store is asked."""

from __future__ import annotations

from typing import Final

BYTES_PER_ID: Final = 120
"""16 bytes of id as an object of 64, and its place in a set."""


class SeenIds:
    """The last `limit` event ids of one partition, and up to as many before them: whole generations are forgotten.

    It holds only ids of lower offsets than the record asked about: a partition is read in order and what is already
    written is skipped. What is older than this memory the stores' keys catch.
    """

    __slots__ = ("_before", "_limit", "_now")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._now: set[bytes] = set()
        self._before: set[bytes] = set()

    def __contains__(self, event_id: bytes) -> bool:
        return event_id in self._now or event_id in self._before

    def __len__(self) -> int:
        return len(self._now) + len(self._before)

    def add(self, event_id: bytes) -> bool:
        """Remember an id; False where it is remembered already."""
        now = self._now
        if event_id in now or event_id in self._before:
            return False
        now.add(event_id)
        if len(now) >= self._limit:
            self._before, self._now = now, set()
        return True
