"""Dead letters: where poison goes, with its reason and origin, before any position moves past it."""

from __future__ import annotations

from collections.abc import Sequence

from feedmill.contracts import headers
from feedmill.contracts.topics import dead_letters_of
from feedmill.runtime.failpoints import Point, hit
from feedmill.runtime.kafka import Producer
from feedmill.runtime.outcome import DeadLetter, Fatal

_ADDED = frozenset({headers.DLQ_REASON, headers.DLQ_TOPIC, headers.DLQ_PARTITION, headers.DLQ_OFFSET})


class DeadLetters:
    """Publishes to `<topic>.dlq`. The same letter may be published again after a crash: its origin tells."""

    def __init__(self, producer: Producer, *, ack_timeout_s: float = 1.0) -> None:
        self._producer = producer
        self._ack_timeout_s = ack_timeout_s
        self._sent: Sequence[DeadLetter] | None = None

    def publish(self, letters: Sequence[DeadLetter]) -> None:
        """Returns once the broker acknowledged each. Raises Transient; the same list again only waits."""
        if not letters:
            return
        if self._sent is not letters:
            for letter in letters:
                self._send(letter)
            self._sent = letters
        self._producer.flush(self._ack_timeout_s)
        self._sent = None
        hit(Point.DEAD_LETTER_ACKED)

    def _send(self, letter: DeadLetter) -> None:
        topic, partition, offset = letter.origin
        record, rejected = letter.record, letter.rejected
        kept = [(name, value) for name, value in record.headers if name not in _ADDED]
        reason = f"{rejected.reason}: {rejected.detail}" if rejected.detail else str(rejected.reason)
        added = [
            (headers.DLQ_REASON, reason.encode("utf-8", "replace")[:1_024]),
            (headers.DLQ_TOPIC, topic.encode()),
            (headers.DLQ_PARTITION, str(partition).encode()),
            (headers.DLQ_OFFSET, str(offset).encode()),
        ]
        self._producer.send(dead_letters_of(record.topic).name, record.key, record.value, kept + added)


class RejectLimit:
    """Too many rejects in a row mean that something upstream is broken, not the records."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_a_row = 0

    def check(self, *, rows: int, rejected: int) -> None:
        """To be called after dead letters are acknowledged and positions have moved. Raises Fatal."""
        self._in_a_row = self._in_a_row + rejected if rows == 0 else 0
        if self._in_a_row >= self._limit:
            raise Fatal(
                f"{self._in_a_row} records in a row were rejected (limit {self._limit}); they are in the dead-letter "
                "topic: look at `feedmill dlq list`, mend what sends them, start again"
            )
