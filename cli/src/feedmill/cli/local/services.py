"""Feedmill's own processes on this machine: console scripts with an environment, nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from feedmill.cli.local import probes
from feedmill.cli.local.layout import Home, Ports
from feedmill.cli.local.part import PartSpec, environment_for_parts

STORES = ("kafka", "postgres", "clickhouse")


@dataclass(frozen=True, slots=True)
class Service:
    """`offset` from the origin is where it listens (HTTP, or its side port)."""

    name: str
    script: str
    prefix: str
    offset: int
    arguments: tuple[str, ...] = ()
    consumes: bool = False


SERVICES = (
    Service("ingest", "feedmill-ingest", "FEEDMILL_INGEST__", 1),
    Service("api", "feedmill-api", "FEEDMILL_API__", 2),
    Service("enricher", "feedmill-enricher", "FEEDMILL_ENRICHER__", 3, consumes=True),
    Service(
        "feed-writer-postgres",
        "feedmill-feed-writer",
        "FEEDMILL_FEED_WRITER__",
        4,
        ("--sink", "postgres"),
        consumes=True,
    ),
    Service(
        "feed-writer-clickhouse",
        "feedmill-feed-writer",
        "FEEDMILL_FEED_WRITER__",
        5,
        ("--sink", "clickhouse"),
        consumes=True,
    ),
    Service("gateway", "feedmill-gateway", "FEEDMILL_GATEWAY__", 0),
)
BY_NAME: Mapping[str, Service] = {service.name: service for service in SERVICES}
PARTS = (*STORES, "gateway", *(service.name for service in SERVICES if service.name != "gateway"))
"""Every part of a platform, in the order `status` shows them."""


@dataclass(frozen=True, slots=True)
class Connections:
    """Where the three stores are, local or given."""

    kafka: str  # bootstrap servers
    postgres: str  # DSN
    clickhouse: str  # http://user:password@host:port/database

    def environment(self) -> dict[str, str]:
        return {
            "FEEDMILL_KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "FEEDMILL_POSTGRES_DSN": self.postgres,
            "FEEDMILL_CLICKHOUSE_URL": self.clickhouse,
        }

    def document(self) -> dict[str, dict[str, object]]:
        """As `feedmill status --json` gives it."""
        url = urlsplit(self.clickhouse)
        clickhouse: dict[str, object] = {
            "host": url.hostname,
            "port": url.port or 8123,
            "username": unquote(url.username or "default"),
            "password": unquote(url.password or ""),
            "database": url.path.strip("/") or "default",
        }
        return {
            "kafka": {"bootstrap_servers": self.kafka},
            "postgres": {"dsn": self.postgres},
            "clickhouse": clickhouse,
        }


@dataclass(frozen=True, slots=True)
class Site:
    """What the services of one platform share."""

    home: Home
    ports: Ports
    connections: Connections
    settings: Mapping[str, str] = field(default_factory=dict)
    """FEEDMILL_<SERVICE>__… and global names of the user's own; each service gets what is meant for it."""


def service_spec(site: Site, service: Service, replica: int = 0, env: Mapping[str, str] | None = None) -> PartSpec:
    """`replica` 0 listens at the documented port, others above it; `env` is added last."""
    port = (
        site.ports.origin + service.offset if replica == 0 else site.ports.replica(service.offset + 6 * (replica - 1))
    )
    name = service.name if replica == 0 else f"{service.name}-{replica + 1}"
    return PartSpec(
        name=name,
        command=(script(service.script), *service.arguments),
        address=f"http://127.0.0.1:{port}",
        log=site.home.log_of(name),
        ready=partial(probes.service, port),
        env={**environment_for_parts(), **environment(site, service, name, port), **(env or {})},
        cwd=site.home.root,
        stop_timeout_s=25.0,
    )


def environment(site: Site, service: Service, name: str, port: int) -> dict[str, str]:
    own = {k: v for k, v in site.settings.items() if "__" not in k or k.startswith(service.prefix)}
    values = {
        "FEEDMILL_TRUSTED_NETWORK": "true",
        "FEEDMILL_LOG_FORMAT": "console",
        **site.connections.environment(),
        **own,
        f"{service.prefix}PORT": str(port),
    }
    if service.consumes:
        values.setdefault(f"{service.prefix}GROUP__INSTANCE_ID", name)
    if service.name == "gateway":
        values.setdefault("FEEDMILL_GATEWAY__INGEST_URL", f"http://127.0.0.1:{site.ports.ingest}")
        values.setdefault("FEEDMILL_GATEWAY__API_URL", f"http://127.0.0.1:{site.ports.api}")
    return values


def script(name: str) -> str:
    return str(Path(sys.prefix) / "bin" / name)


def settings_of(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The FEEDMILL_ names of the caller that services should see; addresses and places are given by name instead."""
    places = {"FEEDMILL_PORT", "FEEDMILL_HOME", *Connections("", "", "").environment()}
    return {k: v for k, v in environ.items() if k.startswith("FEEDMILL_") and k.removesuffix("_FILE") not in places}
