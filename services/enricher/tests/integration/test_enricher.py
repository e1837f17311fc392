"""The enricher on a real broker: what it writes, and what a crash, a repeat and a second owner may not change."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing

import pytest

from feedmill.contracts import headers
from feedmill.contracts.topics import ACTIVITY_ENRICHED, ACTIVITY_PUBLISHED, ALL, dead_letters_of
from feedmill.enricher.lane import Lane, lanes_from_tail
from feedmill.enricher.main import GROUP
from feedmill.enricher.pipeline import Pipeline
from feedmill.enricher.processor import Enricher
from feedmill.runtime.dead_letters import RejectLimit
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.health import Health
from feedmill.runtime.kafka import Admin, Consumer, GroupSettings, LogReader, Producer
from feedmill.runtime.loop import Loop, LoopSettings
from feedmill.runtime.outcome import Fatal, Record, TopicPartition
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.running import Bench, RunningKafka, start_kafka

pytestmark = pytest.mark.integration
WAIT_S = 30.0
RAW, ENRICHED = ACTIVITY_PUBLISHED.name, ACTIVITY_ENRICHED.name


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[RunningKafka]:
    """A broker of this module's own: the topics have their real names."""
    with Bench() as bench:
        yield start_kafka(bench)


@pytest.fixture(scope="module")
def settings(own_kafka: RunningKafka) -> KafkaSettings:
    made = KafkaSettings(bootstrap_servers=own_kafka.bootstrap_servers)
    Admin(made).create_topics(ALL)
    return made


def _publish(settings: KafkaSettings, partition: int, ids: list[str], value: bytes | None = None) -> None:
    producer = Producer(settings, gapless=True)
    body = json.dumps({"actor_id": 1, "object": {"type": "post", "id": 2}}).encode()
    for event_id in ids:
        envelope = [
            (headers.CE_TYPE, b"feedmill.like.v1"),
            (headers.CE_TIME, b"2026-11-21T10:00:00Z"),
            (headers.EVENT_ID, event_id.encode()),
        ]
        producer.send(RAW, b"1", value if value is not None else body, envelope, partition)
    producer.flush(WAIT_S)
    producer.close()


def _read(settings: KafkaSettings, topic: str, partition: int) -> list[Record]:
    with LogReader(settings) as reader:
        return reader.tail(TopicPartition(topic, partition), 1_000_000, Deadline(WAIT_S))


def _source_offsets(records: list[Record]) -> list[int]:
    return [int(record.header(headers.SOURCE_OFFSET) or b"-1") for record in records]


def _enrich(settings: KafkaSettings, until: Callable[[], bool], *, rejects: int = 1_000) -> None:
    """Run an enricher in this thread until the condition holds."""
    stop = threading.Event()
    deadline = Deadline(WAIT_S)

    class Watched(Enricher):
        def idle(self) -> None:
            super().idle()
            if until() or deadline.passed:
                stop.set()

    def lanes_of(partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, Lane]:
        with LogReader(settings) as reader:
            return lanes_from_tail(reader, partitions, 1_000)

    with closing(Producer(settings, gapless=True)) as producer:
        enricher = Watched(
            consumer=lambda: consumer,
            producer=producer,
            pipeline=Pipeline(),
            lanes_of=lanes_of,
            commit_interval_ms=50,
            full_batch_records=2_000,
            reject_limit=RejectLimit(rejects),
        )
        consumer = Consumer(settings, GROUP, [RAW], GroupSettings(), on_revoked=enricher.revoked)
        with closing(consumer):
            Loop(consumer, enricher, stop, LoopSettings(poll_timeout_ms=20), Health("enricher")).run()
    assert until(), "not reached within the deadline"


def _reached(settings: KafkaSettings, partition: int, offset: int) -> Callable[[], bool]:
    """The enriched partition speaks of this raw offset."""
    return lambda: offset in _source_offsets(_read(settings, ENRICHED, partition))


def test_every_raw_record_is_followed_once_through_restarts(settings: KafkaSettings) -> None:
    first, second = [str(uuid.uuid4()) for _ in range(20)], [str(uuid.uuid4()) for _ in range(20)]
    _publish(settings, 0, first)
    _enrich(settings, _reached(settings, 0, 19))
    _publish(settings, 0, [*first[:5], *second])
    _enrich(settings, _reached(settings, 0, 44))
    records = _read(settings, ENRICHED, 0)
    offsets = _source_offsets(records)
    assert offsets == sorted(set(offsets)), "source offsets only grow"
    kept = [(r.header(headers.EVENT_ID) or b"").decode() for r in records if r.value is not None]
    assert kept == first + second, "the memory is rebuilt from the own output"


def test_work_not_committed_is_read_again_and_not_written_again(settings: KafkaSettings) -> None:
    ids = [str(uuid.uuid4()) for _ in range(10)]
    _publish(settings, 1, ids)
    _enrich(settings, _reached(settings, 1, 9))
    Admin(settings).delete_group(GROUP)
    _publish(settings, 1, [str(uuid.uuid4())])
    _enrich(settings, _reached(settings, 1, 10))
    assert _source_offsets(_read(settings, ENRICHED, 1)) == list(range(11))


def test_poison_is_a_dead_letter_and_its_neighbours_are_unharmed(settings: KafkaSettings) -> None:
    before, after = str(uuid.uuid4()), str(uuid.uuid4())
    _publish(settings, 2, [before])
    _publish(settings, 2, [str(uuid.uuid4())], value=b'{"actor_id":')
    _publish(settings, 2, [after])
    _enrich(settings, _reached(settings, 2, 2))
    letters = _read(settings, dead_letters_of(RAW).name, 0)
    (letter,) = [r for r in letters if r.header(headers.DLQ_PARTITION) == b"2"]
    assert letter.value == b'{"actor_id":'
    assert (letter.header(headers.DLQ_OFFSET), letter.header(headers.DLQ_TOPIC)) == (b"1", RAW.encode())
    assert (letter.header(headers.DLQ_REASON) or b"").startswith(b"not_json")
    assert _source_offsets(_read(settings, ENRICHED, 2)) == [0, 2]


def test_too_many_rejects_in_a_row_stop_the_process_after_they_are_kept(settings: KafkaSettings) -> None:
    _publish(settings, 3, [str(uuid.uuid4()) for _ in range(5)], value=b"{")
    with pytest.raises(Fatal, match="in a row"):
        _enrich(settings, lambda: False, rejects=5)
    letters = _read(settings, dead_letters_of(RAW).name, 0)
    assert len([r for r in letters if r.header(headers.DLQ_PARTITION) == b"3"]) == 5
    _publish(settings, 3, [str(uuid.uuid4())])
    _enrich(settings, _reached(settings, 3, 5), rejects=5)
