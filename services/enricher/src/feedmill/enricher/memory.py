"""The ids a partition has seen lately: what makes two records one event before any store is asked."""

from __future__ import annotations

from collections import deque
from typing import Final

BYTES_PER_ID: Final = 110
"""Measured: 16 bytes of id as an object, its place in a set, its turn in a queue."""


class SeenIds:
    """The last `limit` event ids of one partition, oldest forgotten first.

    It holds only ids of lower offsets than the record asked about: a partition is read in order and what is already
    written is skipped. What is older than this memory the stores' keys catch.
    """

    __slots__ = ("_ids", "_limit", "_order")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ids: set[bytes] = set()
        self._order: deque[bytes] = deque()

    def __contains__(self, event_id: bytes) -> bool:
        return event_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, event_id: bytes) -> None:
        """Remember an id that is not remembered yet."""
        self._ids.add(event_id)
        self._order.append(event_id)
        if len(self._order) > self._limit:
            self._ids.discard(self._order.popleft())
