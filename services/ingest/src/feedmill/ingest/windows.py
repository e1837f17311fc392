"""A storage for the `limits` library that costs a dictionary's access.

The library's own memory storage starts a timer thread every few milliseconds of use: 5 % of the door's time.
"""

from collections.abc import Callable
from time import time

from limits.storage import Storage

MOST_KEYS = 10_000
"""Windows kept before it is looked for those that are over."""


class Windows(Storage):
    """Fixed windows of one thread: key -> count and when it ends, seconds since 1970."""

    STORAGE_SCHEME = ["feedmill-windows"]  # noqa: RUF012 (the library's own declaration)

    def __init__(self, clock_s: Callable[[], float] = time) -> None:
        super().__init__()
        self._clock_s = clock_s
        self._counts: dict[str, int] = {}
        self._ends_s: dict[str, float] = {}
        self._look_again_at = MOST_KEYS

    @property
    def base_exceptions(self) -> type[Exception]:
        return KeyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now_s = self._clock_s()
        if self._ends_s.get(key, 0.0) <= now_s:
            if len(self._ends_s) >= self._look_again_at:
                self._forget_those_over(now_s)
            self._counts[key] = 0
            self._ends_s[key] = now_s + expiry
        self._counts[key] += amount
        return self._counts[key]

    def get(self, key: str) -> int:
        return self._counts[key] if self._ends_s.get(key, 0.0) > self._clock_s() else 0

    def get_expiry(self, key: str) -> float:
        return self._ends_s.get(key, self._clock_s())

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        count = len(self._counts)
        self._counts.clear()
        self._ends_s.clear()
        return count

    def clear(self, key: str) -> None:
        self._counts.pop(key, None)
        self._ends_s.pop(key, None)

    def _forget_those_over(self, now_s: float) -> None:
        for key in [key for key, ends_s in self._ends_s.items() if ends_s <= now_s]:
            self.clear(key)
        self._look_again_at = max(MOST_KEYS, 2 * len(self._ends_s))
