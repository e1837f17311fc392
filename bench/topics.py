"""Topics of the benches' own."""

from __future__ import annotations

from feedmill.contracts.topics import Topic
from feedmill.runtime.kafka import Admin
from feedmill.runtime.settings import KafkaSettings


def make_topic(bootstrap_servers: str, name: str, partitions: int) -> None:
    Admin(KafkaSettings(bootstrap_servers=bootstrap_servers)).create_topics([Topic(name, partitions, 1_048_576)])
