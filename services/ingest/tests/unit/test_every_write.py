"""What holds for every route that takes something, whatever its family: a route without its row here fails."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from feedmill.testkit.door import FakeHouse, a_house, an_app

POST: dict[str, Any] = {"type": "post", "content": "hello"}
LIKE: dict[str, Any] = {
    "id": "a1",
    "source": "my-app",
    "type": "feedmill.like.v1",
    "data": {"actor_id": 1, "object": {"type": "photo", "id": 21}},
}
READ = {"through": "2026-11-21T10:00:00Z"}


@dataclass(frozen=True)
class Write:
    """A call that is taken. `template`: the route's path as the app has it."""

    template: str
    key: str
    body: Any
    path: str = ""
    kind: str = "application/json"
    method: str = "POST"

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def url(self) -> str:
        return self.path or self.template

    @property
    def headers(self) -> dict[str, str]:
        return {"X-App-Key": self.key, "Content-Type": self.kind}

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    def sent_by(self, client: TestClient, **headers: str) -> Response:
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        return client.request(self.method, self.url, content=self.content, headers=sent)


WRITES = (
    Write("/v1/events", "town", LIKE),
    Write("/v1/users", "admin", {"handle": "zoe", "name": "Zoe"}),
    Write("/v1/articles", "town", {"id": "7", "time": 1_700_000_000, "readers": 1_200, "text": "Frodo"}),
    Write("/v1/imports", "town", b"u1,c1,95.5,2026-11-21\n", "/v1/imports?kind=readings", "text/csv"),
    Write("/v1/users/{user_id}/feed/read", "abc123", READ, "/v1/users/1/feed/read"),
    Write("/v1/users/{user_id}/notifications/read", "abc123", READ, "/v1/users/1/notifications/read"),
    Write("/v1/users/{user_id}", "abc123", b"", "/v1/users/1", method="DELETE"),
    Write("/post", "abc123", POST),
    Write("/activity", "abc123", {"verb": "like", "object": "post:1"}),
    Write("/follow", "abc123", {"follow": "nico"}),
    Write("/unfollow", "abc123", {"unfollow": "nico"}),
)
WITH_A_BODY = [write for write in WRITES if write.method == "POST"]
OF_JSON = [write for write in WITH_A_BODY if write.kind == "application/json"]
each_write = pytest.mark.parametrize("write", WRITES, ids=lambda write: write.name)

NASTY = {
    "nothing": b"",
    "truncated": b'{"id": "a1", ',
    "broken UTF-8": b'{"name": "\xff"}',
    "UTF-16": json.dumps(POST).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(POST).encode(),
    "an encoded surrogate": b'{"name": "\xed\xa0\x80"}',
    "a lone surrogate": b'{"content": "\\ud800", "handle": "\\udfff", "type": "post"}',
    "a lone surrogate in a name": b'{"\\ud800": 1}',
    "NaN": b'{"content": NaN, "readers": NaN, "type": "post"}',
    "1e400": b'{"content": 1e400, "time": 1e400, "type": "post"}',
    "NUL": b'{"content": "\\u0000", "text": "\\u0000", "follow": "\\u0000", "type": "post"}',
    "a huge integer": b'{"content": 1' + b"0" * 5_000 + b', "time": 1' + b"0" * 5_000 + b', "type": "post"}',
    "deep nesting": b'{"type": "post", "content": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "an array that never ends": b"[" * 100_000,
    "duplicate keys": b'{"type": "post", "type": "photo", "id": "1", "id": "2"}',
    "the year 9999, west": b'{"time": "9999-12-31T23:59:59-23:59", "through": "9999-12-31T23:59:59-23:59"}',
    "wrong types": b'{"type": [], "id": {}, "handle": 1, "follow": {}, "unfollow": [], "verb": 1, "through": {}}',
    "an array of everything": b'[1, null, "x", [], {}, true, 1.5]',
    "null": b"null",
    "a text": b'"\\u202e"',
    "a number": b"1e308",
    "control characters": b'{"id": "a\\r\\nb", "handle": "a\\u0001", "type": "post", "content": "\\u0007"}',
}


@pytest.fixture
def fake() -> FakeHouse:
    made = a_house()
    made.world.objects["post", 1] = 2
    return made


def operations_of(app: FastAPI) -> set[str]:
    return {
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
        if method in ("post", "put", "patch", "delete")
    }


def test_every_route_that_takes_something_has_a_row(fake: FakeHouse) -> None:
    assert {write.name for write in WRITES} == operations_of(an_app(fake))


@each_write
def test_a_write_says_where_in_the_log_it_is(client: TestClient, write: Write) -> None:
    answer = write.sent_by(client)
    assert answer.status_code in (200, 201, 202), answer.text
    topic, _, place = answer.headers["Feedmill-Position"].partition("/")
    assert (topic != "", place.replace(":", "").isdigit()) == (True, True)


@each_write
def test_a_position_that_cannot_be_is_refused_before_anything_is_taken(
    client: TestClient, fake: FakeHouse, write: Write
) -> None:
    assert write.sent_by(client, Feedmill_Position="nonsense").status_code == 400
    assert fake.log.records == []


@pytest.mark.parametrize("write", OF_JSON, ids=lambda write: write.name)
@pytest.mark.parametrize("name", NASTY)
def test_no_body_ends_in_a_5xx_and_its_refusal_is_said_in_json(client: TestClient, write: Write, name: str) -> None:
    answer = client.post(write.url, content=NASTY[name], headers=write.headers)
    assert answer.status_code < 500, answer.text
    said = answer.json()
    if answer.status_code >= 400:
        assert said.get("message") or said.get("errors") or said.get("detail"), said


@pytest.mark.parametrize("write", WITH_A_BODY, ids=lambda write: write.name)
def test_no_bytes_at_all_are_5xx_of_any_content_type(client: TestClient, write: Write) -> None:
    for body in NASTY.values():
        for kind in ("application/gzip", "application/x-ndjson"):
            answer = client.post(write.url, content=body, headers=write.headers | {"Content-Type": kind})
            assert answer.status_code < 500, (kind, body[:80], answer.text)


@each_write
def test_another_method_is_refused_in_the_shape_of_the_paths_errors(client: TestClient, write: Write) -> None:
    answer = client.put(write.url, content=write.content, headers=write.headers)
    assert (answer.status_code, answer.headers["Allow"]) == (405, write.method)
    of_family_a = {"error": True, "message": "The path does not take this method."}
    if write.url.startswith("/v1/"):
        assert answer.json()["type"] == "urn:feedmill:problem:method-not-allowed"
    else:
        assert answer.json() == of_family_a
