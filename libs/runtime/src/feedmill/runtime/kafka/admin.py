"""Topics, their ends, and groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as _TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from feedmill.contracts.topics import Topic
from feedmill.runtime.kafka.client import client_config, log, raised_from
from feedmill.runtime.outcome import Fatal, TopicPartition
from feedmill.runtime.settings import KafkaSettings

_LEADERS_MOVED: Final = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._NOENT,  # it knows of no leader
    }
)
"""What the client remembers of topics and leaders is old. Asked for ends it says so for minutes and does not ask anew,
as producers and consumers do; asked for all topics it does.
"""


class Admin:
    """Topics and their ends."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._admin = AdminClient(client_config(settings))

    def create_topics(self, topics: Sequence[Topic], *, replication: int = 1, timeout_s: float = 30) -> list[str]:
        """Creates those that are missing; the names created. Raises Fatal where one exists with other partitions."""
        existing = self.partitions(timeout_s)
        for topic in topics:
            found = existing.get(topic.name)
            if found is not None and found != topic.partitions:
                raise Fatal(f"topic {topic.name} has {found} partitions, declared are {topic.partitions}")
        missing = [topic for topic in topics if topic.name not in existing]
        if not missing:
            return []
        min_isr = "2" if replication >= 3 else "1"
        asked = [
            NewTopic(
                topic.name,
                topic.partitions,
                replication,
                config={
                    "cleanup.policy": "delete",
                    "retention.ms": str(topic.retention_ms),
                    "retention.bytes": "-1",
                    "max.message.bytes": str(topic.max_message_bytes),
                    "message.timestamp.type": "LogAppendTime",
                    "min.insync.replicas": min_isr,
                },
            )
            for topic in missing
        ]
        for name, done in self._admin.create_topics(asked, operation_timeout=timeout_s).items():
            try:
                done.result(timeout_s)
            except KafkaException as exception:
                if exception.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise raised_from(exception) from exception
            log.info("topic created: %s", name)
        return [topic.name for topic in missing]

    def partitions(self, timeout_s: float = 10) -> dict[str, int]:
        """Topic name -> number of partitions, internal topics left out. Raises Transient."""
        try:
            found = self._admin.list_topics(timeout=timeout_s).topics
        except KafkaException as exception:
            raise raised_from(exception) from exception
        return {name: len(topic.partitions) for name, topic in found.items() if not name.startswith("__")}

    def ends(self, partitions: Sequence[TopicPartition], timeout_s: float = 5) -> dict[TopicPartition, int]:
        """The offset the next record of each partition will get, in one request. Raises Transient."""
        try:
            return self._ends(partitions, timeout_s)
        except KafkaException as exception:
            if exception.args[0].code() not in _LEADERS_MOVED:
                raise raised_from(exception) from exception
        self.partitions(timeout_s)
        try:
            return self._ends(partitions, timeout_s)
        except KafkaException as exception:
            raise raised_from(exception) from exception

    def _ends(self, partitions: Sequence[TopicPartition], timeout_s: float) -> dict[TopicPartition, int]:
        asked = {_TopicPartition(tp.topic, tp.partition): OffsetSpec.latest() for tp in partitions}
        futures = self._admin.list_offsets(asked, request_timeout=timeout_s)
        return {TopicPartition(tp.topic, tp.partition): int(f.result().offset) for tp, f in futures.items()}

    def delete_group(self, group: str, timeout_s: float = 30) -> None:
        """Forget what a stopped group has committed. Raises Fenced while it still has members."""
        try:
            for done in self._admin.delete_consumer_groups([group], request_timeout=timeout_s).values():
                done.result(timeout_s)
        except KafkaException as exception:
            if exception.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise raised_from(exception) from exception
