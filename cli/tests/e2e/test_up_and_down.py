"""`feedmill` as a user runs it: up, used, broken a little, down, up again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from feedmill.cli.local.layout import Home
from feedmill.cli.local.services import PARTS, script
from feedmill.testkit.ports import free_origin

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Command:
    environment: Mapping[str, str]

    def __call__(self, *arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            [script("feedmill"), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def json_last(self, *arguments: str) -> Any:
        """Of a command that also says on stderr how far it is."""
        return json.loads("{" + self(*arguments, "--json").partition("{")[2].rpartition("}")[0] + "}")

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))

    def part(self, name: str) -> dict[str, Any]:
        (found,) = [part for part in self.json("status")["parts"] if part["name"] == name]
        return dict(found)


@pytest.fixture(scope="module")
def feedmill() -> Iterator[Command]:
    with tempfile.TemporaryDirectory(prefix="feedmill-e2e-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("FEEDMILL_")}
        command = Command({**kept, "FEEDMILL_HOME": folder, "FEEDMILL_PORT": str(free_origin())})
        try:
            command("up", "--demo-users")
            yield command
        finally:
            command("down")
            command("reset", "--yes")
            assert not Home(Path(folder)).outside.exists()


def test_every_part_is_ready_and_together_they_are_small(feedmill: Command) -> None:
    status = feedmill.json("status")
    assert {part["name"]: part["state"] for part in status["parts"]} == dict.fromkeys(PARTS, "ready")
    must_be_small(status)


def must_be_small(status: Any) -> None:
    memory = {part["name"]: part["rss_mb"] for part in status["parts"]}
    assert sum(memory.values()) < 1_600
    services = [name for name in PARTS if name not in ("kafka", "postgres", "clickhouse")]
    assert {name: memory[name] for name in services if memory[name] >= 120} == {}


def test_demo_users_have_the_ids_and_keys_of_the_old_system(feedmill: Command) -> None:
    origin = feedmill.json("status")["origin"]
    for user_id, handle, key in ((1, "ivan", "abc123"), (2, "nico", "abc124"), (3, "eric", "abc125")):
        request = urllib.request.Request(f"{origin}/me", headers={"X-App-Key": key})
        with urllib.request.urlopen(request, timeout=10) as reply:
            me = json.load(reply)
        assert (me["id"], me["name"]) == (user_id, handle)


def test_an_event_can_be_followed_to_both_ends(feedmill: Command) -> None:
    status = feedmill.json("status")
    key = feedmill.json("keys", "create", "--service", "e2e", "--scopes", "events:write,feeds:read")["key"]
    event = {
        "specversion": "1.0",
        "id": "one",
        "source": "e2e",
        "type": "feedmill.post.v1",
        "data": {"actor_id": 1, "object": {"type": "post", "content": "hello"}},
    }
    headers = {"X-App-Key": key, "Content-Type": "application/json", "Prefer": "wait=20"}
    request = urllib.request.Request(f"{status['origin']}/v1/events", json.dumps(event).encode(), headers)
    with urllib.request.urlopen(request, timeout=40) as reply:
        (result,) = json.load(reply)["results"]
    assert result["status"] == "accepted"
    deadline_s = time.monotonic() + 30
    hops: set[str] = set()
    while not hops >= {"accepted", "enriched", "postgres", "clickhouse"} and time.monotonic() < deadline_s:
        hops = {hop["hop"] for hop in feedmill.json("trace", result["event_id"])["hops"]}
    assert hops == {"accepted", "enriched", "postgres", "clickhouse"}
    assert "applied" in feedmill("trace", result["event_id"])


def test_the_demo_can_be_had_again_on_a_running_platform(feedmill: Command) -> None:
    small = ("demo", "--users", "20", "--events", "300")
    for said in (feedmill(*small), feedmill(*small)):
        for promised in (
            "Ready in",
            "Already followed",
            "all 300 of them",
            "POST to feed",
            "POST to warehouse",
            "The home feed of",
            "What happened on each of the last seven days",
            "Who wrote what was liked most",
            "Who is busiest on which weekday",
            "Everything accepted was seen at both ends.",
        ):
            assert promised in said
    must_be_small(feedmill.json("status"))


def test_a_towns_figures_are_there_for_machines(feedmill: Command) -> None:
    figures = feedmill.json_last("load", "town", "--users", "10", "--events", "200", "--seed", "9")
    assert (figures["people"], figures["events"], sum(figures["by_verb"].values())) == (10, 200, 200)
    assert figures["missing"] == {"Postgres": [], "ClickHouse": []}
    assert figures["post_to_feed"]["p50_ms"] <= figures["post_to_feed"]["p99_ms"]


def test_a_crashed_service_comes_back_by_itself(feedmill: Command) -> None:
    before = feedmill.part("enricher")
    os.kill(before["pid"], signal.SIGKILL)
    deadline_s = time.monotonic() + 60
    after = before
    while (after["pid"] == before["pid"] or after["state"] != "ready") and time.monotonic() < deadline_s:
        after = feedmill.part("enricher")
    assert after["state"] == "ready"
    assert after["restarts"] == before["restarts"] + 1


def test_up_where_all_is_up_changes_nothing(feedmill: Command) -> None:
    before = feedmill.part("ingest")["pid"]
    assert "Ready" in feedmill("up")
    assert feedmill.part("ingest")["pid"] == before


def test_a_running_platform_is_not_reset(feedmill: Command) -> None:
    assert "feedmill down" in feedmill("reset", "--yes", fails=True)


def test_a_second_platform_runs_beside_it_on_a_postgres_it_was_given(
    feedmill: Command, database: str, tmp_path: Path
) -> None:
    own = {"FEEDMILL_HOME": str(tmp_path), "FEEDMILL_PORT": str(free_origin()), "FEEDMILL_POSTGRES_DSN": database}
    second = Command({**feedmill.environment, **own})
    try:
        second("up")
        given = second.part("postgres")
        assert (given["state"], given["pid"]) == ("ready", None)
        assert second.json("status")["connect"]["postgres"] == {"dsn": database}
        assert feedmill.part("api")["state"] == "ready"
    finally:
        second("down")
    assert feedmill.part("postgres")["state"] == "ready"


def test_down_drains_and_what_was_kept_is_there_at_the_next_up(feedmill: Command) -> None:
    digest = feedmill.json("digest")["postgres"]["user_profile"]
    assert "Stopped" in feedmill("down")
    assert {part["pid"] for part in feedmill.json("status")["parts"]} == {None}
    feedmill("up")
    assert feedmill.json("digest")["postgres"]["user_profile"] == digest


def test_a_killed_supervisor_leaves_nothing_the_next_up_cannot_handle(feedmill: Command) -> None:
    home = Home(Path(feedmill.environment["FEEDMILL_HOME"]))
    state = json.loads((home.run / "state.json").read_text())
    os.kill(state["supervisor_pid"], signal.SIGKILL)
    orphan = next(part["pid"] for part in state["parts"] if part["name"] == "ingest")
    os.kill(orphan, 0)
    feedmill("up")
    assert feedmill.part("ingest")["pid"] != orphan
    assert {part["state"] for part in feedmill.json("status")["parts"]} == {"ready"}
