"""What keeps streams alive, and what ends them when nobody says anything: signs of life, keys, age, the end to come."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from feedmill.api.live import messages
from feedmill.api.live.audience import Audience
from feedmill.api.live.messages import Offsets
from feedmill.api.live.places import Places
from feedmill.api.live.stream import Stream
from feedmill.api.settings import LiveSettings
from feedmill.runtime.auth import KeyNotValid, Keys
from feedmill.runtime.health import Health
from feedmill.runtime.postgres import StoreAway

DRAIN_LOOK_S: Final = 0.1
BEATEN_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Pulse:
    """`at`: the position the streams have reached."""

    audience: Audience
    places: Places
    keys: Keys
    health: Health
    settings: LiveSettings
    at: Callable[[], Offsets]

    async def beat(self) -> None:
        """For ever: a heartbeat to each stream, or its end."""
        while True:
            await asyncio.sleep(self.settings.heartbeat_s)
            for number, stream in enumerate(list(self.audience.streams)):
                if number % BEATEN_AT_ONCE == 0:
                    await asyncio.sleep(0)
                await self._beat_one(stream)

    async def _beat_one(self, stream: Stream) -> None:
        try:
            await self.keys.authenticate(stream.headers)
        except KeyNotValid:
            stream.close("key")
        except StoreAway:
            pass  # a key that was good stays good while nobody can be asked
        if monotonic() - stream.since_s > self.settings.age_max_s:
            stream.close("age")
        if stream in self.audience.streams:
            stream.put(messages.heartbeat(messages.id_of(self.at())))

    async def watch_drain(self) -> None:
        """All streams end when the process begins to: their clients go elsewhere."""
        while not self.health.draining:  # noqa: ASYNC110 (told by a signal handler)
            await asyncio.sleep(DRAIN_LOOK_S)
        self.close_all("draining")
        await asyncio.Event().wait()

    def close_all(self, reason: str) -> None:
        for stream in list(self.places.open):
            stream.close(reason)
