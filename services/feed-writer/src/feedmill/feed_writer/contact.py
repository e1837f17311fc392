"""When a store was last seen: what readiness says of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from feedmill.runtime.health import Health

PROBE_AFTER_S = 2.0
"""A store that has not been used for so long is asked whether it is there."""


class Contact:
    """Told by the store's client of each success and each loss. Says "away" until the first success."""

    def __init__(self, health: Health, name: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._health = health
        self._name = name
        self._monotonic = monotonic
        self._asked_at_s: float | None = None
        health.report(name, up=False, detail="not asked yet")

    def up(self) -> None:
        self._asked_at_s = self._monotonic()
        self._health.report(self._name, up=True)

    def down(self, detail: str) -> None:
        self._asked_at_s = self._monotonic()
        self._health.report(self._name, up=False, detail=detail)

    def is_old(self) -> bool:
        return self._asked_at_s is None or self._monotonic() - self._asked_at_s > PROBE_AFTER_S
