"""Messages -> acknowledgements. A full queue or a log known to be away is said at once, for each message."""

from collections.abc import Awaitable, Iterable, Sequence
from typing import Final, Protocol

from feedmill.contracts.errors import Code, Rejected
from feedmill.runtime import failpoints
from feedmill.runtime.failpoints import Point
from feedmill.runtime.kafka import Ack, Message, QueueFull

LOG_AWAY: Final = Rejected(Code.UNAVAILABLE, "the log did not acknowledge it: send it again with the same id")
_QUEUE_FULL: Final = Ack(-1, -1, "queue-full")


class Producer(Protocol):
    """feedmill.runtime.kafka.AsyncProducer."""

    @property
    def available(self) -> bool: ...
    def send_batch(self, parts: Iterable[Sequence[Message]], most: int) -> Awaitable[list[Ack]]: ...


class Sender:
    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    @property
    def available(self) -> bool:
        """False while no broker can be reached."""
        return self._producer.available

    async def send(self, messages: Sequence[Message]) -> Sequence[Ack]:
        """In the order of the messages; an error means: not, or not surely, kept."""
        return await self.send_parts([messages], len(messages)) if messages else ()

    async def send_parts(self, parts: Iterable[Sequence[Message]], most: int) -> Sequence[Ack]:
        """`send` of all of them, each part asked for when the one before it is on its way; `most` messages in all."""
        failpoints.hit(Point.INGEST_BEFORE_PRODUCE)
        try:
            acks = await self._producer.send_batch(parts, most)
        except QueueFull:
            return [_QUEUE_FULL for messages in parts for _ in messages]
        if acks:
            failpoints.hit(Point.INGEST_AFTER_ACK)
        return acks
