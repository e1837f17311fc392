"""A door without Kafka and Postgres: fakes that keep what was sent and apply it when somebody waits.

house = a_house(); client = a_client(house)
client.post("/post", json={"type": "post", "content": "x"}, headers={"X-App-Key": "abc123"})
assert house.log.records[0].key == "1"
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from fastapi import FastAPI
from fastapi.testclient import TestClient

from feedmill.contracts.times import parse_time
from feedmill.ingest.door import Door
from feedmill.ingest.house import House
from feedmill.ingest.judge import Judge
from feedmill.ingest.main import app_of
from feedmill.ingest.memory import Recent
from feedmill.ingest.object_ids import ObjectIds
from feedmill.ingest.rate import Rate
from feedmill.ingest.reservations import Claim, Granted, Taken
from feedmill.ingest.sending import Sender
from feedmill.ingest.settings import IngestSettings
from feedmill.ingest.world import Erasure, NthPost, ObjectKey, Stored, StoredUser
from feedmill.runtime.applied import NotYetApplied
from feedmill.runtime.auth import KeyNotValid, Principal, key_in
from feedmill.runtime.health import Health
from feedmill.runtime.kafka import Ack, Message, QueueFull
from feedmill.runtime.position import Positions
from feedmill.runtime.postgres import StoreAway

KEYS: Mapping[str, Principal] = {
    "abc123": Principal("user:ivan", 1, frozenset(), "abc123"),
    "abc124": Principal("user:nico", 2, frozenset(), "abc124"),
    "town": Principal("service:town", None, frozenset({"events:write"}), "town"),
    "admin": Principal("service:admin", None, frozenset({"admin"}), "admin"),
    "reader": Principal("service:reader", None, frozenset({"feeds:read"}), "reader"),
}


@dataclass(slots=True)
class SentRecord:
    topic: str
    key: str
    value: dict[str, Any]
    headers: dict[str, str]


class FakeLog:
    """Keeps what is sent. `full`: takes nothing; `failing`: keys whose records are not acknowledged."""

    def __init__(self) -> None:
        self.available = True
        self.full = False
        self.failing: set[str] = set()
        self.records: list[SentRecord] = []
        self._ends: dict[tuple[str, int], int] = {}

    async def send_batch(self, parts: Iterable[Sequence[Message]], most: int) -> list[Ack]:
        if self.full:
            raise QueueFull
        acks = [self._sent(message) for messages in parts for message in messages]
        assert len(acks) <= most
        return acks

    def _sent(self, message: Message) -> Ack:
        topic, key, value, headers = message
        if key in self.failing:
            return Ack(-1, -1, "_MSG_TIMED_OUT")
        place = (topic, crc32(str(key).encode()) % 6)
        offset = self._ends.get(place, 0)
        self._ends[place] = offset + 1
        self.records.append(SentRecord(topic, str(key), json.loads(value), {n: str(v) for n, v in headers}))
        return Ack(place[1], offset)


@dataclass
class FakeWorld:
    """State as the Postgres sink would leave it. `up` False: nothing can be asked."""

    up: bool = True
    events: dict[str, Stored] = field(default_factory=dict)
    objects: dict[ObjectKey, int] = field(default_factory=dict)
    deleted: set[ObjectKey] = field(default_factory=set)
    people: dict[int, StoredUser] = field(default_factory=dict)
    erased: dict[int, Erasure] = field(default_factory=dict)
    edges: set[tuple[int, int]] = field(default_factory=set)
    post_times: dict[int, list[datetime]] = field(default_factory=dict)
    questions: int = 0

    def add_user(self, user_id: int, handle: str) -> None:
        uuid, now = f"00000000-0000-5000-8000-{user_id:012}", datetime(2026, 11, 1, tzinfo=UTC)
        self.people[user_id] = StoredUser(user_id, handle, uuid, handle.title(), None, None, now)

    def apply(self, record: SentRecord) -> None:
        """Once an event, as the sink does."""
        event_id, data = record.headers["event-id"], record.value
        if event_id in self.events or "object" not in data:
            return
        made = data["object"]
        at = parse_time(record.headers["ce_time"])
        self.events[event_id] = Stored(made["type"], made["id"], at)
        match record.headers["ce_type"].split(".")[1]:
            case "post" | "comment":
                self.objects[made["type"], made["id"]] = data["actor_id"]
            case "delete":
                self.deleted.add((made["type"], made["id"]))
            case "follow":
                self.edges.add((data["actor_id"], made["id"]))
            case "unfollow":
                self.edges.discard((data["actor_id"], made["id"]))
            case "user-erased":
                self.erased.setdefault(made["id"], Erasure(event_id, at, 0, len(self.erased)))
            case "user-created":
                user = {"email": None, "college": None, **made}
                self.people[made["id"]] = StoredUser(
                    user["id"], user["handle"], user["uuid"], user["name"], user["email"], user["college"], at
                )

    def _asked(self) -> None:
        self.questions += 1
        if not self.up:
            raise StoreAway("postgres is away")

    async def users(self, ids: Sequence[int]) -> Mapping[int, StoredUser]:
        self._asked()
        return {id_: self.people[id_] for id_ in ids if id_ in self.people}

    async def authors(self, objects: Sequence[ObjectKey]) -> Mapping[ObjectKey, int]:
        self._asked()
        return {key: self.objects[key] for key in objects if key in self.objects}

    async def stored(self, event_ids: Sequence[str]) -> Mapping[str, Stored]:
        self._asked()
        return {event_id: self.events[event_id] for event_id in event_ids if event_id in self.events}

    async def nth_latest_posts(self, asked: Sequence[NthPost]) -> Mapping[NthPost, datetime]:
        self._asked()
        times = {author_id: sorted(self.post_times.get(author_id, []), reverse=True) for author_id, _ in asked}
        return {(author_id, n): times[author_id][n - 1] for author_id, n in asked if len(times[author_id]) >= n}

    async def user_id_of(self, handle: str) -> int | None:
        self._asked()
        people = (user for user in self.people.values() if user.id not in self.erased)
        return next((user.id for user in people if user.handle == handle), None)

    async def is_user(self, user_id: int) -> bool:
        self._asked()
        return user_id in self.people and user_id not in self.erased

    async def erasure_of(self, user_id: int) -> Erasure | None:
        self._asked()
        return self.erased.get(user_id)

    async def follows(self, follower_id: int, followee_id: int) -> bool:
        self._asked()
        return (follower_id, followee_id) in self.edges

    async def is_there(self, object_: ObjectKey) -> bool:
        self._asked()
        return object_ in self.objects and object_ not in self.deleted and self.objects[object_] not in self.erased


@dataclass
class FakeWaiting:
    """Applies all that was sent, but for `dead` verbs. `behind`: nothing is ever applied in time."""

    log: FakeLog
    world: FakeWorld
    behind: bool = False
    dead: frozenset[str] = frozenset()
    waited_for: list[Positions] = field(default_factory=list)

    async def wait_for(self, positions: Positions, timeout_s: float, *, acknowledged: bool = False) -> None:
        self.waited_for.append(positions)
        if not self.world.up:
            raise StoreAway("postgres is away")
        if self.behind:
            raise NotYetApplied
        for record in self.log.records:
            if record.headers["ce_type"].split(".")[1] not in self.dead:
                self.world.apply(record)


class FakeKeys:
    def __init__(self) -> None:
        self.ended: set[int] = set()

    def end(self, user_id: int) -> None:
        self.ended.add(user_id)

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        principal = KEYS.get(key_in(headers))
        if principal is None or principal.user_id in self.ended:
            raise KeyNotValid
        return principal


class FakeBlocks:
    """A new block of each kind; `away`: none can be had."""

    def __init__(self) -> None:
        self.away = False
        self.next: dict[str, int] = {}

    async def take(self, kind: str, size: int) -> int:
        if self.away:
            raise StoreAway("postgres is away")
        first = self.next.get(kind, 1)
        self.next[kind] = first + size
        return first


class FakeNames:
    """First come, first served; the same event gets the same answer."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], Claim] = {}

    async def reserve(self, claims: Sequence[Claim], handles: Sequence[str]) -> list[Granted | Taken]:
        return [self._one(claim) for claim in claims]

    def _one(self, claim: Claim) -> Granted | Taken:
        for kind, value in claim.names:
            holder = self.held.get((kind, value))
            if holder is not None and holder.event_id == claim.event_id:
                return Granted(holder.user_id)
            if holder is not None:
                return Taken(kind)
        self.held.update(dict.fromkeys(claim.names, claim))
        return Granted(claim.user_id)


@dataclass(frozen=True)
class FakeHouse:
    """The house, and its fakes by their own types."""

    house: House
    log: FakeLog
    world: FakeWorld
    waiting: FakeWaiting
    blocks: FakeBlocks


def a_house(**settings: Any) -> FakeHouse:
    """Ivan (1) and nico (2) exist; keys as in KEYS."""
    values = {"kafka": {"bootstrap_servers": "none"}, "postgres": {"dsn": "postgresql://none"}, **settings}
    told = IngestSettings(**values)
    log, world, blocks = FakeLog(), FakeWorld(), FakeBlocks()
    waiting = FakeWaiting(log, world)
    world.add_user(1, "ivan")
    world.add_user(2, "nico")
    object_ids = ObjectIds(blocks, told.ids)
    judge = Judge(world, object_ids, Recent(told.memory.objects))
    door = Door(judge, Sender(log), Recent(told.memory.events), world, waiting)
    house = House(
        settings=told,
        keys=FakeKeys(),
        rate=Rate(told.rate),
        door=door,
        world=world,
        applied=waiting,
        object_ids=object_ids,
        reservations=FakeNames(),
        requests=Recent(told.memory.requests),
    )
    return FakeHouse(house, log, world, waiting, blocks)


def an_app(fake: FakeHouse) -> FastAPI:
    """The real app; what it opens is the fake."""

    @asynccontextmanager
    async def opened(settings: IngestSettings, health: Health) -> AsyncIterator[House]:
        yield fake.house

    app = app_of(fake.house.settings, Health("ingest"), opened)
    app.state.house = fake.house
    app.state.access_log = False
    return app


def a_client(fake: FakeHouse) -> TestClient:
    """Speaks to the real app, errors and all."""
    return TestClient(an_app(fake), raise_server_exceptions=False)
