from __future__ import annotations

import pytest

from feedmill.contracts import headers
from feedmill.contracts.errors import Code, Rejected
from feedmill.runtime.dead_letters import DeadLetters, RejectLimit
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import Headers, Producer
from feedmill.runtime.outcome import DeadLetter, Fatal, Record, TopicPartition, Transient


class _Sent(Producer):
    """What a producer was asked to send; acknowledges when told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None, Headers]] = []
        self.away = False

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int = -1) -> None:
        self.sent.append((topic, key, value, headers))

    def flush(self, timeout_s: float) -> None:
        if self.away:
            raise Transient("away")


def _letter(record_headers: Headers | None = None) -> DeadLetter:
    record = Record("activity.published.v1", 3, 42, 1, b"7", b"{", record_headers or [("event-id", b"x")])
    return DeadLetter(record, Rejected(Code.NOT_JSON, "must be JSON"), ("activity.published.v1", 3, 42))


def test_a_dead_letter_keeps_bytes_key_and_headers_and_says_where_it_comes_from() -> None:
    producer = _Sent()
    DeadLetters(producer).publish([_letter()])
    ((topic, key, value, added),) = producer.sent
    assert (topic, key, value) == ("activity.published.v1.dlq", b"7", b"{")
    assert dict(added) == {
        "event-id": b"x",
        headers.DLQ_REASON: b"not_json: must be JSON",
        headers.DLQ_TOPIC: b"activity.published.v1",
        headers.DLQ_PARTITION: b"3",
        headers.DLQ_OFFSET: b"42",
    }


def test_while_the_broker_is_away_the_same_letters_are_sent_once() -> None:
    producer, letters = _Sent(), [_letter()]
    dead_letters = DeadLetters(producer)
    producer.away = True
    for _ in range(3):
        with pytest.raises(Transient):
            dead_letters.publish(letters)
    producer.away = False
    dead_letters.publish(letters)
    assert len(producer.sent) == 1


def test_a_letter_that_dies_again_has_each_header_once() -> None:
    producer = _Sent()
    DeadLetters(producer).publish([_letter([(headers.DLQ_REASON, b"old"), (headers.DLQ_OFFSET, b"1")])])
    names = [name for name, _ in producer.sent[0][3]]
    assert sorted(names) == sorted({headers.DLQ_REASON, headers.DLQ_TOPIC, headers.DLQ_PARTITION, headers.DLQ_OFFSET})


def test_too_many_rejects_in_a_row_are_fatal_and_a_good_record_ends_the_row() -> None:
    limit = RejectLimit(3)
    limit.check(rows=0, rejected=2)
    limit.check(rows=1, rejected=2)
    limit.check(rows=0, rejected=2)
    with pytest.raises(Fatal, match="3 records in a row"):
        limit.check(rows=0, rejected=1)


def test_a_topic_partition_is_its_tuple_and_a_header_counts_last() -> None:
    assert TopicPartition("t", 1) == ("t", 1)
    assert str(TopicPartition("t", 1)) == "t/1"
    assert Record("t", 1, 0, 0, None, None, [("a", b"1"), ("a", b"2")]).header("a") == b"2"


def test_a_deadline_hands_out_what_is_left() -> None:
    deadline = Deadline(0.0)
    assert deadline.passed
    assert deadline.slice_s(5) == 0.0
    assert 0 < Deadline(10).slice_s(0.5) <= 0.5
