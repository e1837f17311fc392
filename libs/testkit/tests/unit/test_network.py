"""Links do to bytes what they are asked to, and count whom it struck."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from feedmill.testkit.network import HOST, Link, Network, Weather, produces, says
from feedmill.testkit.waiting import wait_until

PATIENCE_S = 5.0


@pytest.fixture
def link() -> Iterator[Link]:
    """In front of a server that says back what it is told."""
    with socket.create_server((HOST, 0)) as server, Network() as network:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield network.link(server.getsockname()[1])


def serve(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=echo, args=(connection,), daemon=True).start()


def echo(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(65_536):
                connection.sendall(data)
        except OSError:
            return


def connected(link: Link) -> socket.socket:
    return socket.create_connection((HOST, link.port), PATIENCE_S)


def ask(client: socket.socket, said: bytes) -> bytes:
    client.sendall(said)
    return client.recv(65_536)


def test_in_fair_weather_everything_comes_through(link: Link) -> None:
    with connected(link) as client:
        assert ask(client, b"hello") == b"hello"
    assert link.struck == 0


def test_latency_is_paid_each_way(link: Link) -> None:
    link.weather(Weather(latency_s=0.05))
    with connected(link) as client:
        began_s = time.monotonic()
        assert ask(client, b"hello") == b"hello"
    assert time.monotonic() - began_s >= 0.1


def test_a_narrow_link_lets_through_so_many_bytes_a_second(link: Link) -> None:
    link.weather(Weather(bytes_per_s=10_000))
    with connected(link) as client:
        began_s = time.monotonic()
        client.sendall(b"x" * 1_000)
        left = 1_000
        while left:
            left -= len(client.recv(65_536))
    assert time.monotonic() - began_s >= 0.1


def test_a_reset_is_felt_by_who_is_connected(link: Link) -> None:
    with connected(link) as client:
        assert ask(client, b"hello") == b"hello"
        link.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_silent_link_gives_no_sign_and_the_dead_are_reset_afterwards(link: Link) -> None:
    with connected(link) as client:
        assert ask(client, b"hello") == b"hello"
        link.fall_silent()
        client.sendall(b"anybody?")
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        link.speak()
        client.settimeout(PATIENCE_S)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with connected(link) as again:
        assert ask(again, b"hello") == b"hello"
    assert link.struck == 1


def test_a_cut_reply_ends_in_its_middle(link: Link) -> None:
    link.cut_next_reply(after_bytes=3)
    with connected(link) as client:
        assert ask(client, b"hello") == b"hel"
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert link.struck == 1


def test_a_lost_reply_is_lost_after_the_other_side_has_given_it(link: Link) -> None:
    link.lose_next_reply(of=says(b"COMMIT"))
    with connected(link) as client:
        assert ask(client, b"SELECT") == b"SELECT"
        client.sendall(b"COMMIT")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    wait_until(lambda: link.lines == 0)
    assert (link.lost, link.is_clear) == (1, True)


def test_a_produce_request_is_known_by_its_beginning() -> None:
    assert produces((100).to_bytes(4, "big") + (0).to_bytes(2, "big") + (10).to_bytes(2, "big") + b"rest")
    assert not produces((100).to_bytes(4, "big") + (1).to_bytes(2, "big") + (10).to_bytes(2, "big") + b"rest")
    assert not produces(b"")
