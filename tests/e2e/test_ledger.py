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

import pytest

from feedmill.cli.audit_commands import once
from feedmill.cli.ledger import Ledger
from feedmill.cli.migrate import clickhouse_client
from feedmill.contracts.topics import RAW
from feedmill.runtime.kafka import Producer
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.parts import execute
from feedmill.testkit.people import Operator, event
from feedmill.testkit.platform import Platform
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
    article = event("article", {"id": name, "time": 1_700_000_000, "readers": 7, "text": "Sam Gamgee"})
    kafka = KafkaSettings(bootstrap_servers=operator.platform.connections.kafka)
    with closing(Producer(kafka, gapless=True)) as producer:
        for topic in RAW:
            producer.send(topic.name, b"1", b"{", [])
        producer.flush(30)
    results = operator.send(*posts, *reads, meta, article)
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
    }


def test_the_command_tells_it_to_machines(platform: Platform) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FEEDMILL_")}
    environment |= {"FEEDMILL_HOME": str(platform.home.root), **platform.connections.environment()}
    since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    ended = subprocess.run(
        [str(Path(sys.prefix) / "bin" / "feedmill"), "audit", "ledger", "--since", since, "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["different"] == 0
