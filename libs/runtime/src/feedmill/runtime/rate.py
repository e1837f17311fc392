"""What answers say of a rate: the RateLimit headers, and the refusal beyond it. Whoever has a rate counts itself."""

from typing import Final

from feedmill.runtime.problem import Kind, Problem

POLICY: Final = "RateLimit-Policy"
LEFT: Final = "RateLimit"


class Quota:
    """So many units (events, requests) an owner and window."""

    def __init__(self, unit: str, most: int, window_s: int) -> None:
        self._unit = unit
        self._most = most
        self._window_s = window_s
        self._policy = f'"{unit}";q={most};w={window_s}'

    def headers(self, left: int, reset_s: int) -> dict[str, str]:
        """`left` until the window ends in `reset_s` seconds."""
        return {POLICY: self._policy, LEFT: f'"{self._unit}";r={left};t={reset_s}'}

    def exceeded(self, left: int, reset_s: int) -> Problem:
        """429, for the caller to raise."""
        return Problem(
            Kind.TOO_MANY_REQUESTS,
            f"The limit is {self._most} {self._unit} in {self._window_s} seconds.",
            retry_after_s=reset_s,
            headers=self.headers(left, reset_s),
        )
