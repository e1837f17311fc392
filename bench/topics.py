"""Topics of the benches' own, and the product's own made empty again."""

from __future__ import annotations

import time
from collections.abc import Sequence

from confluent_kafka.admin import AdminClient

from feedmill.contracts.topics import ACTIVITY_ENRICHED, ACTIVITY_PUBLISHED, Topic
from feedmill.runtime.kafka import Admin
from feedmill.runtime.outcome import TopicPartition, Transient
from feedmill.runtime.settings import KafkaSettings

SETTLE_S = 30.0


def make_topic(bootstrap_servers: str, name: str, partitions: int) -> None:
    _make(bootstrap_servers, [Topic(name, partitions, 1_048_576)])


def empty_log(bootstrap_servers: str) -> None:
    """activity.published.v1 and activity.enriched.v1 without a record: what one bench wrote is none of the next's."""
    topics = (ACTIVITY_PUBLISHED, ACTIVITY_ENRICHED)
    client = AdminClient({"bootstrap.servers": bootstrap_servers})
    for done in client.delete_topics([topic.name for topic in topics], operation_timeout=SETTLE_S).values():
        done.result(SETTLE_S)
    deadline_s = time.monotonic() + SETTLE_S
    while any(topic.name in client.list_topics(timeout=10).topics for topic in topics):
        assert time.monotonic() < deadline_s, "the topics do not go"
        time.sleep(0.05)
    _make(bootstrap_servers, topics)


def _make(bootstrap_servers: str, topics: Sequence[Topic]) -> None:
    """Again and again: a topic just deleted is gone from one broker's view before it is from the controller's."""
    admin = Admin(KafkaSettings(bootstrap_servers=bootstrap_servers))
    places = [TopicPartition(topic.name, p) for topic in topics for p in range(topic.partitions)]
    deadline_s = time.monotonic() + SETTLE_S
    while True:
        try:
            admin.create_topics(topics)
            admin.ends(places)
        except Transient:
            assert time.monotonic() < deadline_s, "the topics get no leaders"
            time.sleep(0.2)
        else:
            return
