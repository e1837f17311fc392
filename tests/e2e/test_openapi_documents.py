"""Both OpenAPI documents, held to what the running platform does: schemathesis makes requests that fit them and
requests that do not.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from feedmill.cli.routes import load
from feedmill.testkit.people import Operator

pytestmark = pytest.mark.e2e

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
JUDGED_ONE_BY_ONE = ("/v1/events", "/v1/users", "/v1/articles", "/v1/imports")
"""What is wrong with one of many is said in its result, in an answer of 200."""
TAKES_ANY_TEXT = ("/analytics/{name}",)
"""A name in the path and nothing else: no request can be made that does not fit the document."""
NEVER_ENDS = ("/v1/users/{user_id}/feed/live",)
"""Streams have tests of their own."""
ERASES = ("DELETE", "/v1/users/{user_id}")
"""Whoever is there: so somebody of this test's own."""
ROUTES = [route for route in load() if route.path not in NEVER_ENDS]
EXAMPLES = 30
"""Requests for each operation, mode and kind of key: together under a minute."""


@schemathesis.serializer("text/csv", "application/gzip")
def as_they_are(_: schemathesis.SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")


@pytest.fixture(scope="module")
def documents(operator: Operator) -> dict[str, Any]:
    return {
        service: schemathesis.openapi.from_url(f"{operator.platform.address(service)}/openapi.json")
        for service in ("ingest", "api")
    }


@pytest.fixture(scope="module")
def keys(operator: Operator) -> dict[str, str]:
    return {"operator": operator.key, "person": operator.person("schemathesis").key}


@pytest.mark.parametrize("whose", ["operator", "person"])
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: str(mode.value))
@pytest.mark.parametrize(
    "route", [r for r in load() if r.path not in NEVER_ENDS], ids=lambda route: f"{route.method} {route.path}"
)
def test_the_platform_does_as_its_documents_say(
    route: Any, mode: GenerationMode, whose: str, documents: dict[str, Any], keys: dict[str, str], operator: Operator
) -> None:
    if mode is GenerationMode.NEGATIVE and route.path in TAKES_ANY_TEXT:
        return
    checks = CHECKS if route.path in JUDGED_ONE_BY_ONE else [*CHECKS, negative_data_rejection]
    operation = documents[route.service][route.path][route.method]
    somebody = operator.user("erased")["id"] if (route.method, route.path) == ERASES else 0

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=operation.as_strategy(generation_mode=mode))
    def as_documented(case: Any) -> None:
        headers = {"X-App-Key": keys[whose]}
        if somebody and str(case.path_parameters.get("user_id")).isdigit():
            case.path_parameters["user_id"] = somebody
        case.call_and_validate(base_url=operator.platform.origin, headers=headers, checks=checks, timeout=45)

    as_documented()
