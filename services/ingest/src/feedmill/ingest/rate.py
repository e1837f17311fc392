"""How much one owner may send. Only the way of writing a rate is the library's: asked three times a request, `limits`
itself was a twentieth of a small one's cost.
"""

from collections.abc import Callable
from time import monotonic

import limits

from feedmill.ingest.settings import RateSettings
from feedmill.runtime import metrics
from feedmill.runtime.problem import Problem
from feedmill.runtime.rate import OwnersRate


class Rate(OwnersRate):
    """Every event counts, a request at least once."""

    def __init__(self, settings: RateSettings, clock_s: Callable[[], float] = monotonic) -> None:
        limit = limits.parse(settings.events)
        super().__init__("events", limit.amount, limit.get_expiry(), clock_s)

    def spend(self, owner: str, cost: int = 1) -> dict[str, str]:
        """`cost`: events."""
        try:
            return super().spend(owner, max(1, cost))
        except Problem:
            metrics.EVENTS_REFUSED.at("rate_limited").inc(cost)
            raise
