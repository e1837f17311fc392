"""How much one owner may ask or send. In the process: each replica allows the whole rate.

A window is one dictionary entry: this stands before every request, and a small one takes a few hundred microseconds.
"""

from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import Final

from feedmill.runtime.problem import Kind, Problem

MOST_OWNERS: Final = 10_000
"""Windows kept before it is looked for those that are over."""
POLICY: Final = "RateLimit-Policy"
LEFT: Final = "RateLimit"


class OwnersRate:
    """A fixed window an owner, of so many units (events, requests)."""

    def __init__(self, unit: str, most: int, window_s: int, clock_s: Callable[[], float] = monotonic) -> None:
        self._unit = unit
        self._most = most
        self._window_s = window_s
        self._clock_s = clock_s
        self._policy = f'"{unit}";q={most};w={window_s}'
        self._windows: dict[str, tuple[float, int]] = {}
        """Owner -> when the window ends, what is left of it."""
        self._look_again_at = MOST_OWNERS

    def spend(self, owner: str, cost: int = 1) -> dict[str, str]:
        """The RateLimit headers of the answer. Raises Problem 429 with nothing spent."""
        now_s = self._clock_s()
        ends_s, left = self._windows.get(owner, (0.0, 0))
        if ends_s <= now_s:
            ends_s, left = now_s + self._window_s, self._most
            if len(self._windows) >= self._look_again_at:
                self._forget_those_over(now_s)
        reset_s = ceil(ends_s - now_s)
        if cost > left:
            raise self._exceeded(left, reset_s)
        self._windows[owner] = (ends_s, left - cost)
        return self._headers(left - cost, reset_s)

    def _headers(self, left: int, reset_s: int) -> dict[str, str]:
        return {POLICY: self._policy, LEFT: f'"{self._unit}";r={left};t={reset_s}'}

    def _exceeded(self, left: int, reset_s: int) -> Problem:
        return Problem(
            Kind.TOO_MANY_REQUESTS,
            f"The limit is {self._most} {self._unit} in {self._window_s} seconds.",
            retry_after_s=reset_s,
            headers=self._headers(left, reset_s),
        )

    def _forget_those_over(self, now_s: float) -> None:
        self._windows = {owner: window for owner, window in self._windows.items() if window[0] > now_s}
        self._look_again_at = max(MOST_OWNERS, 2 * len(self._windows))
