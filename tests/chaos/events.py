"""What the chaos clients post, and what they may know of it without asking any service.

The event id is computed here from the rule of the public interface (uuid5 over owner, source, id, type, actor, key),
not by the code under test.
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "feedmill")
CREATING = ("post", "comment")
POST_TYPES = ("post", "photo", "link", "article")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Planned:
    """One logical event; it may be sent many times, with other times."""

    event_id: str
    ce_id: str
    source: str
    verb: str
    key: str
    data: Json
    time: str | None
    refused: bool = False
    """True: cannot be true, so the door must refuse it whenever it is sent."""

    @property
    def type(self) -> str:
        return f"feedmill.{self.verb}.v1"

    def body(self, time: str | None = None) -> Json:
        """The CloudEvent as JSON; `time` takes the place of the planned one (a client that stamps again)."""
        stamp = time or self.time
        event: Json = {"specversion": "1.0", "id": self.ce_id, "source": self.source, "type": self.type}
        return event | ({"time": stamp} if stamp else {}) | {"data": self.data}


def event_id_of(owner: str, source: str, ce_id: str, ce_type: str, actor: int, key: str) -> str:
    return str(uuid.uuid5(NAMESPACE, "\n".join((owner, source, ce_id, ce_type, str(actor), key))))


def essence(verb: str, data: Json) -> str:
    """A hash of what the client said: without the id the door hands out and the `since` it computes."""
    said = {k: v for k, v in data.items() if k not in ("since", "backfill") and v is not None}
    if verb in CREATING:
        said["object"] = {k: v for k, v in data["object"].items() if k != "id" and v is not None}
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class Writer:
    """One client's stream of events, all on keys that are its own; the same seed writes the same stream."""

    def __init__(self, rng: random.Random, owner: str, name: str, actors: range, users: int) -> None:
        self.rng = rng
        self.owner = owner
        self.source = f"chaos/{name}"
        self.actors = actors
        self.users = users
        self._count = 0

    def next(self) -> Planned:
        """A valid event."""
        rng = self.rng
        verb = rng.choices(
            ("follow", "unfollow", "like", "unlike", "share", "post", "comment", "connect", "mute"),
            (24, 12, 20, 8, 8, 14, 6, 4, 4),
        )[0]
        actor = rng.choice(self.actors)
        data = self._data(verb, actor)
        return self._planned(verb, actor, key_of(verb, data), data, self._time())

    def next_refused(self) -> Planned:
        """An event that no door may take."""
        actor = self.rng.choice(self.actors)
        data: Json = {"actor_id": actor, "object": {"type": "post", "content": "x"}}
        time = None
        wrong = self.rng.randrange(6)
        if wrong == 0:
            data["object"]["content"] = "nul \0 inside"
        elif wrong == 1:
            data["actor_id"] = 2**53
        elif wrong == 2:
            time = "9999-12-31T23:59:59-23:59"
        elif wrong == 3:
            time = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
        elif wrong == 4:
            data["object"]["type"] = "user"
        else:
            del data["object"]
        return self._planned("post", actor, str(actor), data, time, refused=True)

    def _planned(
        self, verb: str, actor: int, key: str, data: Json, time: str | None, *, refused: bool = False
    ) -> Planned:
        self._count += 1
        ce_id = f"{'bad' if refused else 'e'}{self._count}"
        event_id = event_id_of(self.owner, self.source, ce_id, f"feedmill.{verb}.v1", actor, key)
        return Planned(event_id, ce_id, self.source, verb, key, data, time, refused)

    def _data(self, verb: str, actor: int) -> Json:
        if verb == "post":
            content = f"#mill {uuid.UUID(int=self.rng.getrandbits(128))} for @user{self.rng.randrange(self.users)}"
            return {"actor_id": actor, "object": {"type": self.rng.choice(POST_TYPES), "content": content}}
        if verb == "comment":
            return {"actor_id": actor, "object": {"type": "comment", "content": "Grüße"}, "target": self._object()}
        if verb in ("like", "unlike", "share"):
            return {"actor_id": actor, "object": self._object()}
        data: Json = {"actor_id": actor, "object": {"type": "user", "id": self._other(verb, actor)}}
        if verb == "follow" and self.rng.random() < 0.3:
            data["backfill"] = "none"
        return data

    def _object(self) -> Json:
        return {"type": self.rng.choice(POST_TYPES), "id": self.rng.randrange(1, 20)}

    def _other(self, verb: str, actor: int) -> int:
        """Few followees, so that edges change often. A connection's key is the lower id: the actor's own, here."""
        if verb == "connect":
            return self.users + self.rng.randrange(1, 20)
        return next(u for u in iter(lambda: self.rng.randrange(1, 12), 0) if u != actor)

    def _time(self) -> str | None:
        if self.rng.random() < 0.3:
            return None
        ago = timedelta(seconds=self.rng.random() * 86_400 * self.rng.choice((0.01, 5, 40)))
        return (datetime.now(UTC) - ago).isoformat().replace("+00:00", "Z")


def key_of(verb: str, data: Json) -> str:
    """The owner of the state an event changes, as the record's key."""
    actor = int(data["actor_id"])
    return str(min(actor, int(data["object"]["id"])) if verb in ("connect", "disconnect") else actor)
