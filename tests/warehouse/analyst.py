"""The analyst, as a person would come: over HTTP, and over the native protocol."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from feedmill.testkit.running import RunningClickHouse


class Refused(Exception):
    """ClickHouse's own words."""


@dataclass(frozen=True)
class Analyst:
    server: RunningClickHouse
    user: str = "analyst"
    password: str = "analyst"

    def ask(self, sql: str, bound: Mapping[str, str] | None = None, /, **settings: object) -> str:
        """Raises Refused."""
        query = {f"param_{name}": value for name, value in (bound or {}).items()} | {
            k: str(v) for k, v in settings.items()
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=60)
        headers = {"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password}
        try:
            connection.request("POST", f"/?{urlencode(query)}", sql.encode(), headers)
            answer = connection.getresponse()
            body = answer.read().decode("utf-8", "replace")
        except http.client.IncompleteRead as broken:
            raise Refused("broken off") from broken
        finally:
            connection.close()
        if answer.status != 200 or "DB::Exception" in body:
            raise Refused(body)
        return body

    def rows(self, sql: str, bound: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ask(sql, bound, default_format="JSONEachRow").splitlines()]


def native_hello(port: int, user: str, password: str) -> bytes:
    """What the server answers to a client's hello on its native port: 0 is welcome, 2 an exception."""

    def text(value: str) -> bytes:
        return bytes((len(value),)) + value.encode()

    hello = (
        b"\x00"
        + text("feedmill test")
        + bytes((26, 1))
        + b"\xa8\xa9\x03"
        + text("feedmill")
        + text(user)
        + text(password)
    )
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(hello)
        return connection.recv(1)
