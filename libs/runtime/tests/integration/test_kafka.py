"""The Kafka clients against a real broker."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import pairwise

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from feedmill.contracts.topics import Topic
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.health import Health
from feedmill.runtime.kafka import (
    Admin,
    AsyncProducer,
    AsyncProducerSettings,
    Commit,
    Consumer,
    GroupSettings,
    LogReader,
    Message,
    Producer,
    QueueFull,
)
from feedmill.runtime.loop import Loop, LoopSettings
from feedmill.runtime.outcome import Fatal, Fenced, Overtaken, Record, TopicPartition, Transient
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.running import RunningKafka
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.integration

WAIT_S = 20.0


@pytest.fixture
def settings(kafka: RunningKafka) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)


@pytest.fixture
def topic(settings: KafkaSettings, topic_name: Callable[[str], str]) -> str:
    name = topic_name("log")
    Admin(settings).create_topics([Topic(name, 2, 1_048_576)])
    return name


def _fill(settings: KafkaSettings, topic: str, values: Sequence[str], partition: int = 0) -> None:
    with closing(Producer(settings, gapless=True)) as producer:
        _send(producer, topic, values, partition)


def _send(producer: Producer, topic: str, values: Sequence[str], partition: int = 0) -> None:
    for value in values:
        producer.send(topic, b"k", value.encode(), [("event-id", b"1")], partition)
    producer.flush(WAIT_S)


class _Recorder:
    """A processor that keeps what it saw and can be told to fail."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self.began_s: list[float] = []
        self.starts: dict[TopicPartition, int] = {}
        self.assignments = 0
        self.revocations = 0
        self.fail_next: list[Exception] = []
        self.drained = False
        self.turn: Callable[[], None] = lambda: None

    def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        self.assignments += 1
        return {tp: self.starts.get(tp, 0) for tp in partitions}

    def revoked(self) -> None:
        self.revocations += 1

    def process(self, records: Sequence[Record]) -> None:
        self.began_s.append(time.monotonic())
        if self.fail_next:
            raise self.fail_next.pop(0)
        for record in records:
            self.values.append((record.value or b"").decode())
            self.starts[record.topic_partition] = record.offset + 1

    def idle(self) -> None:
        self.turn()

    def drain(self, deadline: Deadline) -> None:
        self.drained = True


def _run(
    settings: KafkaSettings,
    topic: str,
    processor: _Recorder,
    until: Callable[[], bool],
    group: str = "",
    **loop: int,
) -> None:
    consumer = Consumer(
        settings,
        group or f"group-{topic}",
        [topic],
        GroupSettings(session_timeout_ms=6_000),
        on_revoked=processor.revoked,
    )
    stop = threading.Event()
    deadline = Deadline(WAIT_S)

    def look() -> None:
        if until() or deadline.passed:
            stop.set()

    processor.turn = look
    health = Health("runtime")

    try:
        Loop(consumer, processor, stop, LoopSettings(poll_timeout_ms=20, retry_max_ms=50, **loop), health).run()
    finally:
        consumer.close()
    assert until(), "not reached within the deadline"
    assert not health.ready, "a drained process takes no more work"


def test_topics_are_created_once_and_a_change_of_partitions_is_loud(settings: KafkaSettings, topic: str) -> None:
    admin = Admin(settings)
    assert admin.create_topics([Topic(topic, 2, 1_048_576)]) == []
    with pytest.raises(Fatal, match="declared are 3"):
        admin.create_topics([Topic(topic, 3, 1_048_576)])


def test_ends_count_what_was_written(settings: KafkaSettings, topic: str) -> None:
    _fill(settings, topic, ["a", "b"])
    ends = Admin(settings).ends([TopicPartition(topic, 0), TopicPartition(topic, 1)])
    assert ends == {TopicPartition(topic, 0): 2, TopicPartition(topic, 1): 0}


def test_ends_of_what_has_changed_since_it_was_last_asked_for(settings: KafkaSettings, topic: str) -> None:
    """A topic has grown, which clients learn of as they learn of leaders elected anew."""
    admin = Admin(settings)

    def known(partition: int) -> bool:
        place = TopicPartition(topic, partition)
        with suppress(Transient):
            return admin.ends([place]) == {place: 0}
        return False

    wait_until(lambda: known(0))
    client = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    client.create_partitions([NewPartitions(topic, 3)])[topic].result(WAIT_S)
    wait_until(lambda: known(2))


def test_the_log_reader_reads_ranges_and_tails(settings: KafkaSettings, topic: str) -> None:
    _fill(settings, topic, [str(i) for i in range(10)])
    _fill(settings, topic, ["x"], partition=1)
    place = TopicPartition(topic, 0)
    with LogReader(settings) as reader:
        assert reader.ends(place) == (0, 10)
        assert [r.value for r in reader.tail(place, 3, Deadline(WAIT_S))] == [b"7", b"8", b"9"]
        both = {place: (2, 4), TopicPartition(topic, 1): (0, 1)}
        assert sorted(r.value or b"" for r in reader.read(both, Deadline(WAIT_S))) == [b"2", b"3", b"x"]
        assert list(reader.read({place: (10, 10)}, Deadline(WAIT_S))) == []


def test_records_keep_key_headers_and_the_brokers_time(settings: KafkaSettings, topic: str) -> None:
    _fill(settings, topic, ["a"])
    with LogReader(settings) as reader:
        (record,) = reader.tail(TopicPartition(topic, 0), 1, Deadline(WAIT_S))
    assert (record.key, record.header("event-id"), record.header("none")) == (b"k", b"1", None)
    assert record.timestamp_ms > 1_700_000_000_000


def test_the_loop_starts_where_the_processor_says(settings: KafkaSettings, topic: str) -> None:
    _fill(settings, topic, [str(i) for i in range(5)])
    processor = _Recorder()
    processor.starts[TopicPartition(topic, 0)] = 3
    _run(settings, topic, processor, lambda: len(processor.values) >= 2)
    assert processor.values == ["3", "4"]
    assert processor.drained


def test_a_batch_begins_a_time_after_one_that_was_not_full(settings: KafkaSettings, topic: str) -> None:
    left = ["a", "b", "c", "d"]
    processor = _Recorder()
    with closing(Producer(settings, gapless=True)) as producer:

        def posted_one_by_one() -> bool:
            if left and len(processor.values) == 4 - len(left):
                _send(producer, topic, [left.pop(0)])
            return len(processor.values) >= 4

        _run(settings, topic, processor, posted_one_by_one, spacing_ms=500)
    assert processor.values == ["a", "b", "c", "d"]
    assert [after - before > 0.25 for before, after in pairwise(processor.began_s)] == [True, True, True]


def test_full_batches_follow_each_other_at_once(settings: KafkaSettings, topic: str) -> None:
    """Else these would take longer than anybody waits here."""
    values = [str(number) for number in range(2 * int(WAIT_S))]
    _fill(settings, topic, values)
    processor = _Recorder()
    _run(settings, topic, processor, lambda: processor.values == values, max_records=1, spacing_ms=1_000)


def test_a_store_that_is_away_delays_the_batch_and_loses_nothing(settings: KafkaSettings, topic: str) -> None:
    _fill(settings, topic, ["a", "b", "c"])
    processor = _Recorder()
    processor.fail_next = [Transient("away"), Transient("away"), Transient("away")]
    _run(settings, topic, processor, lambda: len(processor.values) >= 3)
    assert processor.values == ["a", "b", "c"]
    assert processor.assignments == 1


def test_an_overtaken_processor_starts_again_from_what_is_stored(settings: KafkaSettings, topic: str) -> None:
    _fill(settings, topic, ["a", "b", "c"])
    processor = _Recorder()
    processor.fail_next = [Overtaken("another owner")]
    processor.starts[TopicPartition(topic, 0)] = 1
    _run(settings, topic, processor, lambda: len(processor.values) >= 2)
    assert processor.values == ["b", "c"]
    assert processor.assignments == 2


def test_a_fatal_error_ends_the_loop(settings: KafkaSettings, topic: str) -> None:
    _fill(settings, topic, ["a"])
    processor = _Recorder()
    processor.fail_next = [Fatal("hole")]
    with pytest.raises(Fatal, match="hole"):
        _run(settings, topic, processor, lambda: False)


def test_a_position_before_the_log_begins_is_a_loud_stop(settings: KafkaSettings, topic: str) -> None:
    _fill(settings, topic, ["a"])
    processor = _Recorder()
    processor.starts[TopicPartition(topic, 0)] = 1_000
    with pytest.raises(Fatal, match=r"(?i)offset"):
        _run(settings, topic, processor, lambda: False)


def test_commits_carry_metadata_and_a_lost_membership_is_fenced(settings: KafkaSettings, topic: str) -> None:
    place = TopicPartition(topic, 0)
    consumer = Consumer(settings, f"g-{topic}", [topic], GroupSettings(), on_revoked=lambda: None)
    deadline = Deadline(WAIT_S)
    while not consumer.assignment and not deadline.passed:
        consumer.poll(1, 0.05)
    consumer.start(dict.fromkeys(consumer.assignment, 0))
    consumer.commit({place: Commit(7, '{"start":3}')})
    assert consumer.committed([place, TopicPartition(topic, 1)]) == {place: Commit(7, '{"start":3}')}
    consumer.close()
    again = Consumer(settings, f"g-{topic}", [topic], GroupSettings(), on_revoked=lambda: None)
    with pytest.raises(Fenced):
        again.commit({place: Commit(8)})
    again.close()


@pytest.mark.parametrize("held", [True, False], ids=["asked for new starts", "straight on"])
def test_what_was_paused_flows_again_when_it_starts_anew(settings: KafkaSettings, topic: str, held: bool) -> None:
    """A batch given up while a store was away leaves its partitions paused; the next start must not inherit that."""
    _fill(settings, topic, ["a", "b"])
    consumer = Consumer(settings, f"g-{topic}", [topic], GroupSettings(), on_revoked=lambda: None)
    deadline = Deadline(WAIT_S)
    while not consumer.assignment and not deadline.passed:
        consumer.poll(1, 0.05)
    consumer.start(dict.fromkeys(consumer.assignment, 0))
    consumer.pause()
    if held:
        consumer.hold()
        consumer.poll(1, 0.05)
    consumer.start(dict.fromkeys(consumer.assignment, 0))
    taken: list[Record] = []
    while len(taken) < 2 and not deadline.passed:
        taken += consumer.poll(2, 0.1)
    consumer.close()
    assert [record.value for record in taken] == [b"a", b"b"]


def test_lag_counts_what_was_not_taken(settings: KafkaSettings, topic: str) -> None:
    _fill(settings, topic, ["a", "b", "c", "d"])
    consumer = Consumer(settings, f"g-{topic}", [topic], GroupSettings(), on_revoked=lambda: None)
    deadline = Deadline(WAIT_S)
    while not consumer.assignment and not deadline.passed:
        consumer.poll(1, 0.05)
    assert consumer.lag() == {}, "nothing flows yet"
    consumer.start({TopicPartition(topic, 0): 1, TopicPartition(topic, 1): 0})
    taken: list[Record] = []
    while len(taken) < 2 and not deadline.passed:
        taken += consumer.poll(1, 0.1)
    assert consumer.lag() == {TopicPartition(topic, 0): 1, TopicPartition(topic, 1): 0}
    consumer.close()


def test_a_batch_gets_its_acknowledgements_in_the_order_sent(settings: KafkaSettings, topic: str) -> None:
    async def send() -> list[tuple[int, int, str | None]]:
        producer = AsyncProducer(settings, AsyncProducerSettings())
        messages: list[Message] = [(topic, str(i % 7).encode(), b"v%d" % i, []) for i in range(500)]
        acks = await asyncio.wait_for(
            producer.send_batch([messages[:1], messages[1:400], [], messages[400:]], 510), WAIT_S
        )
        assert producer.queued_records == 0
        await producer.close(WAIT_S)
        return [(ack.partition, ack.offset, ack.error) for ack in acks]

    acks = asyncio.run(send())
    assert all(error is None for _, _, error in acks)
    with LogReader(settings) as reader:
        for index in (0, 123, 499):
            partition, offset, _ = acks[index]
            (record,) = reader.read({TopicPartition(topic, partition): (offset, offset + 1)}, Deadline(WAIT_S))
            assert record.value == b"v%d" % index


def test_a_full_queue_refuses_a_batch_whole(settings: KafkaSettings, topic: str) -> None:
    async def send() -> None:
        producer = AsyncProducer(settings, AsyncProducerSettings(max_queued_records=1_000, linger_ms=50))
        message: Message = (topic, b"k", b"v", [])
        first = producer.send_batch([[message] * 900], 900)
        with pytest.raises(QueueFull):
            producer.send_batch([[message] * 200], 200)
        assert len(await asyncio.wait_for(first, WAIT_S)) == 900
        await producer.close(WAIT_S)

    asyncio.run(send())


def test_a_batch_whose_making_fails_in_the_middle_leaves_nothing_in_flight(settings: KafkaSettings, topic: str) -> None:
    """The room it took is free again: else a door that fails often would end up refusing everyone."""

    def parts() -> Iterator[list[Message]]:
        yield [(topic, b"k", b"v", [])] * 300
        raise LookupError("the second part cannot be made")

    async def send() -> None:
        producer = AsyncProducer(settings, AsyncProducerSettings(max_queued_records=2_000))
        for _ in range(3):
            with pytest.raises(LookupError):
                producer.send_batch(parts(), 600)
        acks = await asyncio.wait_for(producer.send_batch([[(topic, b"k", b"last", [])] * 100], 100), WAIT_S)
        assert (len(acks), producer.queued_records) == (100, 0)
        await producer.close(WAIT_S)

    asyncio.run(send())


def test_an_unreachable_broker_is_known_and_every_waiter_is_answered() -> None:
    async def send() -> None:
        nobody = KafkaSettings(bootstrap_servers="127.0.0.1:1")
        producer = AsyncProducer(nobody, AsyncProducerSettings(delivery_timeout_ms=1_500))
        (ack,) = await asyncio.wait_for(producer.send_batch([[("t", b"k", b"v", [])]], 1), WAIT_S)
        assert ack.error is not None
        assert not producer.available
        await producer.close(1)

    asyncio.run(send())


def test_closing_answers_everyone(settings: KafkaSettings, topic: str) -> None:
    async def send() -> None:
        producer = AsyncProducer(settings, AsyncProducerSettings(linger_ms=500))
        waiting = producer.send_batch([[(topic, b"k", b"v", [])] * 10], 10)
        await producer.close(WAIT_S)
        assert [ack.error for ack in await waiting] == [None] * 10

    asyncio.run(send())
