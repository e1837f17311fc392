"""Both sinks on a real log: one suite, each promise for each of them."""

from __future__ import annotations

import os
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import pytest
from clickhouse_connect.driver.client import Client

from feedmill.contracts import headers
from feedmill.contracts.topics import Topic, dead_letters_of
from feedmill.feed_writer.clickhouse.activities import ACTIVITIES
from feedmill.feed_writer.clickhouse.kind import Kind
from feedmill.feed_writer.clickhouse.readings import READINGS
from feedmill.feed_writer.clickhouse.sink import ClickHouseSink
from feedmill.feed_writer.main import sink_of
from feedmill.feed_writer.postgres.sink import PostgresSink
from feedmill.feed_writer.settings import ClickHouseSinkSettings, FeedWriterSettings, SinkName
from feedmill.runtime import failpoints
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.failpoints import Guard, Point
from feedmill.runtime.health import Health
from feedmill.runtime.kafka import Admin, Consumer, GroupSettings, LogReader, Producer
from feedmill.runtime.loop import Loop, LoopSettings
from feedmill.runtime.outcome import Fatal, Record, TopicPartition
from feedmill.runtime.settings import ClickHouseSettings, KafkaSettings, PostgresSettings
from feedmill.testkit.enriched import a_bare_record, a_marker, a_reading, a_record, an_activity, event_id_of
from feedmill.testkit.running import RunningKafka

pytestmark = pytest.mark.integration
WAIT_S = 40.0
PARTITIONS = 2


class Killed(BaseException):
    """What SIGKILL is in a test that lives on: nothing may catch it."""


@dataclass(frozen=True)
class Log:
    """A broker, and one client each to write and to read it."""

    settings: KafkaSettings
    producer: Producer
    reader: LogReader


@pytest.fixture(scope="module")
def log(kafka: RunningKafka) -> Iterator[Log]:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    with closing(Producer(settings, gapless=True)) as producer, LogReader(settings) as reader:
        yield Log(settings, producer, reader)


@dataclass
class World:
    """One log, one pair of stores, and whoever writes from one to the other."""

    log: Log
    topic: Topic
    stores: tuple[str, str]
    warehouse: Client
    kind: Kind[Any] = ACTIVITIES
    group: str = field(default_factory=lambda: f"g-{uuid.uuid4().hex[:8]}")

    def append(self, *records: Record) -> None:
        for record in records:
            self.log.producer.send(self.topic.name, record.key, record.value, record.headers, record.partition)
        self.log.producer.flush(WAIT_S)

    def run(
        self, sink: SinkName, until: Callable[[], bool] | None = None, *, max_records: int = 100, max_rejects: int = 50
    ) -> None:
        """A process of this sink, in this thread, until the condition holds. Raises what would have ended it."""
        stop, deadline = threading.Event(), Deadline(WAIT_S)
        settings = self.settings(sink, max_records, max_rejects)
        goal = self.ends()
        done = until or (lambda: self.positions(sink) == goal)
        with ExitStack() as opened:
            health = Health("feed-writer")
            made = sink_of(settings, health, opened, offsets=lambda: consumer, kinds={self.topic.name: self.kind})

            class Watched:
                """Asks after each turn."""

                assigned, revoked, process, drain = made.assigned, made.revoked, made.process, made.drain

                def idle(self) -> None:
                    made.idle()
                    if deadline.passed or done():
                        stop.set()

            consumer = opened.enter_context(
                closing(
                    Consumer(self.log.settings, self.group, [self.topic.name], GroupSettings(), on_revoked=made.revoked)
                )
            )
            Loop(consumer, Watched(), stop, settings.loop, health).run()
        assert not deadline.passed

    def settings(self, sink: SinkName, max_records: int, max_rejects: int) -> FeedWriterSettings:
        return FeedWriterSettings(
            sink=sink,
            kafka=self.log.settings,
            postgres=PostgresSettings(dsn=self.stores[0]),  # type: ignore[arg-type]
            clickhouse=ClickHouseSettings(url=self.stores[1]),  # type: ignore[arg-type]
            loop=LoopSettings(max_records=max_records, poll_timeout_ms=20),
            clickhouse_sink=ClickHouseSinkSettings(flush_after_ms=50, flush_rows=max_records),
            max_rejects_in_a_row=max_rejects,
        )

    def positions(self, sink: SinkName) -> dict[int, int]:
        """Partition -> source offset applied, of those that have moved."""
        sql = "SELECT partition, max(source_offset) FROM sink_position GROUP BY partition"
        return {int(number): int(at) for number, at in self._rows(sink, sql) if at >= 0}

    def events(self, sink: SinkName) -> Counter[str]:
        """Event id -> raw rows."""
        table = "activity" if sink is SinkName.POSTGRES else "fact_activity"
        return Counter(str(event_id) for (event_id,) in self._rows(sink, f"SELECT event_id FROM {table}"))

    def _rows(self, sink: SinkName, sql: str) -> Sequence[Sequence[Any]]:
        if sink is SinkName.CLICKHOUSE:
            return list(self.warehouse.query(sql).result_rows)
        with closing(psycopg2.connect(self.stores[0])) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def ends(self) -> dict[int, int]:
        """Partition -> the last source offset that says itself."""
        found: dict[int, int] = {}
        for record in self.read(self.topic.name, PARTITIONS):
            found[record.partition] = max(
                found.get(record.partition, -1), int(record.header(headers.SOURCE_OFFSET) or 0)
            )
        return found

    def dead_letters(self) -> Counter[tuple[str, str]]:
        """(event id, reason code) -> letters."""
        letters = self.read(dead_letters_of(self.topic.name).name, 1)
        return Counter(
            ((r.header(headers.EVENT_ID) or b"").decode(), (r.header(headers.DLQ_REASON) or b"").decode().split(":")[0])
            for r in letters
        )

    def read(self, topic: str, partitions: int) -> list[Record]:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        return [r for place in places for r in self.log.reader.tail(place, 100_000, Deadline(WAIT_S))]


@pytest.fixture
def world(log: Log, stores: tuple[str, str], warehouse: Client, topic_name: Callable[[str], str]) -> World:
    topic = Topic(topic_name("enriched"), PARTITIONS, 1_000_000)
    Admin(log.settings).create_topics([topic, dead_letters_of(topic.name)])
    return World(log, topic, stores, warehouse)


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Arm a crash point; with None, none."""

    def killed(*_: object) -> None:
        raise Killed

    def arm(point: Point | None, nth: int = 1) -> None:
        monkeypatch.setattr(failpoints, "_points", failpoints._armed(f"{point}:{nth}" if point else ""))
        monkeypatch.setattr(os, "kill", killed)

    return arm


def once(*names: str) -> Counter[str]:
    return Counter(event_id_of(name) for name in names)


SINKS = pytest.mark.parametrize("sink", list(SinkName))
NAMES = [f"{partition}/{source}" for partition in range(PARTITIONS) for source in range(8)]


def a_log() -> Iterator[Record]:
    """Eight events a partition, each partition with a poisoned one among them, posts and a marker at the end."""
    for partition in range(PARTITIONS):
        for source in range(8):
            post = an_activity("post", object={"type": "post", "id": 10 * partition + source + 1, "content": "x"})
            yield a_record(post, offset=source, partition=partition)
        yield a_record(b"{", offset=8, partition=partition, event=f"poison {partition}")
        yield a_marker(offset=9, source_offset=12, source_from=8, partition=partition)


POISON = Counter({(event_id_of(f"poison {number}"), "not_json"): 1 for number in range(PARTITIONS)})


@SINKS
def test_everything_is_written_once_and_poison_is_told(world: World, sink: SinkName) -> None:
    world.append(*a_log())
    world.run(sink)
    assert world.events(sink) == once(*NAMES)
    assert world.dead_letters() == POISON
    assert world.positions(sink) == {0: 12, 1: 12}


@SINKS
def test_the_next_process_goes_on_where_the_last_one_stopped(world: World, sink: SinkName) -> None:
    world.append(*a_log())
    world.run(sink)
    world.append(a_record(offset=10, source_offset=13, source_from=12))
    world.run(sink)
    assert world.events(sink) == once(*NAMES, "0/13")
    assert world.dead_letters() == POISON


@SINKS
def test_what_two_enrichers_wrote_twice_is_written_once(world: World, sink: SinkName) -> None:
    zombie = [a_record(offset=4 + n, source_offset=n, source_from=-1) for n in range(4)]
    world.append(*(a_record(offset=n) for n in range(4)), *zombie, a_record(offset=8, source_offset=4))
    world.run(sink)
    assert world.events(sink) == once(*(f"0/{n}" for n in range(5)))


@SINKS
def test_a_hole_in_the_log_stops_the_sink_before_it_writes_past_it(world: World, sink: SinkName) -> None:
    world.append(a_record(offset=0))
    world.run(sink)
    world.append(a_record(offset=1, source_offset=9, source_from=7))
    with pytest.raises(Fatal, match="records are missing"):
        world.run(sink)
    assert world.events(sink) == once("0/0")
    assert world.positions(sink) == {0: 0}


@SINKS
def test_too_many_rejects_in_a_row_stop_the_process_when_they_are_told_and_passed(world: World, sink: SinkName) -> None:
    world.append(*(a_record(b"{", offset=n) for n in range(5)))
    with pytest.raises(Fatal, match="in a row"):
        world.run(sink, max_rejects=5)
    assert sum(world.dead_letters().values()) == 5
    assert world.positions(sink) == {0: 4}


CRASHES = [
    (SinkName.POSTGRES, Point.DEAD_LETTER_ACKED),
    (SinkName.POSTGRES, Point.POSTGRES_BEFORE_COMMIT),
    (SinkName.POSTGRES, Point.POSTGRES_AFTER_COMMIT),
    (SinkName.CLICKHOUSE, Point.DEAD_LETTER_ACKED),
    (SinkName.CLICKHOUSE, Point.CLICKHOUSE_AFTER_BOUNDS),
    (SinkName.CLICKHOUSE, Point.CLICKHOUSE_AFTER_FACTS),
    (SinkName.CLICKHOUSE, Point.CLICKHOUSE_AFTER_INSERT),
    (SinkName.CLICKHOUSE, Point.CLICKHOUSE_AFTER_POSITION),
]


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize(("sink", "point"), CRASHES)
def test_a_crash_at_any_point_loses_and_doubles_nothing(
    world: World, kill_at: Callable[..., None], sink: SinkName, point: Point, nth: int
) -> None:
    """The second process reads in other batches: the bounds of the first one stay what they were."""
    world.append(*a_log())
    kill_at(point, nth)
    with suppress(Killed):  # a point may be passed fewer times
        world.run(sink, max_records=7)
    kill_at(None)
    world.append(a_record(offset=10, source_offset=13, source_from=12))
    world.run(sink, max_records=100)
    assert world.events(sink) == once(*NAMES, "0/13")
    assert world.dead_letters().keys() == POISON.keys()
    assert world.positions(sink) == {0: 13, 1: 12}


@pytest.mark.parametrize("guard", [Guard.TOKEN, Guard.BOUNDS])
def test_without_its_guard_a_crash_after_an_insert_doubles(
    world: World, kill_at: Callable[..., None], guard_off: Callable[[Guard], None], guard: Guard
) -> None:
    guard_off(guard)
    world.append(*a_log())
    kill_at(Point.CLICKHOUSE_AFTER_INSERT)
    with pytest.raises(Killed):
        world.run(SinkName.CLICKHOUSE, max_records=7)
    kill_at(None)
    world.run(SinkName.CLICKHOUSE, max_records=5)
    assert world.events(SinkName.CLICKHOUSE) != once(*NAMES)


@pytest.mark.parametrize(
    ("sink", "point"),
    [(SinkName.POSTGRES, Point.POSTGRES_AFTER_COMMIT), (SinkName.CLICKHOUSE, Point.DEAD_LETTER_ACKED)],
)
def test_without_its_guard_dead_letters_come_after_the_position(
    world: World, kill_at: Callable[..., None], guard_off: Callable[[Guard], None], sink: SinkName, point: Point
) -> None:
    guard_off(Guard.DEAD_LETTER_FIRST)
    world.append(a_record(b"{", offset=0))
    kill_at(point)
    with pytest.raises(Killed):
        world.run(sink)
    assert world.positions(sink) == {0: 0}
    assert sum(world.dead_letters().values()) == (1 if point is Point.DEAD_LETTER_ACKED else 0)


def test_without_its_guard_a_hole_passes(world: World, guard_off: Callable[[Guard], None]) -> None:
    guard_off(Guard.NO_HOLES)
    world.append(a_record(offset=0, source_offset=9, source_from=7))
    world.run(SinkName.POSTGRES)
    assert world.positions(SinkName.POSTGRES) == {0: 9}


def test_what_postgres_refuses_becomes_a_dead_letter_and_its_neighbours_stay(world: World) -> None:
    big = a_record(b'{"verb":"post","actor_id":1,"occurred_at":"2026-11-21T10:00:00Z","object":'
                   b'{"type":"post","id":1,"content":1e999999}}', offset=1, event="big")  # fmt: skip
    world.append(a_record(offset=0), big, a_record(offset=2))
    world.run(SinkName.POSTGRES)
    assert world.events(SinkName.POSTGRES) == once("0/0", "0/2")
    assert world.dead_letters() == {(event_id_of("big"), "refused_by_store"): 1}


def test_a_position_that_somebody_else_moved_is_where_the_sink_starts_again(world: World) -> None:
    world.append(*(a_record(offset=n) for n in range(4)))
    world.run(SinkName.POSTGRES)

    moved = threading.Event()

    def move_back_once() -> bool:
        if not moved.is_set():
            moved.set()
            with closing(psycopg2.connect(world.stores[0])) as connection, connection, connection.cursor() as cursor:
                cursor.execute("UPDATE sink_position SET source_offset = 1, next_offset = 2 WHERE partition = 0")
            world.append(a_record(offset=4))
        return world.positions(SinkName.POSTGRES) == {0: 4}

    world.run(SinkName.POSTGRES, until=move_back_once)
    assert world.events(SinkName.POSTGRES) == once(*(f"0/{n}" for n in range(5)))


def test_postgres_away_is_waited_for(world: World) -> None:
    world.append(a_record(offset=0))
    world.run(SinkName.POSTGRES)
    name = world.stores[0].rpartition("/")[2]
    elsewhere = world.stores[0].replace(f"/{name}", "/feedmill")

    def closed_to_all(closed: bool) -> None:
        with closing(psycopg2.connect(elsewhere)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {not closed}")
                cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    opener = threading.Timer(0.5, closed_to_all, (False,))

    def there() -> bool:
        """Asked when the sink has joined: only then Postgres goes away."""
        if not opener.ident:
            closed_to_all(True)
            opener.start()
            world.append(a_record(offset=1))
        with suppress(psycopg2.OperationalError):
            return world.positions(SinkName.POSTGRES) == {0: 1}
        return False

    world.run(SinkName.POSTGRES, until=there)
    opener.join()
    assert world.events(SinkName.POSTGRES) == once("0/0", "0/1")


def test_the_sinks_are_what_the_loop_wants(world: World) -> None:
    with ExitStack() as opened:
        for name, kind in ((SinkName.POSTGRES, PostgresSink), (SinkName.CLICKHOUSE, ClickHouseSink)):
            settings = world.settings(name, 10, 10)
            made = sink_of(settings, Health("feed-writer"), opened, offsets=lambda: pytest.fail("not asked for"))
            assert isinstance(made, kind)


def a_month(number: int) -> str:
    return f"{2000 + number // 12}-{number % 12 + 1:02}-15"


def test_readings_of_many_months_go_in_by_pieces(world: World) -> None:
    """More ClickHouse partitions than one range may touch: several ranges, nothing lost, nothing doubled."""
    months = 2 * ClickHouseSinkSettings().insert_partitions + 10
    world.kind = READINGS
    world.append(*(a_bare_record("read", a_reading(day=a_month(n)), offset=n) for n in range(months)))
    world.run(SinkName.CLICKHOUSE, max_records=1_000)
    found = world.warehouse.query("SELECT count(), uniqExact(event_id), uniqExact(_partition_id) FROM fact_reading")
    assert [tuple(row) for row in found.result_rows] == [(months, months, months)]
