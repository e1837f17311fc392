"""How much one owner may send. In the process: each replica allows the whole rate."""

from time import time
from typing import Final

import limits
from limits.strategies import FixedWindowRateLimiter

from feedmill.ingest.settings import RateSettings
from feedmill.ingest.windows import Windows
from feedmill.runtime import metrics
from feedmill.runtime.problem import Kind, Problem

POLICY: Final = "RateLimit-Policy"
LEFT: Final = "RateLimit"


class Rate:
    """A fixed window an owner; every event counts, a request at least once."""

    def __init__(self, settings: RateSettings) -> None:
        self._limit = limits.parse(settings.events)
        self._limiter = FixedWindowRateLimiter(Windows())
        self._policy = f'"events";q={self._limit.amount};w={self._limit.get_expiry()}'

    def spend(self, owner: str, events: int) -> dict[str, str]:
        """The RateLimit headers of the answer. Raises Problem 429 with nothing spent."""
        cost = max(1, events)
        fits = self._limiter.test(self._limit, owner, cost=cost)
        if fits:
            self._limiter.hit(self._limit, owner, cost=cost)
        window = self._limiter.get_window_stats(self._limit, owner)
        reset_s = max(1, int(window.reset_time - time() + 0.999))
        headers = {POLICY: self._policy, LEFT: f'"events";r={max(0, window.remaining)};t={reset_s}'}
        if fits:
            return headers
        metrics.EVENTS_REFUSED.at("rate_limited").inc(events)
        raise Problem(
            Kind.TOO_MANY_REQUESTS,
            f"The limit is {self._limit.amount} events in {self._limit.get_expiry()} seconds.",
            retry_after_s=reset_s,
            headers=headers,
        )
