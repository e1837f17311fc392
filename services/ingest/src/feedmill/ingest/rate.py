"""How much one owner may send. In the process: each replica allows the whole rate."""

from math import ceil
from time import time

import limits
from limits.strategies import FixedWindowRateLimiter

from feedmill.ingest.settings import RateSettings
from feedmill.ingest.windows import Windows
from feedmill.runtime import metrics
from feedmill.runtime.rate import Quota


class Rate:
    """A fixed window an owner; every event counts, a request at least once."""

    def __init__(self, settings: RateSettings) -> None:
        self._limit = limits.parse(settings.events)
        self._limiter = FixedWindowRateLimiter(Windows())
        self._quota = Quota("events", self._limit.amount, self._limit.get_expiry())

    def spend(self, owner: str, events: int) -> dict[str, str]:
        """The RateLimit headers of the answer. Raises Problem 429 with nothing spent."""
        cost = max(1, events)
        ends_s, left = self._limiter.get_window_stats(self._limit, owner)
        fits = cost <= left and self._limiter.hit(self._limit, owner, cost=cost)
        ends_in_s = ends_s - time()
        reset_s = ceil(ends_in_s) if ends_in_s > 0 else self._limit.get_expiry()
        if fits:
            return self._quota.headers(left - cost, reset_s)
        metrics.EVENTS_REFUSED.at("rate_limited").inc(events)
        raise self._quota.exceeded(left, reset_s)
