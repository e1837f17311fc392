"""What ClickHouse says no with, and what becomes of it: one question of a user fails, a process never does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from feedmill.runtime.clickhouse import CODE, ClickHouse, QueryFailed
from feedmill.runtime.postgres import StoreAway
from feedmill.runtime.settings import ClickHouseSettings
from feedmill.testkit.waiting import wait_until

SYNTAX_ERROR, KILLED, NO_SPACE, BROKEN_FILE, SOMETHING = 62, 394, 243, 75, 1001
NOT_NOW = (160, 241)


@dataclass
class Refusing:
    """A server that answers every question with `code`, or with one row where there is none."""

    code: int | None = None
    port: int = 0
    asked: list[bytes] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Refusing]:
    told = Refusing()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            told.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            body = b'{"n":1}\n' if told.code is None else b"Code: what it is\nand a stack"
            self.send_response(200 if told.code is None else 500)
            if told.code is not None:
                self.send_header(CODE, str(told.code))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        told.port = serving.server_address[1]
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        serving.shutdown()
        thread.join()


@pytest.fixture
def clickhouse(server: Refusing) -> Iterator[ClickHouse]:
    url = SecretStr(f"http://feedmill:x@127.0.0.1:{server.port}/feedmill")
    with closing(ClickHouse(ClickHouseSettings(url=url), application="test", threads=1)) as made:
        yield made


def polled(clickhouse: ClickHouse) -> list[dict[str, str | int]]:
    return asyncio.run(clickhouse.poll("SELECT n", silent_s=1.0))


@pytest.mark.parametrize("code", [SYNTAX_ERROR, KILLED, NO_SPACE, BROKEN_FILE, SOMETHING, *NOT_NOW])
def test_to_the_task_that_asks_all_the_time_any_refusal_is_a_store_that_is_away(
    server: Refusing, clickhouse: ClickHouse, code: int
) -> None:
    server.code = code
    with pytest.raises(StoreAway):
        polled(clickhouse)
    server.code = None
    assert wait_until(lambda: back(clickhouse), within_s=10)


def back(clickhouse: ClickHouse) -> bool:
    try:
        return polled(clickhouse) == [{"n": 1}]
    except StoreAway:
        return False


def test_a_question_of_ours_that_is_wrong_is_told_so_and_others_are_answered(
    server: Refusing, clickhouse: ClickHouse
) -> None:
    server.code = SYNTAX_ERROR
    with pytest.raises(QueryFailed, match=r"^Code: what it is$"):
        asyncio.run(clickhouse.fetch("SELEC", dict[str, int], {}))
    server.code = None
    assert asyncio.run(clickhouse.fetch("SELECT n", dict[str, int], {})) == [{"n": 1}]
