"""Messages -> acknowledgements. A full queue or a log known to be away is said at once, for each message."""

from collections.abc import Awaitable, Sequence
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
    def send_batch(self, messages: Sequence[Message]) -> Awaitable[list[Ack]]: ...


class Sender:
    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    @property
    def available(self) -> bool:
        """False while no broker can be reached."""
        return self._producer.available

    async def send(self, messages: Sequence[Message]) -> Sequence[Ack]:
        """In the order of the messages; an error means: not, or not surely, kept."""
        if not messages:
            return ()
        failpoints.hit(Point.INGEST_BEFORE_PRODUCE)
        try:
            acks = await self._producer.send_batch(messages)
        except QueueFull:
            return [_QUEUE_FULL] * len(messages)
        failpoints.hit(Point.INGEST_AFTER_ACK)
        return acks
