"""`feedmill import`'s core on a real log and a real Postgres: once, resumable, rejects on disk."""

from __future__ import annotations

import csv
import gzip
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from feedmill.cli import history
from feedmill.cli.history import Report, Run, Source, bring_in
from feedmill.cli.import_commands import UNREADABLE
from feedmill.contracts import headers, topics
from feedmill.contracts.history import CONTENT, READINGS, event_id_of_line
from feedmill.contracts.topics import CONTENT_META, USER_INTERACTION, Topic
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import Admin, Headers, LogReader, Producer
from feedmill.runtime.outcome import TopicPartition
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.running import RunningKafka

pytestmark = pytest.mark.integration
ROWS = 95
BAD_LINES = (20, 60)


class Killed(BaseException):
    """What SIGKILL is in a test that lives on."""


class Log:
    """A real producer that may die after so many records."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._producer = Producer(settings, gapless=False)
        self.left = -1

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int = -1) -> None:
        if self.left == 0:
            self._producer.flush(10)  # the worst case: what was sent is in the log, and nobody noted it
            raise Killed
        self.left -= 1
        self._producer.send(topic, key, value, headers, partition)

    def flush(self, timeout_s: float) -> None:
        self._producer.flush(timeout_s)

    def close(self) -> None:
        self._producer.close()


@pytest.fixture
def log(kafka: RunningKafka) -> Iterator[Log]:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    Admin(settings).create_topics(topics.ALL)
    with closing(Log(settings)) as opened:
        yield opened


@pytest.fixture
def dataset(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(history, "CHECKPOINT_ROWS", 10)
    return f"d {uuid.uuid4()}"


@pytest.fixture
def source(tmp_path: Path, dataset: str) -> Source:
    """A header and ROWS rows, two of them bad; the first cell makes the bytes this test's own."""
    path = tmp_path / "readings.csv"
    lines = [f"u{n},{dataset},{'x' if n + 2 in BAD_LINES else 95},2026-11-21" for n in range(ROWS)]
    path.write_text("user_id,content_id,read_percent,updated_at\n" + "\n".join(lines) + "\n")
    return Source(path)


def run(source: Source, dataset: str, log: Log, dsn: str, *, again: bool = False) -> Report:
    return bring_in(READINGS, source, Run(dsn, READINGS.name, dataset), log, lambda _: None, again=again)


def in_the_log(kafka: RunningKafka, topic: Topic, dataset: str) -> Counter[str]:
    """Event ids of this dataset -> records."""
    found: Counter[str] = Counter()
    with LogReader(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)) as reader:
        for partition in range(topic.partitions):
            for record in reader.tail(TopicPartition(topic.name, partition), 100_000, Deadline(30)):
                if record.header(headers.CE_SOURCE) == dataset.encode():
                    found[(record.header(headers.EVENT_ID) or b"").decode()] += 1
    return found


def good_ids(dataset: str) -> set[str]:
    return {event_id_of_line(dataset, line) for line in range(2, ROWS + 2) if line not in BAD_LINES}


def rejected_lines(source: Source) -> list[tuple[str, str, str]]:
    with source.path.with_name("readings.csv.rejects.csv").open() as file:
        return [(row["line"], row["code"], row["field"]) for row in csv.DictReader(file)]


REJECTED = [(str(line), "wrong_type", "read_percent") for line in BAD_LINES]


def test_a_file_goes_in_once_and_its_bad_rows_aside(
    kafka: RunningKafka, log: Log, shared_state: str, source: Source, dataset: str
) -> None:
    report = run(source, dataset, log, shared_state)
    assert (report.rows, report.rejected, report.already_done) == (ROWS - 2, 2, False)
    assert in_the_log(kafka, USER_INTERACTION, dataset) == Counter(good_ids(dataset))
    assert rejected_lines(source) == REJECTED
    again = run(source, dataset, log, shared_state)
    assert (again.already_done, again.rows, again.resumed_from) == (True, ROWS - 2, 0)
    assert again.reject_file == report.reject_file
    assert (again.dataset_is, again.other_bytes) == ("name", False)
    assert in_the_log(kafka, USER_INTERACTION, dataset) == Counter(good_ids(dataset))


@pytest.mark.parametrize("sent", [0, 9, 33, 92])
def test_a_killed_run_goes_on_behind_its_last_checkpoint(
    kafka: RunningKafka, log: Log, shared_state: str, source: Source, dataset: str, sent: int
) -> None:
    log.left = sent
    with pytest.raises(Killed):
        run(source, dataset, log, shared_state)
    log.left = -1
    report = run(source, dataset, log, shared_state)
    assert report.resumed_from <= sent + 2 + len(BAD_LINES)
    assert (report.resumed_from > 0) == (sent >= 10)
    assert (report.rows, report.rejected) == (ROWS - 2, 2)
    found = in_the_log(kafka, USER_INTERACTION, dataset)
    assert set(found) == good_ids(dataset)
    assert found.total() < ROWS + 10  # only what lay behind the checkpoint was sent again, under the same ids
    assert rejected_lines(source) == REJECTED


def test_a_packed_file_is_the_same_dataset(log: Log, shared_state: str, source: Source, dataset: str) -> None:
    packed = Source(source.path.with_name("readings.csv.gz"))
    packed.path.write_bytes(gzip.compress(source.path.read_bytes()))
    assert packed.sha256() == source.sha256()
    first = run(source, "", log, shared_state)
    assert (first.dataset, first.dataset_is, first.sha256) == (source.sha256(), "sha256", source.sha256())
    assert run(packed, "", log, shared_state).already_done


@pytest.mark.parametrize("damaged", [lambda packed: packed[:-9], lambda packed: packed[:40] + b"\0" * 9 + packed[49:]])
def test_a_packed_file_that_is_damaged_is_said_and_nothing_of_it_is_sent(
    kafka: RunningKafka, log: Log, shared_state: str, source: Source, dataset: str, damaged: Callable[[bytes], bytes]
) -> None:
    packed = Source(source.path.with_name("readings.csv.gz"))
    packed.path.write_bytes(damaged(gzip.compress(source.path.read_bytes())))
    with pytest.raises(UNREADABLE):
        run(packed, dataset, log, shared_state)
    assert not in_the_log(kafka, USER_INTERACTION, dataset)


def test_other_bytes_under_a_name_begin_anew(log: Log, shared_state: str, source: Source, dataset: str) -> None:
    run(source, dataset, log, shared_state)
    source.path.write_text(source.path.read_text() + f"more,{dataset},99,2026-11-22\n")
    report = run(source, dataset, log, shared_state)
    assert (report.already_done, report.resumed_from, report.rows) == (False, 0, ROWS - 1)
    assert (report.dataset_is, report.other_bytes) == ("name", True)


def test_contents_without_rejects_leave_no_file(
    kafka: RunningKafka, log: Log, shared_state: str, tmp_path: Path, dataset: str
) -> None:
    path = tmp_path / "content.csv"
    path.write_text(f"c1;{dataset}\nc2;{dataset}\n")
    report = bring_in(CONTENT, Source(path), Run(shared_state, "content", dataset), log, lambda _: None, again=False)
    assert (report.rows, report.reject_file) == (2, None)
    assert in_the_log(kafka, CONTENT_META, dataset) == Counter({event_id_of_line(dataset, n): 1 for n in (1, 2)})
    assert [p.name for p in tmp_path.iterdir()] == ["content.csv"]
