"""State is a function of the log: both stores emptied and filled again give the same digest, with other replicas and
other batches, and whatever was repeated or dead-lettered on the way."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import psycopg2
import pytest

from feedmill.cli import digest, rebuild
from feedmill.cli.migrate import clickhouse_client
from feedmill.contracts import headers
from feedmill.contracts.topics import ACTIVITY_ENRICHED, ACTIVITY_PUBLISHED
from feedmill.contracts.verbs import type_of
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import Admin, LogReader, Producer
from feedmill.runtime.outcome import TopicPartition
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.platform import Platform, Shape
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.e2e
SINKS = ("feed-writer-postgres", "feed-writer-clickhouse")
EVENTS = 600
WAIT_S = 120.0


@dataclass
class PlatformSinks:
    """The sinks of a test's platform, each time in another number and with other batches."""

    platform: Platform
    replicas: int = 1
    max_records: int = 2_000
    running: list[str] = field(default_factory=lambda: list(SINKS))

    def stop(self) -> None:
        for name in self.running:
            self.platform.down(name)

    def start(self) -> None:
        more = {f"FEEDMILL_FEED_WRITER__{name}": str(self.max_records)
                for name in ("LOOP__MAX_RECORDS", "CLICKHOUSE_SINK__FLUSH_ROWS")}  # fmt: skip
        self.running = [f"{sink}-{n}" if n > 1 else sink for sink in SINKS for n in range(1, self.replicas + 1)]
        for name in self.running:
            self.platform.start(name, more)
        self.platform.wait_ready(*self.running)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with Platform(Shape(services=("enricher", *SINKS))) as running:
        yield running


def an_event(chance: random.Random, number: int) -> tuple[str, bytes, list[tuple[str, bytes]]]:
    """Something one of few users does to one of few things, or poison."""
    verb = chance.choice(["post", "like", "unlike", "follow", "unfollow", "delete", "share", "user-created", "comment"])
    actor = chance.randint(1, 5)
    thing: dict[str, object] = {"type": "post", "id": chance.randint(1, EVENTS)}
    data: dict[str, object] = {"actor_id": actor, "object": thing}
    if verb in ("follow", "unfollow"):
        data["object"] = {"type": "user", "id": chance.randint(1, 5)}
    if verb == "post":
        thing |= {"id": number, "content": f"#tag {number} @u{actor}"}
    if verb == "comment":
        data |= {"object": {"type": "comment", "id": number, "content": "so"}, "target": dict(thing)}
    if verb == "user-created":
        actor = data["actor_id"] = number
        user = {"type": "user", "id": actor, "handle": f"u{actor}", "uuid": str(uuid.UUID(int=actor)), "name": "N"}
        data["object"] = user
    said = [
        (headers.CE_TYPE, type_of(verb).encode()),
        (headers.EVENT_ID, str(uuid.UUID(int=10_000 + number)).encode()),
    ]
    value = json.dumps(data).encode() if chance.random() > 0.01 else b'{"actor_id'
    return str(actor), value, said


def publish(platform: Platform, seed: int) -> None:
    chance = random.Random(seed)
    with closing(Producer(KafkaSettings(bootstrap_servers=platform.connections.kafka), gapless=True)) as producer:
        sent = []
        for number in range(1, EVENTS + 1):
            sent.append(an_event(chance, number))
            for key, value, said in (sent[-1], chance.choice(sent))[: 1 if chance.random() > 0.1 else 2]:
                stamp = (headers.CE_TIME, f"2026-11-21T10:00:{number % 60:02}Z".encode())
                producer.send(ACTIVITY_PUBLISHED.name, key.encode(), value, [stamp, *said])
        producer.flush(30)


def settle(platform: Platform) -> None:
    """Until both stores are at the end of what the enricher has written, and that speaks of the whole raw log."""
    kafka = platform.connections.kafka
    wait_until(lambda: spoken_of(kafka) == raw_ends(kafka), "the enricher is at the end of the log", within_s=WAIT_S)
    rebuild.wait_until(platform.connections, rebuild.ends(kafka), lambda _: None, WAIT_S)


def raw_ends(bootstrap_servers: str) -> dict[int, int]:
    """Partition -> the last raw offset, of those that hold something."""
    partitions = [TopicPartition(ACTIVITY_PUBLISHED.name, p) for p in range(ACTIVITY_PUBLISHED.partitions)]
    ends = Admin(KafkaSettings(bootstrap_servers=bootstrap_servers)).ends(partitions)
    return {tp.partition: end - 1 for tp, end in ends.items() if end}


def spoken_of(bootstrap_servers: str) -> dict[int, int]:
    """Partition -> the last raw offset its enriched twin speaks of."""
    found = {}
    with LogReader(KafkaSettings(bootstrap_servers=bootstrap_servers)) as reader:
        for partition in range(ACTIVITY_ENRICHED.partitions):
            for record in reader.tail(TopicPartition(ACTIVITY_ENRICHED.name, partition), 1, Deadline(WAIT_S)):
                found[partition] = int(record.header(headers.SOURCE_OFFSET) or -1)
    return found


def test_stores_that_are_rebuilt_from_the_log_are_equal(platform: Platform) -> None:
    publish(platform, seed=7)
    settle(platform)
    connections = platform.connections
    before = digest.digest(connections.postgres, connections.clickhouse)
    sinks = PlatformSinks(platform)
    for replicas, max_records in ((1, 3), (2, 50), (3, 2_000)):
        sinks.replicas, sinks.max_records = replicas, max_records
        looks: list[rebuild.Progress] = []
        rebuild.rebuild(connections, sinks, looks.append, WAIT_S)
        assert looks[-1].done
        assert digest.digest(connections.postgres, connections.clickhouse) == before
        with clickhouse_client(connections.clickhouse) as client:
            assert client.query("SELECT count() > 0, count() = uniqExact(event_id) FROM fact_activity").first_row == (
                1,
                1,
            )


def test_a_rebuild_is_announced_from_its_first_step_to_its_last(platform: Platform) -> None:
    seen: list[bool] = []

    def announced() -> bool:
        with closing(psycopg2.connect(platform.connections.postgres)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM rebuild WHERE finished_at IS NULL")
            return cursor.fetchone() == (1,)

    class Watching(PlatformSinks):
        def stop(self) -> None:
            seen.append(announced())
            super().stop()

    sinks = Watching(platform, running=[n for n in platform.keepers if n.startswith("feed-writer")])
    rebuild.rebuild(platform.connections, sinks, lambda _: seen.append(announced()), WAIT_S)
    assert set(seen) == {True}
    assert not announced()


def test_sinks_that_still_run_are_not_emptied_under_their_feet(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "LEAVE_TIMEOUT_S", 1.0)
    connections = platform.connections
    before = digest.digest(connections.postgres, connections.clickhouse)
    with pytest.raises(rebuild.RebuildFailed, match="still runs"):
        rebuild.forget_groups(connections.kafka)
    assert digest.digest(connections.postgres, connections.clickhouse) == before
