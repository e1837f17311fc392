"""How much one owner may ask. In the process: each replica allows the whole rate.

A window is one dictionary entry: this stands before every read, and a page takes a few hundred microseconds.
"""

from collections.abc import Callable, Mapping
from math import ceil
from time import monotonic
from typing import Final

from feedmill.api.settings import RateSettings
from feedmill.runtime.rate import Quota

MOST_OWNERS: Final = 10_000
"""Windows kept before those that are over are forgotten."""


class Rate:
    """A fixed window an owner; a request counts as one, a stream too."""

    def __init__(self, settings: RateSettings, clock_s: Callable[[], float] = monotonic) -> None:
        self._most = settings.requests
        self._window_s = settings.window_s
        self._clock_s = clock_s
        self._quota = Quota("requests", self._most, self._window_s)
        self._windows: dict[str, tuple[float, int]] = {}
        """Owner -> when the window ends, what is left of it."""

    def spend(self, owner: str) -> Mapping[str, str]:
        """The RateLimit headers of the answer. Raises Problem 429 where nothing is left."""
        now_s = self._clock_s()
        ends_s, left = self._windows.get(owner, (0.0, 0))
        if ends_s <= now_s:
            ends_s, left = now_s + self._window_s, self._most
            if len(self._windows) >= MOST_OWNERS:
                self._forget_those_over(now_s)
        reset_s = ceil(ends_s - now_s)
        if left == 0:
            raise self._quota.exceeded(left, reset_s)
        self._windows[owner] = (ends_s, left - 1)
        return self._quota.headers(left - 1, reset_s)

    def _forget_those_over(self, now_s: float) -> None:
        self._windows = {owner: window for owner, window in self._windows.items() if window[0] > now_s}
