"""People of a test's own on a running platform: fresh users with keys, and what they do over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from feedmill.cli import api_keys
from feedmill.cli.operator import operator_key
from feedmill.testkit.platform import Platform

TIMEOUT_S = 45.0
"""Above the 30 s that a request may ask to wait."""

LIKERS_SQL = "SELECT count(*) FROM object_like WHERE object_type = %s AND object_id = %s AND active"


@dataclass(frozen=True, slots=True)
class Person:
    """A user, and the calls of family A in their name. Positions are never carried along: reads follow writes."""

    id: int
    handle: str
    key: str
    http: httpx2.Client

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.http.get(path, headers={"X-App-Key": self.key}, **options)

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> httpx2.Response:
        return self.http.post(path, json=body, headers={"X-App-Key": self.key, **(headers or {})})

    def said(self, path: str, body: object) -> Any:
        """The answer's JSON to a POST that must succeed."""
        answer = self.post(path, body)
        assert answer.status_code == 200, f"POST {path} {body}: {answer.status_code} {answer.text}"
        return answer.json()

    def read(self, path: str) -> Any:
        """The answer's JSON to a GET that must succeed."""
        answer = self.get(path)
        assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def publishes(self, content: object = "hello", kind: str = "post") -> str:
        """Its name as /activity wants it, `post:17`."""
        return f"{kind}:{self.said('/post', {'type': kind, 'content': content})['object_id']}"

    def likes(self, thing: str) -> None:
        self.said("/activity", {"verb": "like", "object": thing})

    def shares(self, thing: str) -> None:
        self.said("/activity", {"verb": "share", "object": thing})

    def follows(self, other: Person) -> str:
        return str(self.said("/follow", {"follow": other.handle})["message"])

    def unfollows(self, other: Person) -> str:
        return str(self.said("/unfollow", {"unfollow": other.handle})["message"])

    def me(self) -> dict[str, Any]:
        return dict(self.read("/me"))

    def my_feed(self) -> list[dict[str, Any]]:
        return list(self.read("/feed/my")["my_feed"])

    def friends_feed(self) -> list[dict[str, Any]]:
        return list(self.read("/feed/friends")["friends_feed"])


class Operator:
    """Every scope, at the origin of a platform."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.key = operator_key(platform.home, platform.connections.postgres)
        self.http = httpx2.Client(base_url=platform.origin, timeout=TIMEOUT_S)

    def close(self) -> None:
        self.http.close()

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> httpx2.Response:
        return self.http.request(method, path, headers={"X-App-Key": self.key, **(headers or {})}, **more)

    def person(self, name: str = "someone") -> Person:
        """A fresh user with a key."""
        user = self.user(name)
        key = api_keys.create_for_user(self.platform.connections.postgres, user["handle"]).key
        return Person(user["id"], user["handle"], key, self.http)

    def people(self, *names: str) -> tuple[Person, ...]:
        return tuple(self.person(name) for name in names)

    def user(self, name: str = "someone") -> dict[str, Any]:
        """A fresh user, no key; the answer of `POST /v1/users`."""
        body = {"handle": f"{name}-{uuid.uuid4().hex[:12]}", "name": name}
        answer = self.request("POST", "/v1/users", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def likers(self, thing: str) -> int:
        """How many people like `post:17` now, as Postgres has it."""
        kind, _, number = thing.partition(":")
        with api_keys.transaction(self.platform.connections.postgres) as cursor:
            cursor.execute(LIKERS_SQL, (kind, int(number)))
            row = cursor.fetchone()
        assert row is not None
        return int(row[0])

    def send(self, *events: Mapping[str, Any], wait_s: int = 30) -> list[dict[str, Any]]:
        """The results of `POST /v1/events`, all of them stored; where `wait_s` is 0 perhaps not yet."""
        answer = self.request("POST", "/v1/events", {"Prefer": f"wait={wait_s}"}, json=list(events))
        assert answer.status_code == 200 or (answer.status_code == 202 and not wait_s), answer.text
        return list(answer.json()["results"])


def event(verb: str, data: Mapping[str, Any], *, id: str | None = None, **more: Any) -> dict[str, Any]:
    """As `POST /v1/events` takes it, with an id of its own unless one is given."""
    return {
        "specversion": "1.0",
        "id": id or str(uuid.uuid4()),
        "source": "feedmill-tests",
        "type": f"feedmill.{verb}.v1",
        "data": dict(data),
        **more,
    }
