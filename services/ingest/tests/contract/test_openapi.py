"""The OpenAPI document: its examples run as they stand, and no request made from it, or against it, is a 5xx."""

import json
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from starlette.testclient import TestClient

from feedmill.testkit.door import a_client, a_house, an_app

CLIENT = a_client(a_house())
schema = schemathesis.openapi.from_asgi("/openapi.json", an_app(a_house()))


def operations() -> list[tuple[str, dict[str, Any]]]:
    document = CLIENT.get("/openapi.json").json()
    return [(path, methods["post"]) for path, methods in document["paths"].items() if "post" in methods]


def examples() -> list[tuple[str, str, object]]:
    found = []
    for path, operation in operations():
        for media_type, content in operation["requestBody"]["content"].items():
            if media_type == "application/x-ndjson":
                continue
            if media_type == "application/gzip":
                continue  # bytes have no example
            named = content.get("examples", {"the": {"value": content.get("example")}})
            found += [(path, media_type, example["value"]) for example in named.values()]
    return found


@pytest.mark.parametrize(("path", "media_type", "body"), examples())
def test_every_example_runs_as_it_stands(path: str, media_type: str, body: object) -> None:
    fake = a_house()
    fake.world.objects["post", 1] = 2
    key = {"/v1/users": "admin", "/v1/articles": "town", "/v1/imports": "town"}.get(path, "abc123")
    client: TestClient = a_client(fake)
    sent = body if media_type == "text/csv" else json.dumps(body)
    query = {"kind": "readings"} if path == "/v1/imports" else {}
    headers = {"X-App-Key": key, "Content-Type": media_type}
    answer = client.post(path.replace("{user_id}", "1"), params=query, content=str(sent), headers=headers)
    assert answer.status_code in (200, 201, 202), answer.text
    if path in ("/v1/events", "/v1/articles"):
        assert {result["status"] for result in answer.json()["results"]} == {"accepted"}


def test_every_write_is_documented_with_its_answers() -> None:
    erasing = CLIENT.get("/openapi.json").json()["paths"]["/v1/users/{user_id}"]["delete"]
    assert set(erasing["responses"]) == {"200", "202", "400", "401", "403", "404", "429", "503"}
    assert erasing["security"] == [{"key": []}, {"bearer": []}]
    paths = dict(operations())
    of_one = {"/v1/users/{user_id}/feed/read", "/v1/users/{user_id}/notifications/read"}
    assert set(paths) == {*JUDGED_ONE_BY_ONE, *of_one, "/post", "/activity", "/follow", "/unfollow"}
    for path, operation in paths.items():
        assert {"401", "429", "503"} <= set(operation["responses"]), path
        assert operation["security"] == [{"key": []}, {"bearer": []}], path


def test_every_reference_leads_somewhere() -> None:
    document = CLIENT.get("/openapi.json")
    schemas = document.json()["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', document.text))
    assert references <= set(schemas)


@schemathesis.serializer("text/csv", "application/gzip")
def as_they_are(_: schemathesis.SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")


@schemathesis.serializer("application/x-ndjson")
def as_lines(_: schemathesis.SerializationContext, value: object) -> bytes:
    return value.encode(errors="surrogatepass") if isinstance(value, str) else json.dumps(value).encode()


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
JUDGED_ONE_BY_ONE = ("/v1/events", "/v1/users", "/v1/articles", "/v1/imports")
"""What is wrong with one of many is said in its result, in an answer of 200."""


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_no_request_ends_in_a_5xx_or_in_an_answer_that_is_not_documented(case: Any) -> None:
    services = dict.fromkeys(("/v1/events", "/v1/articles", "/v1/imports"), "town")
    admin = dict.fromkeys(("/v1/users", "/v1/users/{user_id}"), "admin")
    key = (admin | services).get(case.path, "abc123")
    checks = CHECKS if case.path in JUDGED_ONE_BY_ONE else [*CHECKS, negative_data_rejection]
    case.call_and_validate(headers={"X-App-Key": key}, checks=checks)
