"""Real Kafka, Postgres, ClickHouse, enricher and sinks, once for a module of tests; the door runs in this process."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from feedmill.ingest.main import app_of
from feedmill.ingest.settings import IngestSettings
from feedmill.runtime.health import Health
from feedmill.testkit.platform import Platform, Shape
from feedmill.testkit.state import Seed

KEYS = (
    ("town", "service:town", None, ("events:write",)),
    ("admin", "service:admin", None, ("admin",)),
    ("abc123", "user:ivan", 1, ()),
    ("abc124", "user:nico", 2, ()),
)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with Platform(Shape(services=("enricher", "feed-writer-postgres", "feed-writer-clickhouse", "ingest"))) as opened:
        with Seed(opened.connections.postgres) as seed:
            for key, owner, user_id, scopes in KEYS:
                seed.key(key, owner=owner, user_id=user_id, scopes=scopes)
        yield opened


@pytest.fixture(scope="module")
def settings(platform: Platform) -> IngestSettings:
    return IngestSettings.model_validate(
        {
            "kafka": {"bootstrap_servers": platform.connections.kafka},
            "postgres": {"dsn": platform.connections.postgres},
            "producer": {"delivery_timeout_ms": 2_000},
        }
    )


@pytest.fixture(scope="module")
def door(settings: IngestSettings) -> Iterator[TestClient]:
    """The app with all it opens. Ivan (1), nico (2) and eric (3) have signed up."""
    app = app_of(settings, Health("ingest"))
    app.state.access_log = False
    with TestClient(app) as client:
        users = [{"handle": handle, "name": handle.title()} for handle in ("ivan", "nico", "eric")]
        answer = client.post("/v1/users", json=users, headers={"X-App-Key": "admin", "Idempotency-Key": "three"})
        assert [result["user"]["id"] for result in answer.json()["results"]] == [1, 2, 3]
        yield client
