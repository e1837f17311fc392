"""The command's own way into a platform: where its stores are, and a key to its doors."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from feedmill.cli import api_keys
from feedmill.cli.config import CliSettings
from feedmill.cli.local.clickhouse import ClickHouse
from feedmill.cli.local.kafka import Kafka
from feedmill.cli.local.layout import Home, Ports
from feedmill.cli.local.postgres import Postgres
from feedmill.cli.local.services import Connections
from feedmill.cli.local.state import read_state


@dataclass(frozen=True, slots=True)
class Site:
    """A platform as its operator reaches it."""

    home: Home
    origin: str
    connections: Connections

    def key(self) -> str:
        return operator_key(self.home, self.connections.postgres)


def site(settings: CliSettings | None = None) -> Site:
    """Given addresses first, then those of this home's platform, then the documented local ones."""
    settings = settings or CliSettings.from_env()
    home = settings.place
    state = read_state(home)
    ports = Ports(state.origin) if state else settings.ports
    known = {**local_addresses(home, ports), **(state.connections if state else {}), **settings.given}
    return Site(home, settings.origin_url or f"http://127.0.0.1:{ports.origin}", Connections(**known))


def local_addresses(home: Home, ports: Ports) -> dict[str, str]:
    return {
        "kafka": Kafka(home, ports.kafka, ports.kafka_controller).bootstrap_servers,
        "postgres": Postgres(home, ports.postgres).dsn,
        "clickhouse": ClickHouse(home, ports.clickhouse_http, ports.clickhouse_tcp).url,
    }


def operator_key(home: Home, dsn: str) -> str:
    """A key of `service:cli` with every scope, made once and kept in this home for its owner's eyes only."""
    path = home.run / "operator.key"
    if path.exists():
        key = path.read_text().strip()
        if api_keys.alive(dsn, key):
            return key
    key = api_keys.create_for_service(dsn, api_keys.CLI, api_keys.SCOPES).key
    write_secret(path, key)
    return key


def write_secret(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(secret + "\n")
    fresh.replace(path)
