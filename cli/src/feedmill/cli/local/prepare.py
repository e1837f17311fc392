"""Topics and schemas, before any service starts: `python -m feedmill.cli.local.prepare`, addresses from the
environment. A process of its own, so that the supervisor never loads the stores' clients.
"""

from __future__ import annotations

import os

from feedmill.cli.local.services import Connections
from feedmill.contracts.topics import ALL


def topics(connections: Connections) -> list[str]:
    """Creates what is missing; the names created."""
    from feedmill.runtime.kafka import Admin
    from feedmill.runtime.settings import KafkaSettings

    return Admin(KafkaSettings(bootstrap_servers=connections.kafka)).create_topics(ALL)


def schemas(connections: Connections) -> None:
    from feedmill.cli import migrate

    migrate.run(postgres_dsn=connections.postgres, clickhouse_url=connections.clickhouse)


def main() -> int:
    connections = Connections(
        os.environ["FEEDMILL_KAFKA_BOOTSTRAP_SERVERS"],
        os.environ["FEEDMILL_POSTGRES_DSN"],
        os.environ["FEEDMILL_CLICKHOUSE_URL"],
    )
    topics(connections)
    schemas(connections)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
