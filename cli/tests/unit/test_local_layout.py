from __future__ import annotations

from pathlib import Path

import pytest

from feedmill.cli.config import CliSettings
from feedmill.cli.local.layout import BLOCK, OFFSETS, Home, Ports, reachable_by_others
from feedmill.cli.local.services import BY_NAME, PARTS, SERVICES, Connections, Site, service_spec, settings_of
from feedmill.runtime.settings import SettingsError

CONNECTIONS = Connections("k:9092", "postgresql://u:p%40@h:5432/db", "http://user:s%2Fecret@ch:8123/feedmill")


def site(settings: dict[str, str] | None = None) -> Site:
    return Site(Home(Path("/nowhere")), Ports(7000), CONNECTIONS, settings or {})


def test_no_two_parts_share_a_port() -> None:
    taken = [service_spec(site(), s, replica).address for s in SERVICES for replica in range(3)]
    assert len(set(taken)) == len(taken)
    assert all(int(address.rpartition(":")[2]) < 7000 + BLOCK for address in taken)
    assert len(set(OFFSETS)) == len(OFFSETS)


def test_a_service_gets_its_own_settings_and_nobody_elses() -> None:
    given = {
        "FEEDMILL_LOG_LEVEL": "debug",
        "FEEDMILL_INGEST__RATE__EVENTS": "5/second",
        "FEEDMILL_API__FAMILY_A_ITEMS": "7",
    }
    env = service_spec(site(given), BY_NAME["ingest"]).env
    assert env["FEEDMILL_INGEST__RATE__EVENTS"] == "5/second"
    assert env["FEEDMILL_INGEST__PORT"] == "7001"
    assert env["FEEDMILL_LOG_LEVEL"] == "debug"
    assert not any(name.startswith("FEEDMILL_API__") for name in env)


def test_replicas_of_a_consumer_are_different_members() -> None:
    first, second = (service_spec(site(), BY_NAME["enricher"], n) for n in (0, 1))
    assert first.env["FEEDMILL_ENRICHER__GROUP__INSTANCE_ID"] == "enricher"
    assert second.env["FEEDMILL_ENRICHER__GROUP__INSTANCE_ID"] == "enricher-2"
    assert second.name == "enricher-2"


def test_both_sinks_are_one_program_told_apart() -> None:
    writers = [service_spec(site(), BY_NAME[f"feed-writer-{sink}"]) for sink in ("postgres", "clickhouse")]
    assert [spec.command[1:] for spec in writers] == [("--sink", "postgres"), ("--sink", "clickhouse")]


def test_status_shows_every_part() -> None:
    assert set(PARTS) == {"kafka", "postgres", "clickhouse", *BY_NAME}


def test_how_to_connect_is_said_in_parts() -> None:
    document = CONNECTIONS.document()
    assert document["postgres"] == {"dsn": "postgresql://u:p%40@h:5432/db"}
    assert document["clickhouse"] == {
        "host": "ch",
        "port": 8123,
        "username": "user",
        "password": "s/ecret",
        "database": "feedmill",
    }


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(SettingsError, match="FEEDMILL_PROT"):
        CliSettings.from_env({"FEEDMILL_PROT": "6000"})


def test_a_given_store_is_used_in_place_of_ours() -> None:
    settings = CliSettings.from_env({"FEEDMILL_POSTGRES_DSN": "postgresql://db/x", "FEEDMILL_PORT": "6000"})
    assert settings.given == {"postgres": "postgresql://db/x"}
    assert settings.ports.kafka == 6010


def test_addresses_and_places_are_not_passed_on_as_settings() -> None:
    environ = {"FEEDMILL_HOME": "/x", "FEEDMILL_POSTGRES_DSN_FILE": "/y", "FEEDMILL_LOG_LEVEL": "info", "PATH": "/bin"}
    assert settings_of(environ) == {"FEEDMILL_LOG_LEVEL": "info"}


def test_a_closed_folder_is_not_reachable(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert not reachable_by_others(closed / "data")
    assert reachable_by_others(Path("/"))


def test_two_homes_have_two_places_outside(tmp_path: Path) -> None:
    assert Home(tmp_path / "a").outside != Home(tmp_path / "b").outside
