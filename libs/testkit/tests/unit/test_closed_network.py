from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from feedmill.testkit.plugin import NetworkClosed


def test_a_test_without_marker_cannot_reach_the_network() -> None:
    with socket.socket() as sock, pytest.raises(NetworkClosed):
        sock.connect(("127.0.0.1", 9))


def test_a_test_without_marker_cannot_reach_a_database() -> None:
    with pytest.raises(NetworkClosed):
        psycopg2.connect("postgresql://127.0.0.1/feedmill")


def test_a_test_may_talk_to_what_it_serves_itself() -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())


@pytest.fixture(scope="module")
def watcher() -> Iterator[ThreadPoolExecutor]:
    """As the threads that watch over a session's servers."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        yield pool


def test_a_thread_from_before_the_test_goes_on(watcher: ThreadPoolExecutor) -> None:
    with socket.socket() as sock:
        assert watcher.submit(sock.connect_ex, ("127.0.0.1", 1)).result() == errno.ECONNREFUSED


def test_such_a_thread_may_ask_a_database_too(watcher: ThreadPoolExecutor) -> None:
    asked = watcher.submit(lambda: psycopg2.connect("postgresql://127.0.0.1:1/feedmill", connect_timeout=5))
    assert isinstance(asked.exception(), psycopg2.OperationalError)
