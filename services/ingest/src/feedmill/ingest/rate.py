"""How much one owner may send. In the process: each replica allows the whole rate.

A window is one dictionary entry: this stands before every write, and `limits` itself, asked three times a request, was
a twentieth of a small one's cost. Its way of writing a rate stays.
"""

from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import Final

import limits

from feedmill.ingest.settings import RateSettings
from feedmill.runtime import metrics
from feedmill.runtime.rate import Quota

MOST_OWNERS: Final = 10_000
"""Windows kept before it is looked for those that are over."""


class Rate:
    """A fixed window an owner; every event counts, a request at least once."""

    def __init__(self, settings: RateSettings, clock_s: Callable[[], float] = monotonic) -> None:
        limit = limits.parse(settings.events)
        self._most = limit.amount
        self._window_s = limit.get_expiry()
        self._clock_s = clock_s
        self._quota = Quota("events", self._most, self._window_s)
        self._windows: dict[str, tuple[float, int]] = {}
        """Owner -> when the window ends, what is left of it."""
        self._look_again_at = MOST_OWNERS

    def spend(self, owner: str, events: int) -> dict[str, str]:
        """The RateLimit headers of the answer. Raises Problem 429 with nothing spent."""
        cost, now_s = max(1, events), self._clock_s()
        ends_s, left = self._windows.get(owner, (0.0, 0))
        if ends_s <= now_s:
            ends_s, left = now_s + self._window_s, self._most
            if len(self._windows) >= self._look_again_at:
                self._forget_those_over(now_s)
        reset_s = ceil(ends_s - now_s)
        if cost > left:
            metrics.EVENTS_REFUSED.at("rate_limited").inc(events)
            raise self._quota.exceeded(left, reset_s)
        self._windows[owner] = (ends_s, left - cost)
        return self._quota.headers(left - cost, reset_s)

    def _forget_those_over(self, now_s: float) -> None:
        self._windows = {owner: window for owner, window in self._windows.items() if window[0] > now_s}
        self._look_again_at = max(MOST_OWNERS, 2 * len(self._windows))
