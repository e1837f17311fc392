"""Is it there? Asked in each store's own protocol, without its client library: the supervisor stays small."""

from __future__ import annotations

import http.client
import socket
import struct
from urllib.parse import urlsplit

import psycopg2

from feedmill.cli.local.part import Readiness

TIMEOUT_S = 1.0
HOST = "127.0.0.1"

METADATA_REQUEST = struct.pack(">hhih", 3, 1, 1, 2) + b"fm" + struct.pack(">i", 0)
"""Kafka Metadata v1 about no topic: key 3, version 1, correlation 1, client "fm"."""


def kafka(port: int, host: str = HOST) -> Readiness:
    """Ready = the broker answers and names at least one live broker (itself), so it is registered and unfenced."""
    try:
        with socket.create_connection((host, port), TIMEOUT_S) as sock:
            sock.settimeout(TIMEOUT_S)
            sock.sendall(struct.pack(">i", len(METADATA_REQUEST)) + METADATA_REQUEST)
            head = receive(sock, 12)
    except OSError:
        return Readiness.NOT_YET
    brokers: int = struct.unpack(">iii", head)[2]
    return Readiness.READY if brokers > 0 else Readiness.NOT_YET


def receive(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = sock.recv(count - len(data))
        if not chunk:
            raise ConnectionError("closed early")
        data += chunk
    return data


def http_status(port: int, path: str, host: str = HOST, timeout_s: float = TIMEOUT_S) -> int | None:
    """The status of a GET, or None where nobody answers in time."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def clickhouse(port: int, host: str = HOST) -> Readiness:
    return Readiness.READY if http_status(port, "/ping", host) == 200 else Readiness.NOT_YET


def service(port: int, host: str = HOST) -> Readiness:
    """A service's own /readyz: 503 says that it lives and that something it needs is away."""
    status = http_status(port, "/readyz", host)
    if status == 200:
        return Readiness.READY
    return Readiness.DEGRADED if status == 503 else Readiness.NOT_YET


def postgres(dsn: str) -> Readiness:
    try:
        psycopg2.connect(dsn, connect_timeout=1).close()
    except psycopg2.OperationalError:
        return Readiness.NOT_YET
    return Readiness.READY


def given(store: str, address: str) -> Readiness:
    """A store that is not ours to run, at the address we were given."""
    if store == "postgres":
        return postgres(address)
    if store == "kafka":
        servers = (server.strip().rpartition(":") for server in address.split(","))
        answers = [kafka(int(port), host) for host, _, port in servers]
        return Readiness.READY if Readiness.READY in answers else Readiness.NOT_YET
    url = urlsplit(address)
    return clickhouse(url.port or 8123, url.hostname or HOST)
