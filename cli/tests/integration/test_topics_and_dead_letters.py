from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from feedmill.cli.dead_letters import letters
from feedmill.cli.main import app
from feedmill.contracts import headers
from feedmill.contracts.topics import ALL
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import LogReader, Producer
from feedmill.runtime.outcome import Record, TopicPartition
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.running import Bench, start_kafka

pytestmark = pytest.mark.integration
run = CliRunner()
RAW = "activity.published.v1"


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaSettings]:
    """A broker of this module's own: it looks at all topics."""
    with Bench() as bench:
        yield KafkaSettings(bootstrap_servers=start_kafka(bench).bootstrap_servers)


@pytest.fixture(autouse=True)
def environment(broker: KafkaSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FEEDMILL_HOME", str(tmp_path))
    monkeypatch.setenv("FEEDMILL_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setenv("COLUMNS", "250")
    run.invoke(app, ["topics", "create"])


def send(broker: KafkaSettings, topic: str, value: bytes, partition: int, said: dict[str, str]) -> None:
    with closing(Producer(broker, gapless=False)) as producer:
        producer.send(topic, b"1", value, [(name, text.encode()) for name, text in said.items()], partition)
        producer.flush(20)


def records(broker: KafkaSettings, topic: str, partition: int) -> list[Record]:
    with LogReader(broker) as reader:
        return reader.tail(TopicPartition(topic, partition), 1_000, Deadline(20))


def letter(origin: tuple[str, int, int], reason: str = "bad-json", **more: str) -> dict[str, str]:
    topic, partition, offset = origin
    said = {headers.DLQ_REASON: reason, headers.DLQ_TOPIC: topic}
    return said | {headers.DLQ_PARTITION: str(partition), headers.DLQ_OFFSET: str(offset)} | more


def test_topics_are_created_once() -> None:
    assert run.invoke(app, ["topics", "create", "--json"]).stdout.strip() == "[]"
    listed = json.loads(run.invoke(app, ["topics", "list", "--json"]).stdout)
    assert {row["topic"] for row in listed} == {topic.name for topic in ALL}
    assert all(row["exists"] for row in listed)


def test_a_dead_letter_is_listed_by_its_origin(broker: KafkaSettings) -> None:
    said = letter((RAW, 3, 1042), event_id="…")
    said[headers.EVENT_ID] = "5f0c0a52-8a3f-5b5e-9d55-0f7f0e3b1c11"
    send(broker, f"{RAW}.dlq", b'{"trunc', 0, said)
    (found,) = [row for row in json.loads(run.invoke(app, ["dlq", "list", "--json"]).stdout) if row["offset"] == 1042]
    assert (found["topic"], found["partition"], found["reason"]) == (RAW, 3, "bad-json")
    assert found["event_id"] == "5f0c0a52-8a3f-5b5e-9d55-0f7f0e3b1c11"
    assert found["at"].endswith("Z")
    shown = json.loads(run.invoke(app, ["dlq", "show", f"{RAW}/3:1042", "--json"]).stdout)
    assert shown["value"] == '{"trunc'


def test_bytes_that_are_no_text_are_shown_whole(broker: KafkaSettings) -> None:
    send(broker, f"{RAW}.dlq", b"\xff\x00", 0, letter((RAW, 2, 9)))
    shown = json.loads(run.invoke(app, ["dlq", "show", f"{RAW}/2:9", "--json"]).stdout)
    assert shown["value_hex"] == "ff00"


def test_a_replay_goes_to_its_old_partition_with_its_origin(broker: KafkaSettings) -> None:
    said = letter((RAW, 4, 7)) | {headers.EVENT_ID: "e"}
    for _ in range(2):  # a crash wrote it twice
        send(broker, f"{RAW}.dlq", b"{}", 0, said)
    before = len(records(broker, RAW, 4))
    replayed = run.invoke(app, ["dlq", "replay", f"{RAW}/4:7", "--json"])
    assert json.loads(replayed.stdout) == {"replayed": 1}
    *_, last = records(broker, RAW, 4)
    assert len(records(broker, RAW, 4)) == before + 1
    assert (last.key, last.value) == (b"1", b"{}")
    assert last.header(headers.DLQ_OFFSET) == b"7"
    assert last.header(headers.EVENT_ID) == b"e"
    assert last.header(headers.DLQ_REASON) is None


def test_what_died_in_a_sink_is_replayed_from_the_raw_record(broker: KafkaSettings) -> None:
    send(broker, RAW, b'{"raw": 1}', 5, {headers.EVENT_ID: "s"})
    offset = records(broker, RAW, 5)[-1].offset
    send(broker, "activity.enriched.v1.dlq", b'{"enriched": 1}', 0, letter((RAW, 5, offset), "too-wide"))
    run.invoke(app, ["dlq", "replay", "--all", "--topic", "activity.enriched.v1"])
    last = records(broker, RAW, 5)[-1]
    assert (last.value, last.header(headers.EVENT_ID)) == (b'{"raw": 1}', b"s")
    assert last.header(headers.DLQ_OFFSET) == str(offset).encode()


def test_an_unknown_name_is_not_replayed(broker: KafkaSettings) -> None:
    shown = run.invoke(app, ["dlq", "replay", f"{RAW}/0:999"])
    assert shown.exit_code == 1
    assert "feedmill dlq list" in shown.stderr
    assert all(found.origin != (RAW, 0, 999) for found in letters(broker))


def test_where_kafka_is_away_the_next_step_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDMILL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    shown = run.invoke(app, ["topics", "list"])
    assert shown.exit_code == 1
    assert "feedmill up" in shown.stderr
