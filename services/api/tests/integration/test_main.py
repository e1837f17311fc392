"""The process itself, with every real store: it gets ready, serves in little memory, and ends with 0 when told to."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from feedmill.contracts import topics
from feedmill.runtime.kafka import Admin
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.ports import free_origin
from feedmill.testkit.running import RunningClickHouse, RunningKafka
from feedmill.testkit.state import Seed

pytestmark = pytest.mark.integration
MAX_RSS_MB = 120


@pytest.fixture
def address(kafka: RunningKafka, clickhouse: RunningClickHouse, state: str) -> Iterator[tuple[str, int]]:
    """Where a real api listens, and its pid."""
    Admin(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)).create_topics(topics.ALL)
    port = free_origin()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FEEDMILL_")} | {
        "FEEDMILL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "FEEDMILL_POSTGRES_DSN": state,
        "FEEDMILL_CLICKHOUSE_URL": clickhouse.url,
        "FEEDMILL_API__PORT": str(port),
        "FEEDMILL_LOG_FORMAT": "json",
    }
    with subprocess.Popen([sys.executable, "-m", "feedmill.api.main"], env=environment) as process:
        try:
            yield f"http://127.0.0.1:{port}", process.pid
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_settings_that_cannot_be_used_are_named_and_end_with_2() -> None:
    environment = {"PATH": os.environ["PATH"], "FEEDMILL_API__PROT": "1"}
    ended = subprocess.run(
        [sys.executable, "-m", "feedmill.api.main"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "FEEDMILL_API__PROT" in ended.stderr


def asked(address: str, path: str) -> Any:
    request = urllib.request.Request(address + path, headers={"X-App-Key": "abc123"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def wait_ready(address: str, within_s: float = 60) -> None:
    ends_s = time.monotonic() + within_s
    while True:
        try:
            asked(address, "/readyz")
            return
        except OSError:
            assert time.monotonic() < ends_s


def rss_mb(pid: int) -> float:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


def test_a_real_api_serves_traces_and_stays_small(address: tuple[str, int], seed: Seed) -> None:
    seed.user("ivan", key="abc123")
    seed.user("nico")
    post = seed.post(2, "hello")
    seed.follow(1, 2)
    origin, pid = address
    wait_ready(origin)
    [item] = asked(origin, "/v1/users/1/feed")["items"]
    assert item["object"]["id"] == post
    trace = asked(origin, f"/v1/events/{item['activity_id']}")
    assert trace["status"] == "applied"
    assert asked(origin, "/v1/events/4b0a2a53-1a0f-4f57-8ad9-6bb7b2b3c6a1")["status"] == "unknown"
    for _ in range(500):
        asked(origin, "/v1/users/1/feed")
    assert rss_mb(pid) < MAX_RSS_MB
