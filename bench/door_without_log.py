"""`feedmill-ingest` with a producer that has acknowledged before it is asked: `python -m bench.door_without_log`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import count

from feedmill.ingest import house
from feedmill.ingest.main import main
from feedmill.runtime.kafka import Ack, AsyncProducerSettings, Message
from feedmill.runtime.settings import KafkaSettings


class Acknowledged:
    """Takes a producer's place."""

    available = True
    queued_records = 0

    def __init__(self, settings: KafkaSettings, producer_settings: AsyncProducerSettings) -> None:
        self._offsets = count()

    def check(self) -> None:
        """Nothing can break."""

    def send_batch(self, parts: Iterable[Sequence[Message]], most: int) -> asyncio.Future[list[Ack]]:
        future: asyncio.Future[list[Ack]] = asyncio.get_running_loop().create_future()
        future.set_result([Ack(0, next(self._offsets)) for messages in parts for _ in messages])
        return future

    async def close(self, timeout_s: float) -> None:
        """Nothing is on its way."""


if __name__ == "__main__":
    vars(house)["AsyncProducer"] = Acknowledged
    raise SystemExit(main())
