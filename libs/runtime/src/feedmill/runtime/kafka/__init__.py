"""The only package that imports confluent_kafka: consumer, producers, log reader and admin, in our own words.

Errors come out as `Transient` (worth another try), `Fenced` (the group moved on) or `Fatal` (end the process).
"""

from feedmill.runtime.kafka.admin import Admin
from feedmill.runtime.kafka.async_producer import (
    Ack,
    AsyncProducer,
    AsyncProducerSettings,
    Message,
    QueueFull,
)
from feedmill.runtime.kafka.client import Headers
from feedmill.runtime.kafka.consumer import Commit, Consumer, GroupSettings
from feedmill.runtime.kafka.log_reader import LogReader
from feedmill.runtime.kafka.producer import Producer

__all__ = [
    "Ack",
    "Admin",
    "AsyncProducer",
    "AsyncProducerSettings",
    "Commit",
    "Consumer",
    "GroupSettings",
    "Headers",
    "LogReader",
    "Message",
    "Producer",
    "QueueFull",
]
