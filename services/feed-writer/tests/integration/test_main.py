"""The process as it is started: its exit status, its settings, its drain."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2
import pytest

from feedmill.contracts.topics import ACTIVITY_ENRICHED, ALL
from feedmill.feed_writer.main import main
from feedmill.runtime import failpoints
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import Admin, LogReader, Producer
from feedmill.runtime.outcome import Record, TopicPartition
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.enriched import a_record
from feedmill.testkit.ports import free_origin
from feedmill.testkit.running import Bench, RunningKafka, start_kafka

pytestmark = pytest.mark.integration
WAIT_S = 40.0


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[RunningKafka]:
    """A broker of this module's own: the topics have their real names."""
    with Bench() as bench:
        yield start_kafka(bench)


@pytest.fixture
def process(
    own_kafka: RunningKafka, stores: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, Record], int]]:
    """Appends a record and runs the process until the store has it; its exit status."""
    Admin(KafkaSettings(bootstrap_servers=own_kafka.bootstrap_servers)).create_topics(ALL)
    monkeypatch.setenv("FEEDMILL_KAFKA_BOOTSTRAP_SERVERS", own_kafka.bootstrap_servers)
    monkeypatch.setenv("FEEDMILL_POSTGRES_DSN", stores[0])
    monkeypatch.setenv("FEEDMILL_CLICKHOUSE_URL", stores[1])
    monkeypatch.setenv("FEEDMILL_FEED_WRITER__PORT", str(free_origin()))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(sink: str, record: Record) -> int:
        settings = KafkaSettings(bootstrap_servers=own_kafka.bootstrap_servers)
        with closing(Producer(settings, gapless=True)) as producer:
            producer.send(record.topic, record.key, record.value, record.headers, record.partition)
            producer.flush(WAIT_S)
        ended = threading.Event()
        stopper = threading.Thread(target=stop_when_written, args=(stores[0], record, ended))
        stopper.start()
        try:
            return main(["--sink", sink])
        finally:
            ended.set()
            stopper.join()

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def stop_when_written(dsn: str, record: Record, ended: threading.Event) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        while not ended.wait(0.05):
            cursor.execute("SELECT count(*) FROM activity WHERE enriched_offset = %s", (record.offset,))
            if cursor.fetchone() != (0,):
                os.kill(os.getpid(), signal.SIGTERM)
                return


def test_it_writes_until_it_is_asked_to_stop_then_drains_then_finds_a_hole(
    own_kafka: RunningKafka, process: Callable[[str, Record], int]
) -> None:
    assert process("postgres", a_record(offset=0)) == 0
    with LogReader(KafkaSettings(bootstrap_servers=own_kafka.bootstrap_servers)) as reader:
        assert len(reader.tail(TopicPartition(ACTIVITY_ENRICHED.name, 0), 10, Deadline(WAIT_S))) == 1
    assert process("postgres", a_record(offset=1, source_offset=9, source_from=7)) == 1


@pytest.mark.parametrize("sink", ["postgres", "clickhouse"])
def test_a_sink_without_its_store_does_not_start(
    sink: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FEEDMILL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    assert main(["--sink", sink]) == 2
    assert f"the sink {sink} needs FEEDMILL_{sink.upper()}" in capsys.readouterr().err


def test_failpoints_outside_a_test_build_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failpoints, "_test_build", False)
    monkeypatch.setenv("FEEDMILL_GUARDS_OFF", "cas")
    assert main(["--sink", "postgres"]) == 2
