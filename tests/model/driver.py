"""A running platform as the model's machine drives it: events in, pages out, nothing carried along but positions."""

from __future__ import annotations

import re
import time
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2
import psycopg2

from chaos.observed import RAW, ends_of, postgres_positions, rows_of
from feedmill.cli import digest, rebuild
from feedmill.cli.operator import operator_key
from feedmill.runtime.feeds import audit, rows
from feedmill.testkit.platform import Platform, Shape
from feedmill.testkit.waiting import wait_until
from model.reference import Model

BEGIN: Final = datetime(2026, 11, 20, tzinfo=UTC)
PATIENCE_S: Final = 60.0
SINK: Final = "feed-writer-postgres"
SMALL: Final = Shape(
    services=("ingest", "api", "enricher", "feed-writer-postgres"),
    env={
        "ingest": {"FEEDMILL_INGEST__RATE__EVENTS": "1000000000/minute"},
        "api": {
            "FEEDMILL_API__NOTE_READERS_MS": "10",
            "FEEDMILL_API__PAGES__STATEMENTS_AT_ONCE": "1",
            "FEEDMILL_API__PAGES__AT_LENGTH_S": "0",
        },
        "feed-writer-postgres": {
            "FEEDMILL_FEED_WRITER__FEEDS__DEPTH_ROWS": "6",
            "FEEDMILL_FEED_WRITER__FEEDS__READERS_AN_AUTHOR": "2",
            "FEEDMILL_FEED_WRITER__FEEDS__TICK_MS": "10",
            "FEEDMILL_FEED_WRITER__FEEDS__REVIEW_AFTER_S": "0.1",
            "FEEDMILL_FEED_WRITER__FEEDS__ROUND_READERS_A_SECOND": "200",
            "FEEDMILL_FEED_WRITER__FEEDS__ROUND_S": "1",
            "FEEDMILL_FEED_WRITER__FEEDS__REPAIR": "false",
        },
    },
    auto_restart=True,
)
"""Depths and thresholds so small that a run of a dozen steps crosses them; nothing is mended in silence. Pages
go together where they can, as there is one statement at a time."""


STATES: Final = ("pushed", "cut", "pulled")
PAGE_WAYS: Final = ("alone", "together", "at-length")
_PAGES: Final = re.compile(r'^feedmill_home_pages_total{how="([a-z-]+)"} ([0-9.e+]+)$', re.MULTILINE)


@dataclass
class Driver:
    """One platform for all runs; each run has people of its own."""

    platform: Platform
    key: str
    door: httpx2.Client
    feeds: httpx2.Client
    kills_left: int
    rebuilds_left: int
    pages: Counter[str] = field(default_factory=Counter)
    """Home pages of apis that were killed, by the way they were read."""
    states: Counter[str] = field(default_factory=Counter)
    """The most there were of each state before a rebuild, which begins anew."""

    def people(self, count: int, positions: dict[str, int]) -> list[int]:
        """Created, and applied to whoever reads with `positions`, which grow."""
        mark = uuid.uuid4().hex[:12]
        users = [{"handle": f"m{number}-{mark}", "name": f"M{number}"} for number in range(count)]
        answer = self._until_answered(self.door, "POST", "/v1/users", json=users)
        results = answer.json()["results"]
        assert all(result["status"] == "created" for result in results), results
        positions.update(_places(answer))
        return [result["user"]["id"] for result in results]

    def send(self, events: Sequence[dict[str, Any]], *, wait_s: int, positions: dict[str, int]) -> list[dict[str, Any]]:
        """Until each is accepted; the last answer of each. `positions` grow."""
        answer = self._until_answered(
            self.door,
            "POST",
            "/v1/events",
            json=list(events),
            headers={"Prefer": f"wait={wait_s}"} | _header(positions),
        )
        results: list[dict[str, Any]] = answer.json()["results"]
        for result in results:
            assert result["status"] == "accepted", result
            place, _, offset = result["position"].rpartition(":")
            positions[place] = max(positions.get(place, -1), int(offset))
        return results

    def erase(self, user: int, positions: dict[str, int]) -> dict[str, Any]:
        """The answer. Asked again under the same key until it is answered; `positions` grow."""
        headers = {"Idempotency-Key": str(uuid.uuid4())} | _header(positions)
        answer = self._until_answered(self.door, "DELETE", f"/v1/users/{user}", headers=headers)
        positions.update(_places(answer))
        return dict(answer.json())

    def is_gone(self, user: int, positions: Mapping[str, int]) -> bool:
        """Whether nobody is shown a feed of this user's."""
        answer = self._until_answered(
            self.feeds, "GET", f"/v1/users/{user}/feed", gone=True, headers=_header(positions)
        )
        return answer.status_code == 404

    def texts_of(self, authors: Collection[int]) -> int:
        """Objects of these authors that still say something, and words that still lead to them."""
        ids = ",".join(map(str, sorted(authors)))
        said = "content IS NOT NULL OR title IS NOT NULL OR url IS NOT NULL OR tags <> '{}' OR mentions <> '{}'"
        [[objects, words]] = rows_of(
            self.platform.connections.postgres,
            f"SELECT (SELECT count(*) FROM object WHERE author_id IN ({ids}) AND ({said})),"
            f" (SELECT count(*) FROM object_tag JOIN activity USING (event_id) WHERE actor_id IN ({ids}))",
        )
        return int(objects) + int(words)

    def rebuild_all(self) -> bool:
        """The whole state from the log alone, as long as this many are allowed. Its digest must be the one before."""
        if self.rebuilds_left <= 0:
            return False
        self.rebuilds_left -= 1
        dsn = self.platform.connections.postgres
        wait_until(self._at_rest, "the state at the log's end", within_s=PATIENCE_S)
        before = digest.of_postgres(dsn)
        self.states |= self._states_now()
        rebuild.announce(dsn)
        self.platform.down(SINK)
        rebuild.empty_postgres(dsn)
        self.platform.start(SINK)
        self.platform.wait_ready(SINK)
        wait_until(self._at_rest, "the state at the log's end again", within_s=PATIENCE_S)
        rebuild.finish(dsn)
        after = digest.of_postgres(dsn)
        assert after == before, [table for table in before if before[table] != after[table]]
        return True

    def _at_rest(self) -> bool:
        stores = self.platform.connections
        reached = postgres_positions(stores.postgres)
        return all(reached.get(partition, -1) >= end - 1 for partition, end in ends_of(stores.kafka, RAW).items())

    def walk(self, reader: int, limit: int, positions: Mapping[str, int]) -> list[list[str]]:
        """Every page's activity ids, first to last."""
        pages, after = list[list[str]](), ""
        while True:
            path = f"/v1/users/{reader}/feed?limit={limit}{after}"
            answer = self._until_answered(self.feeds, "GET", path, headers=_header(positions)).json()
            pages.append([item["activity_id"] for item in answer["items"]])
            if answer["next"] is None:
                return pages
            after = f"&cursor={answer['next']}"

    def walks(self, readers: Sequence[int], limit: int, positions: Mapping[str, int]) -> list[list[list[str]]]:
        """All readers' at the same time: their pages go together in one statement where they can."""
        with ThreadPoolExecutor(len(readers)) as threads:
            return list(threads.map(lambda reader: self.walk(reader, limit, positions), readers))

    def audit(self, readers: Sequence[int]) -> list[audit.Finding]:
        """Of rows that are pushed: what the definition does not say."""
        with closing(psycopg2.connect(self.platform.connections.postgres)) as connection, connection.cursor() as cursor:
            return [finding for reader in readers if (finding := audit.audit(cursor, reader)).wrong]

    def rebuild(self, readers: Sequence[int]) -> None:
        with (
            closing(psycopg2.connect(self.platform.connections.postgres)) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            rows.set_back(cursor, readers, keep=True)

    def ways(self) -> dict[str, int]:
        """How often each was taken: states of feeds, and home pages by the way they were read."""
        states, pages = self.states | self._states_now(), self.pages + self._pages_now()
        return {state: states[state] for state in STATES} | {how: pages[how] for how in PAGE_WAYS}

    def _states_now(self) -> Counter[str]:
        """Edges that are pushed, readers whose pushed part was cut at its depth, authors who are pulled."""
        with closing(psycopg2.connect(self.platform.connections.postgres)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM follow_edge WHERE push = 2),"
                " (SELECT count(*) FROM feed_reader WHERE complete_from > '-infinity'),"
                " (SELECT count(*) FROM feed_author WHERE mode = 'pull')"
            )
            [found] = cursor.fetchall()
        return Counter(dict(zip(STATES, found, strict=True)))

    def _pages_now(self) -> Counter[str]:
        """None of an api that is down: it has counted none."""
        try:
            told = self.feeds.get("/metrics").text
        except httpx2.TransportError:
            return Counter()
        return Counter({how: int(float(count)) for how, count in _PAGES.findall(told)})

    def kill(self, part: str) -> bool:
        """SIGKILL, as long as this many are allowed; it comes back by itself."""
        if self.kills_left <= 0:
            return False
        self.kills_left -= 1
        if part == "api":
            self.pages += self._pages_now()
        self.platform.kill(part)
        return True

    def _until_answered(
        self, client: httpx2.Client, method: str, path: str, *, gone: bool = False, **more: Any
    ) -> httpx2.Response:
        """Killed services come back: the same request again until it is answered in full. gone: 404 is an answer."""
        headers = {"X-App-Key": self.key, **more.pop("headers", {})}
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = client.request(method, path, headers=headers, **more)
                if answer.status_code in (200, 201, 202) and not _waits(answer):
                    return answer
                if gone and answer.status_code == 404:
                    return answer
                assert answer.status_code in (200, 202, 503), f"{method} {path}: {answer.status_code} {answer.text}"
            except httpx2.TransportError:
                pass
            assert time.monotonic() < deadline_s, f"{method} {path}: not answered"


def _waits(answer: httpx2.Response) -> bool:
    """Told to come again, or accepted and not yet stored where the answer's ids are needed."""
    body = answer.json()
    results = body.get("results", []) if isinstance(body, dict) else []
    waited = "wait=0" not in answer.request.headers.get("Prefer", "wait=0")
    return any(r.get("status") == "retry" or (waited and r.get("applied") is False) for r in results)


def _places(answer: httpx2.Response) -> dict[str, int]:
    """Where what was written is, and what the request carried."""
    said = (entry.rpartition(":") for entry in answer.headers["Feedmill-Position"].split(","))
    return {place: int(offset) for place, _, offset in said}


def _header(positions: Mapping[str, int]) -> dict[str, str]:
    said = ",".join(f"{place}:{offset}" for place, offset in positions.items())
    return {"Feedmill-Position": said} if said else {}


def open_driver(platform: Platform, kills: int, rebuilds: int) -> Driver:
    key = operator_key(platform.home, platform.connections.postgres)
    door, feeds = (httpx2.Client(base_url=platform.address(part), timeout=45.0) for part in ("ingest", "api"))
    return Driver(platform, key, door, feeds, kills_left=kills, rebuilds_left=rebuilds)


def an_event(verb: str, actor: int, thing: dict[str, Any], second: int, **more: Any) -> dict[str, Any]:
    """With a name of its own; so few seconds that many share one."""
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "model",
        "type": f"feedmill.{verb}.v1",
        "time": (BEGIN + timedelta(seconds=second)).isoformat(),
        "data": {"actor_id": actor, "object": thing, **more},
    }


def take(model: Model, event: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Tell the model what was accepted."""
    verb = event["type"].split(".")[1]
    made = result["object"]["id"] if verb in ("post", "comment") else None
    model.accept(uuid.UUID(result["event_id"]), verb, event["data"], datetime.fromisoformat(event["time"]), made)
