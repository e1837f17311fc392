"""An event that no store has is found in the log: waiting, or dead, with the reason."""

import asyncio
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing

import pytest

from feedmill.api.log_search import KafkaSearch
from feedmill.api.settings import TraceSettings
from feedmill.api.wire import Trace
from feedmill.contracts import headers as h
from feedmill.contracts import topics
from feedmill.contracts.ids import event_id_of_place
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import Admin, Headers, LogReader, Producer
from feedmill.runtime.outcome import TopicPartition, Transient
from feedmill.runtime.position import Place
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.running import RunningKafka

pytestmark = pytest.mark.integration
RAW, ENRICHED = topics.ACTIVITY_PUBLISHED.name, topics.ACTIVITY_ENRICHED.name


class Log:
    """The platform's topics on a real broker."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self.applied: dict[Place, int] = {}
        admin = Admin(settings)
        admin.create_topics(topics.ALL)
        until_every_partition_has_its_leader(admin)
        self._producer = Producer(settings, gapless=False)

    def close(self) -> None:
        self._producer.close()

    def append(self, topic: str, partition: int, value: bytes | None, headers: Mapping[str, object]) -> int:
        """The record's offset."""
        sent: Headers = [(name, str(text).encode()) for name, text in headers.items()]
        self._producer.send(topic, b"1", value, sent, partition=partition)
        self._producer.flush(30)
        return Admin(self.settings).ends([TopicPartition(topic, partition)])[TopicPartition(topic, partition)] - 1

    def find(self, event_id: uuid.UUID, **settings: float) -> Trace:
        search = KafkaSearch(self.settings, TraceSettings.model_validate({"search_s": 20, **settings}), self._positions)
        return asyncio.run(search.find(event_id))

    def _positions(self) -> Mapping[Place, int]:
        return self.applied


def until_every_partition_has_its_leader(admin: Admin) -> None:
    everywhere = [TopicPartition(topic.name, p) for topic in topics.ALL for p in range(topic.partitions)]
    deadline = Deadline(60)
    while True:
        try:
            admin.ends(everywhere, timeout_s=2)
            return
        except Transient:
            assert not deadline.passed


@pytest.fixture
def log(kafka: RunningKafka) -> Iterator[Log]:
    with closing(Log(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers))) as opened:
        yield opened


def test_an_event_nowhere_is_unknown(log: Log) -> None:
    assert log.find(uuid.uuid4()).status == "unknown"


def test_an_accepted_event_is_pending_and_then_enriched(log: Log) -> None:
    event_id = uuid.uuid4()
    offset = log.append(RAW, 2, b"{}", {h.EVENT_ID: event_id, h.CE_TYPE: "feedmill.like.v1"})
    found = log.find(event_id)
    assert (found.status, found.type) == ("pending", "feedmill.like.v1")
    assert [(hop.hop, hop.topic, hop.partition, hop.offset) for hop in found.hops] == [("accepted", RAW, 2, offset)]
    log.append(ENRICHED, 2, None, {h.MARKER: 1, h.SOURCE_OFFSET: offset})
    there = log.append(ENRICHED, 2, b"{}", {h.EVENT_ID: event_id, h.SOURCE_OFFSET: offset})
    hops = log.find(event_id).hops
    assert [(hop.hop, hop.offset) for hop in hops] == [("accepted", offset), ("enriched", there)]
    assert all(hop.at is not None for hop in hops)


def test_what_is_applied_is_not_searched(log: Log) -> None:
    event_id = uuid.uuid4()
    log.applied[(RAW, 2)] = log.append(RAW, 2, b"{}", {h.EVENT_ID: event_id})
    assert log.find(event_id).status == "unknown"


def test_a_search_looks_back_no_further_than_so_many_records(log: Log) -> None:
    event_id = uuid.uuid4()
    log.append(RAW, 4, b"{}", {h.EVENT_ID: event_id})
    log.append(RAW, 4, b"{}", {h.EVENT_ID: uuid.uuid4()})
    assert log.find(event_id, search_records=1).status == "unknown"
    assert log.find(event_id, search_records=2).status == "pending"


def test_a_record_without_an_envelope_is_found_by_its_place(log: Log) -> None:
    offset = log.append("user-interaction", 1, b"{}", {})
    found = log.find(event_id_of_place("user-interaction", 1, offset))
    assert (found.status, found.type, found.hops[0].offset) == ("pending", None, offset)


def test_a_dead_letter_says_why_and_a_replay_is_pending_again(log: Log) -> None:
    event_id = uuid.uuid4()
    sent = {h.EVENT_ID: event_id, h.CE_TYPE: "feedmill.post.v1"}
    offset = log.append(RAW, 0, b"{", sent)
    origin = {h.DLQ_TOPIC: RAW, h.DLQ_PARTITION: 0, h.DLQ_OFFSET: offset}
    log.append(f"{RAW}.dlq", 0, b"{", sent | origin | {h.DLQ_REASON: "not_json"})
    log.applied[(RAW, 0)] = offset
    found = log.find(event_id)
    assert (found.status, found.reason, found.type) == ("dead-lettered", "not_json", "feedmill.post.v1")
    assert [(hop.hop, hop.topic, hop.offset) for hop in found.hops] == [("accepted", RAW, offset)]
    assert found.hops[0].at is not None
    again = log.append(RAW, 0, b"{}", sent | origin)
    found = log.find(event_id)
    assert (found.status, found.hops[0].offset) == ("pending", again)


def test_a_dead_letter_without_an_envelope_is_found_by_its_origin(log: Log) -> None:
    offset = log.append("content-meta", 3, b"{", {})
    origin = {h.DLQ_TOPIC: "content-meta", h.DLQ_PARTITION: 3, h.DLQ_OFFSET: offset, h.DLQ_REASON: "not_json"}
    log.append("content-meta.dlq", 0, b"{", origin)
    assert log.find(event_id_of_place("content-meta", 3, offset)).status == "dead-lettered"


def test_a_log_that_is_away_is_said_in_time() -> None:
    settings = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    search = KafkaSearch(settings, TraceSettings(search_s=0.5), dict)
    with pytest.raises(Transient):
        asyncio.run(search.find(uuid.uuid4()))


def test_reading_alone_joins_no_group(log: Log) -> None:
    with LogReader(log.settings) as reader:
        assert reader.ends(TopicPartition(RAW, 0))[1] >= 0
