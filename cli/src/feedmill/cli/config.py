"""What the `feedmill` command reads from its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from feedmill.cli.local.layout import DEFAULT_PORT, Home, Ports
from feedmill.runtime.settings import ClickHouseSettings, KafkaSettings, PostgresSettings, Settings, service_config


class CliSettings(Settings):
    """An address that is given is used in place of the local part."""

    model_config = service_config("cli")

    origin_port: int = Field(default=DEFAULT_PORT, ge=1024, le=65_000, description="other ports are offsets from it")
    origin_url: str | None = None
    """Where the gateway is, if not on this machine: the command inside a container, or against a cluster."""
    home: Path = Path("~/.feedmill")
    kafka: KafkaSettings | None = None
    postgres: PostgresSettings | None = None
    clickhouse: ClickHouseSettings | None = None

    @property
    def place(self) -> Home:
        return Home(self.home.expanduser().absolute())

    @property
    def ports(self) -> Ports:
        return Ports(self.origin_port)

    @property
    def given(self) -> dict[str, str]:
        """Store -> address, of the stores that are not ours to run."""
        addresses = {
            "kafka": self.kafka and self.kafka.bootstrap_servers,
            "postgres": self.postgres and self.postgres.dsn.get_secret_value(),
            "clickhouse": self.clickhouse and self.clickhouse.url.get_secret_value(),
        }
        return {name: address for name, address in addresses.items() if address}
