"""A server of scripted bytes: what becomes of an answer in pieces or cut short, of a closed connection."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from io import BufferedReader

import pytest
from pydantic import SecretStr

from feedmill.runtime.clickhouse import Ask, ClickHouse
from feedmill.runtime.postgres import StoreAway
from feedmill.runtime.settings import ClickHouseSettings

ROW = b'{"n":1}\n'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + ROW
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n" + ROW[:4] + b"\r\n4\r\n" + ROW[4:] + b"\r\n0\r\n\r\n"
)
LAST_ONE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\n\r\n" + ROW
REFUSED = b"HTTP/1.1 404 Not Found\r\nx-clickhouse-exception-code: 60\r\nContent-Length: 0\r\n\r\n"
WITHIN_S = 10.0


@contextmanager
def answering(*connections: Sequence[bytes]) -> Iterator[ClickHouse]:
    """A client of a server that gives each connection these answers, one a request, and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WITHIN_S)
        thread = threading.Thread(target=_serve, args=(server, connections))
        thread.start()
        url = SecretStr(f"http://feedmill:x@127.0.0.1:{server.getsockname()[1]}/feedmill")
        with closing(ClickHouse(ClickHouseSettings(url=url), application="test", threads=1)) as client:
            yield client
        thread.join(WITHIN_S)
        assert not thread.is_alive()


def _serve(server: socket.socket, connections: Sequence[Sequence[bytes]]) -> None:
    for answers in connections:
        taken, _ = server.accept()
        with taken, taken.makefile("rb") as requests:
            for answer in answers:
                _read_one(requests)
                taken.sendall(answer)


def _read_one(requests: BufferedReader) -> None:
    body_bytes = 0
    while (line := requests.readline()) != b"\r\n":
        if line.startswith(b"Content-Length:"):
            body_bytes = int(line.partition(b":")[2])
    requests.read(body_bytes)


def asked(client: ClickHouse, times: int) -> list[dict[str, int]]:
    """In one thread, one after another."""

    def questions(ask: Ask) -> list[dict[str, int]]:
        return [row for _ in range(times) for row in ask("SELECT n", dict[str, int], {})]

    return asyncio.run(client.answer(questions))


def test_a_connection_is_kept_from_answer_to_answer() -> None:
    with answering([PLAIN, CHUNKED, PLAIN]) as client:
        assert asked(client, 3) == [{"n": 1}] * 3


@pytest.mark.parametrize("first", [PLAIN, LAST_ONE], ids=["closed while idle", "closed as announced"])
def test_behind_a_closed_connection_the_next_question_takes_another(first: bytes) -> None:
    with answering([first], [PLAIN]) as client:
        assert asked(client, 1) == [{"n": 1}]
        assert asked(client, 1) == [{"n": 1}]


@pytest.mark.parametrize(
    "answer", [PLAIN[:-3], b"", b"220 smtp.example ESMTP\r\n"], ids=["cut short", "none", "no HTTP"]
)
def test_what_is_no_answer_is_a_store_that_is_away(answer: bytes) -> None:
    with answering([answer]) as client, pytest.raises(StoreAway):
        asked(client, 1)


def test_a_refusal_is_known_by_its_code_however_its_header_is_written() -> None:
    with answering([REFUSED]) as client, pytest.raises(StoreAway, match="60"):
        asked(client, 1)


def test_nothing_of_a_password_gets_behind_its_line() -> None:
    url = SecretStr("http://feedmill:x%0d%0aX-Other:1@127.0.0.1:1/feedmill")
    with pytest.raises(ValueError, match="line break"):
        ClickHouse(ClickHouseSettings(url=url), application="test")
