from __future__ import annotations

import socket

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
