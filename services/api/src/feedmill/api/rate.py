"""How much one owner may ask."""

from collections.abc import Callable
from time import monotonic

from feedmill.api.settings import RateSettings
from feedmill.runtime.rate import OwnersRate


class Rate(OwnersRate):
    """A request counts as one, a stream too."""

    def __init__(self, settings: RateSettings, clock_s: Callable[[], float] = monotonic) -> None:
        super().__init__("requests", settings.requests, settings.window_s, clock_s)
