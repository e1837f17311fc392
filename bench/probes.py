"""Posts at fixed times, each followed until it can be read: in a follower's feed, and in ClickHouse.

A process of its own, like the load client; every latency is counted from the time the post was due.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from base64 import b64encode
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import uvloop

from bench import client

WAREHOUSE_LOOK_S = 0.05
"""Between two looks: the question shares the processors with what it waits for."""
LATE_S = 15.0
"""How long the last probes may take to arrive."""


@dataclass(frozen=True, slots=True)
class Probing:
    ingest_port: int
    api_port: int
    clickhouse_url: str | None
    """None: its facts are not looked for."""
    pairs: Sequence[tuple[int, int]]
    """Author and follower, taken in turns: so many that a page of a feed holds what a stall holds up."""
    key: str
    rate: float
    seconds: float
    mark: str
    """Makes the probes' ids this run's own."""
    feeds: bool = True
    """Whether each probe is also read from its follower's feed."""


@dataclass(slots=True)
class Seen:
    """Milliseconds from due to seen."""

    acked_ms: list[float] = field(default_factory=list)
    feed_ms: list[float] = field(default_factory=list)
    warehouse_ms: list[float] = field(default_factory=list)
    missing: int = 0
    late: int = 0
    """Not in the feed after `LATE_S`, whose milliseconds stand for them: so many, or more, they took."""
    event_ids: list[str] = field(default_factory=list)
    seen_at_s: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Event id -> when it was due and when it was in the feed, in seconds since 1970."""


def run(probing: Probing) -> Seen:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_in_process, probing).result()


def _in_process(probing: Probing) -> Seen:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Prober(probing).run())


class _Pool:
    """Keep-alive connections to one port, as many as are needed at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def exchange(self, data: bytes) -> tuple[int, bytes, bytes]:
        """status, head, body."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await _body(reader, head.lower())
        self._idle.append((reader, writer))
        return int(head[9:12]), head, body

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    if b"transfer-encoding: chunked" not in head:
        _, _, rest = head.partition(b"content-length:")
        return await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


class _Prober:
    def __init__(self, probing: Probing) -> None:
        self._probing = probing
        self._ingest = _Pool(probing.ingest_port)
        self._api = _Pool(probing.api_port)
        address = urlsplit(probing.clickhouse_url or "")
        self._clickhouse = _Pool(address.port or 8123)
        self._login = b64encode(f"{address.username or 'default'}:{address.password or ''}".encode()).decode()
        self._awaited: dict[str, float] = {}
        self._seen = Seen()

    async def run(self) -> Seen:
        loop, probing = asyncio.get_running_loop(), self._probing
        began_s = loop.time()
        watcher = asyncio.create_task(self._watch_warehouse() if probing.clickhouse_url else asyncio.sleep(0))
        probes = []
        for number in range(round(probing.rate * probing.seconds)):
            due_s = began_s + number / probing.rate
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            probes.append(asyncio.create_task(self._probe(number, due_s)))
        await asyncio.gather(*probes)
        with suppress(TimeoutError):
            await asyncio.wait_for(watcher, LATE_S)
        for pool in (self._ingest, self._api, self._clickhouse):
            pool.close()
        self._seen.missing = len(self._awaited)
        return self._seen

    async def _probe(self, number: int, due_s: float) -> None:
        loop, probing = asyncio.get_running_loop(), self._probing
        author_id, reader_id = probing.pairs[number % len(probing.pairs)]
        data = {"actor_id": author_id, "object": {"type": "post", "content": f"probe {number}"}}
        ce_id = f"{probing.mark}-{number}"
        event = {"specversion": "1.0", "id": ce_id, "source": "bench", "type": "feedmill.post.v1", "data": data}
        sent = client.request("POST", "/v1/events", probing.key, json.dumps(event).encode())
        status, _, body = await self._ingest.exchange(sent)
        self._seen.acked_ms.append((loop.time() - due_s) * 1_000)
        assert status == 202, body
        result = json.loads(body)["results"][0]
        self._awaited[result["event_id"]] = due_s
        self._seen.event_ids.append(result["event_id"])
        if not probing.feeds:
            return
        position = f"Feedmill-Position: {result['position']}"
        asked = client.request("GET", f"/v1/users/{reader_id}/feed", probing.key, headers=[position])
        status, _, body = await self._api.exchange(asked)
        while status == 503 and loop.time() < due_s + LATE_S:  # not yet applied: the clock runs on
            status, _, body = await self._api.exchange(asked)
        if status == 503:
            self._seen.late += 1
            self._seen.feed_ms.append((loop.time() - due_s) * 1_000)
            return
        assert status == 200, body
        while result["event_id"].encode() not in body:  # so far behind that newer ones fill the page
            after = json.loads(body)["next"]
            assert after, "the follower's feed lacks what its position names"
            path = f"/v1/users/{reader_id}/feed?limit=100&cursor={quote(after)}"
            status, _, body = await self._api.exchange(client.request("GET", path, probing.key))
            assert status == 200, body
        now_s = loop.time()
        self._seen.feed_ms.append((now_s - due_s) * 1_000)
        began_s = time.time() - now_s
        self._seen.seen_at_s[result["event_id"]] = began_s + due_s, began_s + now_s

    async def _watch_warehouse(self) -> None:
        """Ask for the authors' latest facts until every probe was there."""
        loop = asyncio.get_running_loop()
        total = round(self._probing.rate * self._probing.seconds)
        while len(self._seen.warehouse_ms) < total:
            for event_id in await self._facts():
                due_s = self._awaited.pop(event_id, None)
                if due_s is not None:
                    self._seen.warehouse_ms.append((loop.time() - due_s) * 1_000)
            await asyncio.sleep(WAREHOUSE_LOOK_S)

    async def _facts(self) -> list[str]:
        authors = ", ".join(str(author_id) for author_id, _ in self._probing.pairs)
        query = (
            f"SELECT event_id FROM feedmill.fact_activity WHERE verb = 'post' AND actor_id IN ({authors}) "
            "ORDER BY accepted_at DESC LIMIT 1000 SETTINGS max_threads = 1 FORMAT TSV"
        )
        login = f"Authorization: Basic {self._login}"
        status, _, body = await self._clickhouse.exchange(
            client.request("GET", f"/?query={quote(query)}", "", headers=[login])
        )
        assert status == 200, body
        return body.decode().split()
