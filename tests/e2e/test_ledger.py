"""`feedmill audit`: no difference where nothing was touched, and the very id where a row was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from feedmill.cli.audit_commands import once
from feedmill.cli.ledger import Ledger, Memory
from feedmill.cli.migrate import clickhouse_client
from feedmill.contracts.topics import RAW
from feedmill.runtime.kafka import Producer
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.parts import execute
from feedmill.testkit.people import Operator, event
from feedmill.testkit.platform import Platform
from feedmill.testkit.ports import free_origin
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.e2e


def sent(operator: Operator) -> tuple[datetime, list[dict[str, Any]]]:
    """A few events of each topic, one of them twice, all applied; poison in each topic."""
    user, name = operator.user("ivan")["id"], uuid.uuid4().hex
    since = datetime.now(UTC)
    day = "2026-11-20"
    posts = [event("post", {"actor_id": user, "object": {"type": "post", "content": n}}) for n in range(5)]
    reads = [
        event("read", {"user_id": name, "content_id": "c", "read_percent": 50, "updated_at": day}) for _ in range(3)
    ]
    meta = event("content-meta", {"content_id": name, "category_name": "x"})
    texts = ("Sam Gamgee", "Frodo and Sam", "")
    articles = [
        event("article", {"id": f"{name}{n}", "time": 1_700_000_000, "readers": 7, "text": text})
        for n, text in enumerate(texts)
    ]
    kafka = KafkaSettings(bootstrap_servers=operator.platform.connections.kafka)
    with closing(Producer(kafka, gapless=True)) as producer:
        for topic in RAW:
            producer.send(topic.name, b"1", b"{", [])
        producer.flush(30)
    results = operator.send(*posts, *reads, meta, *articles)
    operator.send(posts[0])
    assert all(result["applied"] for result in results)
    return since, results


def judged(platform: Platform, since: datetime) -> Ledger:
    """Once both stores are at the end of what was sent."""
    platform_at_end = {}

    def at_end() -> bool:
        found = once(platform.connections, since)
        platform_at_end["ledger"] = found
        records = {
            topic: sum(line.records for line in found.lines.values() if line.topic == topic)
            for topic in ("activity.published.v1", "user-interaction", "content-meta", "analytics.article.e")
        }
        return records["activity.published.v1"] >= 7 and records["user-interaction"] >= 4 and min(records.values()) >= 2

    wait_until(at_end, "both stores are at the end", within_s=30)
    return platform_at_end["ledger"]


def test_an_untouched_platform_shows_no_difference_and_a_touched_one_the_very_ids(
    platform: Platform, operator: Operator
) -> None:
    since, results = sent(operator)
    before = judged(platform, since)
    assert before.differences == []
    assert all(
        count == line.records - line.repeats - line.dead
        for line in before.lines.values()
        for count in line.stores.values()
    )
    assert sum(line.dead for line in before.lines.values()) >= len(RAW)
    assert sum(line.repeats for line in before.lines.values()) >= 1
    by_verb = {"post": results[1], "read": results[5], "article": results[9]}
    ids = {verb: result["event_id"] for verb, result in by_verb.items()}
    strange = str(uuid.uuid4())
    topic, _, place = results[2]["position"].partition("/")
    partition, _, offset = place.partition(":")
    assert topic == "activity.published.v1"
    with closing(clickhouse_client(platform.connections.clickhouse)) as client:
        for table, verb in (("fact_activity", "post"), ("fact_reading", "read"), ("article", "article")):
            client.command(f"DELETE FROM {table} WHERE event_id = '{ids[verb]}'")
        halved, emptied = (results[n]["event_id"] for n in (10, 11))
        client.command(f"DELETE FROM fact_readers WHERE event_id = '{halved}' AND entity_id = 'frodo'")
        client.command(f"DELETE FROM article_set_aside WHERE event_id = '{emptied}'")
        execute(platform.connections.postgres, f"DELETE FROM activity WHERE event_id = '{results[2]['event_id']}'")
        client.command(
            "INSERT INTO fact_activity "
            "(event_id, verb, actor_id, occurred_at, source_partition, source_offset, version) "
            f"VALUES ('{strange}', 'share', 1, now64(6), {partition}, {offset}, 1)"
        )
        try:
            found = judged(platform, since)
        finally:
            client.command(f"DELETE FROM fact_activity WHERE event_id = '{strange}'")
    assert {(one.what, one.store, one.event_id) for one in found.differences} == {
        ("missing", "clickhouse", ids["post"]),
        ("missing", "clickhouse", ids["read"]),
        ("missing", "clickhouse", ids["article"]),
        ("missing", "postgres", results[2]["event_id"]),
        ("extra", "clickhouse", strange),
        ("incomplete", "clickhouse", halved),
        ("incomplete", "clickhouse", emptied),
    }


def test_what_held_is_not_read_again_and_is_told_again(platform: Platform, operator: Operator) -> None:
    """But for chunks with a dead letter, which may be replayed: `sent` plants one in each topic."""
    since, _ = sent(operator)
    judged(platform, since)
    memory, read = Memory(), list[None]()
    first = once(platform.connections, since, None, memory, lambda: read.append(None))
    chunks = len(read)
    second = once(platform.connections, since, None, memory, lambda: read.append(None))
    assert len(RAW) <= len(read) - chunks < chunks
    assert (second.lines, second.differences) == (first.lines, [])


def environment_of(platform: Platform) -> dict[str, str]:
    """As an operator's shell has it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FEEDMILL_")}
    return kept | {"FEEDMILL_HOME": str(platform.home.root), **platform.connections.environment()}


def test_the_command_tells_it_to_machines(platform: Platform) -> None:
    since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    ended = subprocess.run(
        [str(Path(sys.prefix) / "bin" / "feedmill"), "audit", "--since", since, "--json"],
        env=environment_of(platform),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["different"] == 0


class Auditing:
    """`feedmill audit ledger --every 1`, as an operator leaves it running."""

    def __init__(self, platform: Platform, since: datetime, out: Path) -> None:
        self._url = f"http://127.0.0.1:{(port := free_origin())}/metrics"
        self._said = out
        options = ("--since", f"{since:%Y-%m-%dT%H:%M:%S}", "--every", "1", "--port", str(port))
        with out.open("wb") as said:
            self.process = subprocess.Popen(
                [str(Path(sys.prefix) / "bin" / "feedmill"), "audit", "ledger", *options],
                env=environment_of(platform) | {"PYTHONUNBUFFERED": "1", "COLUMNS": "300"},
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def metric(self, name: str) -> dict[str, float]:
        """Labels, as they are written -> value; nothing while it does not answer."""
        assert self.process.poll() is None, self.said()
        try:
            text = httpx2.get(self._url, timeout=5).text
        except httpx2.HTTPError:
            return {}
        lines = [line.removeprefix(name) for line in text.splitlines() if line.startswith((name + "{", name + " "))]
        return {labels: float(value) for labels, _, value in (line.rpartition(" ") for line in lines)}

    def differences(self) -> float:
        """-1: no audit has ended yet."""
        return sum(self.metric("feedmill_audit_differences").values()) if self.audited_at() else -1

    def audited_at(self) -> float:
        return sum(self.metric("feedmill_audited_timestamp_seconds").values())

    def said(self) -> str:
        return self._said.read_text()


def test_left_running_it_finds_what_is_taken_away_tells_it_and_ends_when_told(
    platform: Platform, operator: Operator, tmp_path: Path
) -> None:
    since, results = sent(operator)
    judged(platform, since)
    event_id = results[1]["event_id"]
    auditing = Auditing(platform, since, tmp_path / "said")
    try:
        wait_until(lambda: auditing.differences() == 0, "a first audit without a difference", within_s=60)
        assert len(auditing.metric("feedmill_audit_differences")) == len(RAW)
        first = auditing.audited_at()
        wait_until(lambda: auditing.audited_at() > first, "another audit, unasked", within_s=30)
        with closing(clickhouse_client(platform.connections.clickhouse)) as client:
            row = client.query("SELECT * FROM fact_activity WHERE event_id = %(id)s", {"id": event_id})
            client.command(f"DELETE FROM fact_activity WHERE event_id = '{event_id}'")
            wait_until(lambda: auditing.differences() == 1, "the difference in the metric", within_s=30)
            wait_until(lambda: f"missing in clickhouse: post {event_id}" in auditing.said(), "its name", within_s=30)
            client.insert("fact_activity", row.result_rows, column_names=row.column_names)
        wait_until(lambda: auditing.differences() == 0, "no difference once the row is back", within_s=30)
        auditing.process.terminate()
        assert auditing.process.wait(15) == 0, auditing.said()
    finally:
        auditing.process.kill()
        auditing.process.wait()
