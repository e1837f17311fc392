"""The shell around the routes: operators' paths, errors, trace context, metrics."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.testclient import TestClient

from feedmill.runtime import logs, trace_context
from feedmill.runtime.health import Health
from feedmill.runtime.http import create_app, positions_in, wait_s_in
from feedmill.runtime.settings import LogSettings


@pytest.fixture
def health() -> Health:
    return Health("api")


@pytest.fixture
def client(health: Health) -> Iterator[TestClient]:
    @asynccontextmanager
    async def opened(_: FastAPI) -> AsyncIterator[None]:
        health.report("store", up=True)
        yield

    app = create_app("api", description="a test", health=health, lifespan=opened)
    app.state.access_log = True

    @app.get("/things/{thing}")
    async def things(request: Request, thing: int) -> dict[str, object]:
        context = trace_context.current()
        return {
            "thing": thing,
            "trace": context.trace_id,
            "wait_s": wait_s_in(request),
            "p": str(positions_in(request)),
        }

    @app.get("/boom")
    async def boom() -> None:
        raise RuntimeError("secret")

    @app.get("/half")
    async def half() -> Response:
        async def lines() -> AsyncIterator[bytes]:
            yield b"one\n"
            raise RuntimeError("secret")

        return StreamingResponse(lines())

    with TestClient(app, raise_server_exceptions=False) as opened_client:
        yield opened_client


def test_operators_paths_are_served_and_kept_out_of_the_document(client: TestClient, health: Health) -> None:
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").json()["dependencies"] == {"store": {"up": True}}
    health.drain()
    assert client.get("/readyz").status_code == 503
    assert client.get("/version").json()["service"] == "api"
    assert list(client.get("/openapi.json").json()["paths"]) == ["/things/{thing}", "/boom", "/half"]


def test_requests_are_counted_by_route_never_by_path(client: TestClient) -> None:
    client.get("/things/1")
    client.get("/things/2")
    client.get("/nowhere/at/all")
    client.request("BREW", "/things/1")
    text = client.get("/metrics").text
    assert 'feedmill_http_requests_total{method="GET",route="/things/{thing}",status="200"}' in text
    assert 'route="unknown",status="404"' in text
    assert 'method="other"' in text
    assert "nowhere" not in text


def test_a_callers_trace_goes_on(client: TestClient) -> None:
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = client.get("/things/1", headers={"traceparent": given})
    assert answer.json()["trace"] == "0af7651916cd43dd8448eb211c80319c"
    assert answer.headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert answer.headers["traceparent"] != given


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        (None, None),
        ("wait=3", 3),
        ("respond-async, wait=0", 0),
        ('Wait="7"', 7),
        ("wait=999", 30),
        ("wait=soon", None),
        ("wait=-1", None),
        ("await=3", None),
        ("wait = 4; x=y", 4),
    ],
)
def test_prefer_wait_is_read_bounded_and_never_fails(
    client: TestClient, prefer: str | None, wait_s: float | None
) -> None:
    headers = {} if prefer is None else {"Prefer": prefer}
    assert client.get("/things/1", headers=headers).json()["wait_s"] == wait_s


def test_a_position_is_read_or_refused_by_name(client: TestClient) -> None:
    answer = client.get("/things/1", headers={"Feedmill-Position": "t/0:4"})
    assert answer.json()["p"] == "t/0:4"
    answer = client.get("/things/1", headers={"Feedmill-Position": "hunter2"})
    assert answer.status_code == 400
    assert "Feedmill-Position" in answer.json()["detail"]
    assert "hunter2" not in answer.text


def test_head_is_answered_wherever_get_is(client: TestClient) -> None:
    got, head = client.get("/things/1"), client.head("/things/1")
    assert head.status_code == got.status_code == 200
    assert head.headers["content-type"] == got.headers["content-type"]


def test_what_nobody_expected_is_a_problem_without_its_text(client: TestClient) -> None:
    answer = client.get("/boom")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "traceparent" in answer.headers
    assert "secret" not in answer.text
    client.get("/half")  # nothing to be said any more, and nothing hangs


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    assert client.get("/nowhere").json()["type"].endswith(":not-found")
    answer = client.post("/things/1")
    assert answer.json()["type"].endswith(":method-not-allowed")
    assert answer.headers["allow"] == "GET"
    assert client.get("/things/one").json()["errors"][0]["field"] == "thing"


def test_an_access_log_line_names_the_route_and_no_query(client: TestClient) -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure(LogSettings(format="json"), service="api", stream=stream)
    try:
        client.get("/things/1?key=hunter2")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["route"], line["status"]) == ("/things/{thing}", 200)
    assert "hunter2" not in json.dumps(line)
