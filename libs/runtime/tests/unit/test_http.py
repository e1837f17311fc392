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

from feedmill.runtime import logs, short_way, trace_context
from feedmill.runtime.bodies import body_of
from feedmill.runtime.health import Health
from feedmill.runtime.http import create_app, headers_of, positions_in, wait_s_in
from feedmill.runtime.problem import Kind, Problem
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

    @app.post("/hot/{place}")
    async def hot(request: Request) -> Response:
        if request.path_params["place"] == "boom":
            raise RuntimeError("secret")
        if request.path_params["place"] == "wait":
            raise Problem(Kind.TOO_MANY_REQUESTS, "Too many.", retry_after_s=7)
        return Response(f"{headers_of(request)['x-one']} {len(await body_of(request, 10))}")

    app.answer_first(app.routes, "/hot/{place}")

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
    assert list(client.get("/openapi.json").json()["paths"]) == ["/things/{thing}", "/hot/{place}", "/boom", "/half"]


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


def test_what_is_answered_first_is_answered_like_all_else(client: TestClient) -> None:
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = [("X-One", "a"), ("X-One", "b"), ("traceparent", given)]
    answer = client.post("/hot/1", content=b"0123456789", headers=headers)
    assert (answer.status_code, answer.text) == (200, "a 10")
    assert answer.headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    boom, wait = client.post("/hot/boom"), client.post("/hot/wait")
    assert (boom.status_code, boom.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in boom.text
    assert (wait.status_code, wait.headers["retry-after"]) == (429, "7")
    assert client.get("/hot/1").headers["allow"] == "POST"
    text = client.get("/metrics").text
    for status in ("200", "500", "429"):
        assert f'method="POST",route="/hot/{{place}}",status="{status}"' in text


def test_the_hottest_routes_go_the_long_way_where_spans_are_wanted(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_way, "TRACING", True)
    assert client.post("/hot/1", content=b"0123456789", headers={"X-One": "a"}).text == "a 10"
    assert client.post("/hot/wait").status_code == 429
    text = client.get("/metrics").text
    assert 'method="POST",route="/hot/{place}",status="429"' in text


def test_a_body_is_read_up_to_its_limit(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"01234"
        yield b"56789"
        yield b"!"

    for content in (b"0123456789!", chunks()):
        assert client.post("/hot/1", content=content, headers={"X-One": "a"}).status_code == 413
    packed = client.post("/hot/1", content=b"x", headers={"X-One": "a", "Content-Encoding": "gzip"})
    assert packed.status_code == 415


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
