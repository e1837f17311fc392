"""A member of a consumer group that decides itself where to start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer as _Consumer
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as _TopicPartition
from pydantic import BaseModel, ConfigDict, Field

from feedmill.runtime.kafka.client import (
    FETCH_BACKOFF_MS,
    FETCH_MAX_BYTES,
    FETCH_PARTITION_BYTES,
    FatalErrors,
    client_config,
    is_fatal,
    raised,
    raised_from,
    records_of,
)
from feedmill.runtime.outcome import Fatal, Fenced, Record, TopicPartition
from feedmill.runtime.settings import KafkaSettings

_error = Message.error
BROKER_PROBE_INTERVAL_S = 1.0
"""How often an unreachable broker is asked for again."""


class GroupSettings(BaseModel):
    """How a process takes part in its consumer group.

    A static member (`instance_id`) that is killed is back at once when it returns within the session; it goes with the
    classic protocol only, which is the one used here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance_id: str | None = None
    session_timeout_ms: int = Field(default=6_000, ge=1_000)
    max_poll_interval_ms: int = Field(default=300_000, ge=10_000)
    fetch_queue_kib: int = Field(default=8_192, ge=1_024, description="fetched records a consumer may hold")
    fetch_wait_ms: int = Field(
        default=10, ge=1, description="how long a fetch that finds nothing waits at the broker, unless it gathers"
    )


@dataclass(frozen=True, slots=True)
class Commit:
    """The next offset to read, and what the owner wants to find there again (at most 4,096 bytes)."""

    offset: int
    metadata: str = ""


class Consumer:
    """A member of a consumer group that decides itself where to start.

    A new assignment is held back (nothing is fetched) until `start` names an offset for each of its partitions;
    `generation` grows with every change of the assignment, so that a batch of an older one can be recognised.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        topics: Sequence[str],
        group_settings: GroupSettings,
        *,
        on_revoked: Callable[[], None],
        gather_ms: int = 0,
    ) -> None:
        """gather_ms: how long the broker may gather records before it answers a fetch; 0: the first one is answered.

        Who does not gather fetches only while no record waits to be polled: what comes meanwhile comes together. A
        partition may miss such a fetch, and is asked for again behind it; hence the short `fetch_wait_ms`.
        """
        self._errors = FatalErrors()
        self._on_revoked = on_revoked
        self._assigned: list[TopicPartition] = []
        self.generation = 0
        self.joined = False
        """Whether the group ever gave this process an assignment (an empty one counts)."""
        self._away = False
        self._asked_at_s = 0.0
        self._started_at: Mapping[TopicPartition, int] = {}
        self.waiting_to_start = False
        config = client_config(
            settings,
            **{
                "group.id": group,
                "group.protocol": "classic",
                "partition.assignment.strategy": "range",
                "session.timeout.ms": group_settings.session_timeout_ms,
                "heartbeat.interval.ms": max(300, group_settings.session_timeout_ms // 6),
                "max.poll.interval.ms": group_settings.max_poll_interval_ms,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": gather_ms or group_settings.fetch_wait_ms,
                "fetch.min.bytes": FETCH_PARTITION_BYTES if gather_ms else 1,
                "queued.min.messages": 5_000 if gather_ms else 1,
                "queued.max.messages.kbytes": group_settings.fetch_queue_kib,
                "fetch.queue.backoff.ms": FETCH_BACKOFF_MS,
                "fetch.message.max.bytes": FETCH_PARTITION_BYTES,
                "fetch.max.bytes": FETCH_MAX_BYTES,
                "isolation.level": "read_uncommitted",
                "error_cb": self._on_error,
            },
        )
        if group_settings.instance_id:
            config["group.instance.id"] = group_settings.instance_id
        self._consumer = _Consumer(config)
        self._consumer.subscribe(
            list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    @property
    def assignment(self) -> Sequence[TopicPartition]:
        return self._assigned

    @property
    def available(self) -> bool:
        """False while no broker can be reached."""
        return not self._away

    def _on_error(self, error: KafkaError) -> None:
        self._errors(error)
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._away = True

    def _ask_again(self) -> None:
        if time.monotonic() - self._asked_at_s < BROKER_PROBE_INTERVAL_S:
            return
        self._asked_at_s = time.monotonic()
        try:
            self._consumer.list_topics(timeout=0.2)
        except KafkaException:
            return
        self._away = False

    def _on_assign(self, consumer: Any, partitions: list[Any]) -> None:
        self._assigned = sorted(TopicPartition(p.topic, p.partition) for p in partitions)
        self.generation += 1
        self.joined = True
        self.waiting_to_start = True
        consumer.assign([])  # nothing flows until start() has said from where

    def _on_revoke(self, consumer: Any, partitions: list[Any]) -> None:
        self.generation += 1
        self.waiting_to_start = False
        self._started_at = {}
        self._on_revoked()  # may still commit: it is a member until this returns
        self._assigned = []

    def start(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Let the held assignment flow from these offsets (the next to read), or flow again from other ones."""
        starts = [_TopicPartition(tp.topic, tp.partition, offset) for tp, offset in offsets.items()]
        self._consumer.assign(starts)
        self._consumer.resume(starts)  # the client remembers a pause over an assignment
        self._started_at = dict(offsets)
        self.waiting_to_start = False

    def hold(self) -> None:
        """Stop the flow and ask for new starting points, as after a new assignment."""
        self._consumer.assign([])
        self.waiting_to_start = bool(self._assigned)

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """Up to `max_records`, as soon as there is one; runs the assignment callbacks. Raises Fatal."""
        self._errors.check()
        if self._away:
            self._ask_again()
        try:
            messages = self._consumer.consume(1, timeout_s)
            if messages and max_records > 1:
                messages += self._consumer.consume(max_records - 1, 0)
        except KafkaException as exception:
            raise raised_from(exception) from exception
        if any(map(_error, messages)):
            self._look_at(map(_error, messages))
            messages = [message for message in messages if message.error() is None]
        return records_of(messages)

    def _look_at(self, errors: Iterable[KafkaError | None]) -> None:
        """Most mend themselves. Raises Fatal where one does not."""
        for error in errors:
            if error is None:
                continue
            if error.code() in (KafkaError._MAX_POLL_EXCEEDED, KafkaError._AUTO_OFFSET_RESET):
                raise Fatal(f"kafka: {error.str()}")
            if is_fatal(error):
                raise raised(error)

    def lag(self) -> dict[TopicPartition, int]:
        """Records between what `poll` has given and the log's end as the last fetch saw it.

        Asks nobody, so it stands still while paused: a question would wait behind the fetch on the same connection.
        """
        if self.waiting_to_start:
            return {}
        lag = {}
        for partition in self._consumer.position([_TopicPartition(tp.topic, tp.partition) for tp in self._started_at]):
            _, end = self._consumer.get_watermark_offsets(partition, cached=True)
            place = TopicPartition(partition.topic, partition.partition)
            taken = partition.offset if partition.offset >= 0 else self._started_at[place]
            lag[place] = max(0, end - taken)
        return lag

    def pause(self) -> None:
        """Stop fetching while a batch waits for a store; `poll` goes on keeping the membership alive."""
        self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        self._consumer.resume(self._consumer.assignment())

    def commit(self, commits: Mapping[TopicPartition, Commit]) -> None:
        """Returns once the broker has taken all of them. Raises Fenced where this generation is refused, Transient."""
        if not commits:
            return
        if not self._assigned or not self._consumer.memberid():
            raise Fenced("kafka: not a member of the group")  # the broker lets anybody commit to an empty group
        offsets = [_TopicPartition(tp.topic, tp.partition, c.offset, c.metadata) for tp, c in commits.items()]
        try:
            taken = self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as exception:
            raise raised_from(exception) from exception
        for partition in taken or []:
            if partition.error is not None:
                raise raised(partition.error)

    def committed(self, partitions: Sequence[TopicPartition], timeout_s: float = 10) -> dict[TopicPartition, Commit]:
        """The commits of those partitions that have one. Raises Transient."""
        asked = [_TopicPartition(tp.topic, tp.partition) for tp in partitions]
        try:
            found = self._consumer.committed(asked, timeout_s)
        except KafkaException as exception:
            raise raised_from(exception) from exception
        commits = {}
        for partition in found:
            if partition.error is not None:
                raise raised(partition.error)
            if partition.offset >= 0:
                commits[TopicPartition(partition.topic, partition.partition)] = Commit(
                    partition.offset, partition.metadata or ""
                )
        return commits

    def close(self) -> None:
        """Leaves the group at once (a dynamic member) or keeps its place for the session (a static one)."""
        self._consumer.close()
