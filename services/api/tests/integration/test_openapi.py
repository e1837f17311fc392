"""The OpenAPI document is what the api does: held to it by generated requests."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from feedmill.api import openapi
from feedmill.testkit.reader import Reader
from feedmill.testkit.state import Seed

pytestmark = pytest.mark.integration

STREAM = "/v1/users/{user_id}/feed/live"
"""An answer that does not end: its own tests hold it to what it says."""
PATHS = {
    "/me",
    "/feed/my",
    "/feed/friends",
    "/v1/users/{user_id}",
    "/v1/users/{user_id}/feed",
    "/v1/users/{user_id}/activities",
    "/v1/users/{user_id}/notifications",
    "/v1/users/{user_id}/feed/why",
    "/v1/users/{user_id}/feed/aggregated",
    STREAM,
    "/v1/objects/{type}/{id}",
    "/v1/tags/{tag}/feed",
    "/v1/events/{event_id}",
    "/v1/users/{user_id}/interests",
    "/user_content",
    "/user_content/",
    "/v1/analytics/sagas/{saga_id}/entities",
    "/v1/analytics/links",
    "/v1/analytics/tags",
    "/v1/analytics/trends",
    "/v1/analytics/active-users",
    "/v1/analytics/retention",
    "/v1/analytics/funnel",
    "/v1/analytics/categories",
    "/v1/analytics/growth",
    "/analytics",
    "/analytics/{name}",
}
COMPUTED = {"/predict", "/v1/classify"}
"""POST, and nothing is read for it."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def lively(seed: Seed) -> Seed:
    seed.user("ivan", key="abc123", scopes=["feeds:read", "analytics:read"])
    seed.user("nico")
    post = seed.post(2, {"any": "json"})
    seed.comment(2, "hm", "post", post)
    seed.follow(2, 1)
    seed.follow(1, 2)
    seed.post(1, "mine")
    return seed


def test_the_document_has_every_path_with_its_types(reader: Reader) -> None:
    document = reader.get("/openapi.json", key=None).json()
    assert set(document["paths"]) == PATHS | COMPUTED
    assert set(openapi.SCHEMAS) <= set(document["components"]["schemas"])
    for path, operations in document["paths"].items():
        method = "post" if path in COMPUTED else "get"
        assert set(operations) == {method}, path
        if path != "/analytics/{name}":
            assert {"200", "400", "401", "503"} <= set(operations[method]["responses"])
        assert operations[method]["security"]
    assert reader.get("/docs", key=None).status_code == 200


def test_generated_requests_find_no_5xx_and_nothing_undocumented(lively: Seed, reader: Reader) -> None:
    schema = schemathesis.openapi.from_dict(reader.get("/openapi.json", key=None).json())
    operations: list[Any] = list(schema.get_all_operations())
    asked = [hold_to(operation.ok(), reader) for operation in operations if operation.ok().path != STREAM]
    assert len(asked) == len(PATHS | COMPUTED) - 1
    assert min(asked) > 10


def hold_to(operation: Any, reader: Reader) -> int:
    """How many answers to generated requests were held to the document."""
    asked = 0

    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        nonlocal asked
        sent = case.as_transport_kwargs(base_url="http://testserver")
        headers = {**dict(sent.get("headers") or {}), "X-App-Key": "abc123"}
        answer = reader.client.request(
            sent["method"], sent["url"], params=sent.get("params"), headers=headers, json=sent.get("json")
        )
        case.validate_response(answer, checks=CHECKS)
        asked += 1

    ask()
    return asked
