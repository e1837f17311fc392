"""docker-compose.yml, read as a file: what every container must be, whatever it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Mapping[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOTS = {name for name, service in SERVICES.items() if service["restart"] == "no"}
STAYING = sorted(SERVICES.keys() - ONE_SHOTS)
OWN_IMAGES = "feedmill/"

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


@every_service
def test_a_container_cannot_change_itself_or_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.keys() & {"privileged", "cap_add", "pid", "ipc", "devices"}
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0


@every_service
def test_a_container_has_a_limit_of_memory_processes_and_log(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+m", service["mem_limit"])
    assert service["pids_limit"] > 0
    assert "max-size" in service["logging"]["options"]


@every_service
def test_images_are_pinned_to_a_version(name: str) -> None:
    image: str = SERVICES[name]["image"]
    if image.startswith(OWN_IMAGES):
        assert image.endswith(":${IMAGE_TAG:-dev}")
    else:
        assert re.search(r":v?\d+\.\d+", image), f"{image} may be another tomorrow"
    assert not image.startswith("latest")


@pytest.mark.parametrize("name", STAYING)
def test_whatever_stays_says_how_it_is(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert check.keys() >= {"interval", "timeout", "retries", "start_period"}


@every_service
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@every_service
def test_a_container_waits_for_what_it_needs_by_condition(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if needed in ONE_SHOTS else "service_healthy"
        assert how == {"condition": wanted}


def test_services_start_after_schemas_and_topics_are_there() -> None:
    for name, service in SERVICES.items():
        if service["image"].startswith(OWN_IMAGES) and name not in ("secrets", "migrate", "topics"):
            assert service["depends_on"].keys() >= {"migrate", "topics"}


def test_the_core_needs_no_profile_and_the_rest_has_one() -> None:
    profiles = {name: tuple(service.get("profiles", ())) for name, service in SERVICES.items()}
    assert {profile for named in profiles.values() for profile in named} == {"cache", "observability", "tools"}
    core = {"secrets", "migrate", "topics", "nginx", "ingest", "enricher", "api", "kafka", "postgres", "clickhouse"}
    assert {name for name, named in profiles.items() if not named} == core | {
        "feed-writer-postgres",
        "feed-writer-clickhouse",
    }


@every_service
def test_secrets_come_in_files_and_never_in_the_environment(name: str) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|DSN|CLICKHOUSE_URL|SECRET|TOKEN", key):
            assert key.endswith("_FILE")
            assert str(value).startswith("/run/secrets/")


@every_service
def test_what_is_mounted_from_the_checkout_is_there_and_read_only(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, _, rest = volume.partition(":")
        if source.startswith("./"):
            assert (ROOT / source).exists()
            assert rest.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]
            assert not source.startswith("secret_") or name == "secrets" or rest.endswith(":ro")


def test_the_gateway_and_grafana_reach_no_store() -> None:
    stores = {"kafka", "postgres"}
    for name in ("nginx", "grafana", "prometheus", "alertmanager"):
        for store in stores:
            assert not set(SERVICES[name]["networks"]) & set(SERVICES[store]["networks"])


def test_the_cache_is_reached_by_api_alone_and_keeps_nothing() -> None:
    assert [name for name, service in SERVICES.items() if "cache" in service.get("networks", [])] == ["api", "valkey"]
    cache = SERVICES["valkey"]
    assert not cache.keys() & {"ports", "volumes"}
    assert cache["command"][1:5] == ["--save", "", "--appendonly", "no"]
    assert cache["command"][-1] == "allkeys-lru"
    assert "valkey" not in SERVICES["api"]["depends_on"]


def test_a_setting_of_a_service_has_the_services_prefix() -> None:
    prefixes = {
        "ingest": "FEEDMILL_INGEST__",
        "enricher": "FEEDMILL_ENRICHER__",
        "api": "FEEDMILL_API__",
        "feed-writer-postgres": "FEEDMILL_FEED_WRITER__",
        "feed-writer-clickhouse": "FEEDMILL_FEED_WRITER__",
    }
    for name, prefix in prefixes.items():
        own = [key for key in SERVICES[name]["environment"] if "__" in key]
        assert all(key.startswith(prefix) for key in own)
