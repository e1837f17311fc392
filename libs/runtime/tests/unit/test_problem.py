"""Problems: stable types, nothing echoed, nothing that can break the answer."""

import json
import re
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import APIRouter, Body, FastAPI, Query, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient

from feedmill.runtime.applied import NotYetApplied
from feedmill.runtime.auth import KeyMissing, KeyNotValid
from feedmill.runtime.family_a import FamilyARoute
from feedmill.runtime.position import BadPosition
from feedmill.runtime.postgres import StoreAway
from feedmill.runtime.problem import (
    MEDIA_TYPE,
    FieldError,
    Kind,
    Problem,
    answer_with_problem,
    problem_of,
    problem_response,
)


def body_of(response: Response) -> dict[str, object]:
    found = json.loads(bytes(response.body))
    assert isinstance(found, dict)
    return found


def test_slugs_are_unique_and_stable() -> None:
    assert len({kind.slug for kind in Kind}) == len(Kind)
    assert Kind.NOT_YET_APPLIED.slug == "not-yet-applied"


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (Problem(Kind.CONFLICT, "x"), Kind.CONFLICT, 409),
        (KeyMissing(), Kind.KEY_MISSING, 401),
        (KeyNotValid(), Kind.KEY_NOT_VALID, 401),
        (BadPosition("Feedmill-Position is past the end"), Kind.BAD_POSITION, 400),
        (NotYetApplied(), Kind.NOT_YET_APPLIED, 503),
        (StoreAway("postgres is away"), Kind.STORE_AWAY, 503),
        (HTTPException(404), Kind.NOT_FOUND, 404),
        (HTTPException(413), Kind.TOO_LARGE, 413),
        (HTTPException(418), Kind.BAD_REQUEST, 400),
        (HTTPException(502), Kind.INTERNAL, 500),
        (ClientDisconnect(), Kind.BAD_REQUEST, 400),
        (RuntimeError("secret"), Kind.INTERNAL, 500),
    ],
)
def test_every_exception_has_its_problem(error: Exception, kind: Kind, status: int) -> None:
    problem = problem_of(error)
    assert problem.kind is kind
    response = problem_response(problem)
    assert response.status_code == status
    assert response.media_type == MEDIA_TYPE
    assert body_of(response)["type"] == f"urn:feedmill:problem:{kind.slug}"
    assert "secret" not in str(body_of(response))
    assert ("retry-after" in response.headers) == (status in (429, 503))
    assert ("www-authenticate" in response.headers) == (status == 401)


def test_fields_are_named_and_text_cannot_break_the_answer() -> None:
    error = FieldError("data.object\ud800", "nul", "a lone \udfff surrogate")
    response = problem_response(Problem(Kind.INVALID, "\ud800", [error], retry_after_s=7))
    assert response.headers["retry-after"] == "7"
    assert body_of(response)["errors"] == [
        {"field": "data.object\ud800", "code": "nul", "message": "a lone \udfff surrogate"}
    ]


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    for error_class in (RequestValidationError, HTTPException):
        app.add_exception_handler(error_class, answer_with_problem)
    family_a = APIRouter(route_class=FamilyARoute)

    @app.post("/numbers")
    async def numbers(first: Annotated[int, Body(embed=True)], limit: Annotated[int, Query(le=100)] = 1) -> int:
        return first + limit

    @family_a.get("/a")
    async def a(error: str) -> None:
        match error:
            case "missing":
                raise KeyMissing
            case "unknown":
                raise KeyNotValid
            case "away":
                raise StoreAway
            case "own":
                raise Problem(Kind.BAD_REQUEST, "User not found")
        raise RuntimeError("secret")

    app.include_router(family_a)
    return TestClient(app, raise_server_exceptions=False)


def test_a_bad_body_or_parameter_is_named_and_never_echoed(client: TestClient) -> None:
    answer = client.post("/numbers?limit=1000", json={"first": 1})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "limit")
    answer = client.post(
        "/numbers", content=b'{"first": "hunter2\\ud800"}', headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "first")
    assert "hunter2" not in answer.text
    answer = client.post("/numbers", content=b'{"first": NaN}', headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        ("missing", 400, "Key is missing"),
        ("unknown", 401, "Key is not valid"),
        ("own", 400, "User not found"),
        ("other", 500, "Something wrong on our side, sorry"),
    ],
)
def test_family_a_has_its_own_shape(client: TestClient, error: str, status: int, message: str) -> None:
    answer = client.get("/a", params={"error": error})
    assert (answer.status_code, answer.json()) == (status, {"error": True, "message": message})


def test_family_a_says_when_to_come_back(client: TestClient) -> None:
    answer = client.get("/a", params={"error": "away"})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["error"] is True


def test_family_a_says_in_its_own_shape_which_method_a_path_takes(client: TestClient) -> None:
    answer = client.delete("/a")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json() == {"error": True, "message": "The path does not take this method."}
    assert client.delete("/numbers").headers["content-type"] == "application/problem+json"


def test_every_kind_is_explained_in_the_docs() -> None:
    page = next(parent / "docs/problems.md" for parent in Path(__file__).parents if (parent / "docs").is_dir())
    explained = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert explained == [(kind.slug, str(kind.status)) for kind in Kind]
