"""Topics and schemas, before any service starts: `python -m feedmill.cli.local.prepare`, addresses from the
environment. A process of its own, so that the supervisor never loads the stores' clients.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from feedmill.cli.local.services import Connections
from feedmill.contracts.topics import ALL

if TYPE_CHECKING:
    from feedmill.runtime.kafka import Admin


SETTLE_TIMEOUT_S = 30.0
LOOK_S = 0.05


def topics(bootstrap_servers: str, replication: int = 1) -> list[str]:
    """Creates what is missing and waits until every partition answers; the names created."""
    from feedmill.runtime.kafka import Admin
    from feedmill.runtime.settings import KafkaSettings

    admin = Admin(KafkaSettings(bootstrap_servers=bootstrap_servers))
    created = admin.create_topics(ALL, replication=replication)
    if created:
        settle(admin)
    return created


def settle(admin: Admin) -> None:
    """A new partition takes a moment to find its leader. Raises Transient when it takes too long."""
    from feedmill.runtime.outcome import TopicPartition, Transient

    partitions = [TopicPartition(topic.name, p) for topic in ALL for p in range(topic.partitions)]
    deadline_s = time.monotonic() + SETTLE_TIMEOUT_S
    while True:
        try:
            admin.ends(partitions)
        except Transient:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(LOOK_S)
        else:
            return


def schemas(connections: Connections) -> None:
    from feedmill.cli import migrate

    migrate.run(postgres_dsn=connections.postgres, clickhouse_url=connections.clickhouse)


def main() -> int:
    """Exit status 1, with one line why, where a store does not answer or its schema is not ours."""
    import psycopg2
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from feedmill.cli.migrate import SchemaError
    from feedmill.runtime.outcome import Fatal, Transient

    kafka, postgres, clickhouse = (os.environ[name] for name in Connections("", "", "").environment())
    try:
        topics(kafka)
        schemas(Connections(kafka, postgres, clickhouse))
    except (Transient, Fatal, psycopg2.Error, ClickHouseError, SchemaError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
