"""Many clients at once, each with keys of its own: batches, singles, races, lost answers, late repeats, refusals.

What a client does next comes from the seed; when it comes to it depends on the faults, as in life. A client never
goes on with a key before its last event on it is known, except where it hung up on purpose.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chaos.door import Door
from chaos.events import Planned, Writer
from chaos.ledger import Outcome

ACTORS_PER_CLIENT = 6
PATIENCE_S = 120.0
"""How long a client goes on repeating an event before it calls the door dead."""


class DoorDead(AssertionError):
    """The door took nothing for PATIENCE_S."""


@dataclass(frozen=True, slots=True)
class LoadSettings:
    seed: int
    events: int
    events_per_s: float
    owner: str
    clients: int = 12
    batch_max: int = 40


@dataclass(slots=True)
class Pace:
    """Lets through `per_s` events a second, all clients together; an outage is not caught up in one burst."""

    per_s: float
    sent: int = 0
    _free_at: float = field(default_factory=time.monotonic)

    async def take(self, count: int) -> None:
        self.sent += count
        self._free_at = max(self._free_at, time.monotonic() - 0.5) + count / self.per_s
        await asyncio.sleep(max(0.0, self._free_at - time.monotonic()))


@dataclass(slots=True)
class Client:
    door: Door
    writer: Writer
    rng: random.Random
    pace: Pace
    batch_max: int
    lost: list[Planned] = field(default_factory=list)
    known: list[Planned] = field(default_factory=list)

    async def turn(self) -> None:
        """One thing a client does."""
        what = self.rng.choices(
            (self.batch, self.single, self.race, self.lose_the_answer, self.repeat_late, self.try_the_impossible),
            (46, 14, 14, 9, 12, 5),
        )[0]
        await what()

    def _write(self, count: int) -> list[Planned]:
        events = [self.writer.next() for _ in range(count)]
        for event in events:
            self.door.ledger.event(event)
        return events

    async def batch(self) -> None:
        await self._settled(self._write(self.rng.randint(2, self.batch_max)))

    async def single(self) -> None:
        await self._settled(self._write(1))

    async def race(self) -> None:
        """The same events two to four times at once."""
        events = self._write(self.rng.randint(1, 6))
        await self.pace.take(len(events))
        tries = [self.door.post(events) for _ in range(self.rng.randint(2, 4))]
        outcomes = await asyncio.gather(*tries)
        unknown = [e for e, *told in zip(events, *outcomes, strict=True) if Outcome.ACKED not in told]
        await self._settled(unknown)
        self.known += events

    async def lose_the_answer(self) -> None:
        events = self._write(self.rng.randint(1, 8))
        await self.pace.take(len(events))
        await self.door.post_and_hang_up(events)
        self.lost += events

    async def repeat_late(self) -> None:
        """What was lost, or is long known, once more: with a stamp of another day."""
        known = [self.known.pop(self.rng.randrange(len(self.known))) for _ in range(min(3, len(self.known)))]
        again = self.lost[:5] + known
        del self.lost[:5]
        if again:
            stamp = datetime.now(UTC) - timedelta(days=self.rng.randint(20, 60))
            await self._settled(again, stamp.isoformat())

    async def try_the_impossible(self) -> None:
        """Refused events between good ones: the good ones are taken all the same."""
        bad = [self.writer.next_refused() for _ in range(self.rng.randint(1, 3))]
        for event in bad:
            self.door.ledger.event(event)
        events = [*self._write(2), *bad, *self._write(2)]
        await self._settled(events)

    async def finish(self) -> None:
        """Everything whose answer was lost, until it is known."""
        while self.lost:
            await self.repeat_late()

    async def _settled(self, events: Sequence[Planned], stamp: str | None = None) -> None:
        """Post and post again until each event is known to be taken or refused. Raises DoorDead."""
        give_up_at = time.monotonic() + PATIENCE_S
        unknown = list(events)
        wait_s = 0.1
        while unknown:
            await self.pace.take(len(unknown))
            outcomes = await self.door.post(unknown, stamp)
            left = [e for e, o in zip(unknown, outcomes, strict=True) if o is Outcome.UNKNOWN]
            if len(left) == len(unknown) and time.monotonic() > give_up_at:
                raise DoorDead(f"{len(left)} events not taken in {PATIENCE_S:.0f} s, the first {left[0].event_id}")
            unknown = left
            if unknown:
                await asyncio.sleep(wait_s * self.rng.uniform(0.5, 1.5))
                wait_s = min(1.0, wait_s * 2)
        self.known += [e for e in events if not e.refused]
        del self.known[:-200]


async def run_load(settings: LoadSettings, door: Door, hold: Callable[[], bool]) -> int:
    """Post until `settings.events` are sent and `hold` says no more; the number of sendings. Raises DoorDead."""
    pace = Pace(settings.events_per_s)
    clients = [client(settings, number, door, pace) for number in range(settings.clients)]

    async def live(client: Client) -> None:
        while pace.sent < settings.events or hold():
            await client.turn()
        await client.finish()

    async with asyncio.TaskGroup() as group:
        for each in clients:
            group.create_task(live(each))
    return pace.sent


def client(settings: LoadSettings, number: int, door: Door, pace: Pace) -> Client:
    rng = random.Random(f"{settings.seed}/{number}")
    first = 1_000 + number * ACTORS_PER_CLIENT
    users = 1_000 + settings.clients * ACTORS_PER_CLIENT
    writer = Writer(rng, settings.owner, f"{settings.seed}-{number}", range(first, first + ACTORS_PER_CLIENT), users)
    return Client(door, writer, rng, pace, settings.batch_max)
