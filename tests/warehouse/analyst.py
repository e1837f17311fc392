"""The analyst, as a person would come: over HTTP, and over the native protocol."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from clickhouse_driver import Client
from clickhouse_driver.errors import Error as ClickHouseDriverError

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

    def rows(self, sql: str, bound: Mapping[str, str] | None = None, /, **settings: object) -> list[dict[str, Any]]:
        answer = self.ask(sql, bound, default_format="JSONEachRow", **settings)
        return [json.loads(line) for line in answer.splitlines()]


@dataclass(frozen=True)
class NativeAnalyst:
    """The same person with a client of the native protocol."""

    server: RunningClickHouse
    user: str = "analyst"
    password: str = "analyst"

    def ask(self, sql: str, bound: Mapping[str, str] | None = None, /, **settings: object) -> list[tuple[Any, ...]]:
        """Raises Refused."""
        return [tuple(row.values()) for row in self.rows(sql, bound, **settings)]

    def rows(self, sql: str, bound: Mapping[str, str] | None = None, /, **settings: object) -> list[dict[str, Any]]:
        client = Client(
            "127.0.0.1",
            self.server.launcher.tcp_port,
            database="feedmill",
            user=self.user,
            password=self.password,
            connect_timeout=20,
            send_receive_timeout=60,
        )
        asked = dict(settings) | ({"server_side_params": True} if bound else {})
        try:
            rows, columns = client.execute(sql, dict(bound or {}) or None, with_column_types=True, settings=asked)
        except ClickHouseDriverError as refused:
            raise Refused(str(refused)) from refused
        finally:
            client.disconnect()
        return [dict(zip((name for name, _ in columns), row, strict=True)) for row in rows]
