"""Both OpenAPI documents, held to what the running platform does: schemathesis makes the requests."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from feedmill.testkit.people import Operator

pytestmark = pytest.mark.e2e

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
BOUNDED = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.fixture(scope="module")
def ingest_document(operator: Operator) -> Any:
    return schemathesis.openapi.from_url(f"{operator.platform.address('ingest')}/openapi.json")


@pytest.fixture(scope="module")
def api_document(operator: Operator) -> Any:
    return schemathesis.openapi.from_url(f"{operator.platform.address('api')}/openapi.json")


@pytest.fixture(scope="module")
def key_of_a_person(operator: Operator) -> str:
    return operator.person("schemathesis").key


ingest = schemathesis.pytest.from_fixture("ingest_document")
api = schemathesis.pytest.from_fixture("api_document")


def held(case: Any, origin: str, key: str) -> None:
    case.call_and_validate(base_url=origin, headers={"X-App-Key": key}, checks=CHECKS, timeout=45)


@ingest.parametrize()
@BOUNDED
def test_ingest_does_as_its_document_says_for_an_operator(case: Any, operator: Operator) -> None:
    held(case, operator.platform.origin, operator.key)


@ingest.parametrize()
@BOUNDED
def test_ingest_does_as_its_document_says_for_a_person(case: Any, operator: Operator, key_of_a_person: str) -> None:
    held(case, operator.platform.origin, key_of_a_person)


@api.parametrize()
@BOUNDED
def test_api_does_as_its_document_says_for_an_operator(case: Any, operator: Operator) -> None:
    held(case, operator.platform.origin, operator.key)


@api.parametrize()
@BOUNDED
def test_api_does_as_its_document_says_for_a_person(case: Any, operator: Operator, key_of_a_person: str) -> None:
    held(case, operator.platform.origin, key_of_a_person)
