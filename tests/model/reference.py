"""What every home feed must be, in plain Python: the events as they were accepted, folded; no code of the services.

home(reader) = activities of those the reader follows now, not before the follow's since, minus muted, blocked, deleted,
taken back, erased; newest first by (occurred_at, event_id). Between keys no order is assumed, within one the order of
sending.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

Thing = tuple[str, int]
"""(type, id) of a post, a comment or a user."""

SHOWN = ("post", "like", "share", "comment", "follow", "unfollow", "connect", "recommend")
ENDS = {"unfollow": "follow", "unlike": "like", "disconnect": "connect", "unrecommend": "recommend",
        "unmute": "mute", "unblock": "block"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Activity:
    event_id: UUID
    verb: str
    actor: int
    thing: Thing
    target: Thing | None
    at: datetime
    turn: int
    """Its place in the order of sending."""


@dataclass(slots=True)
class Model:
    """The state that the accepted events add up to."""

    people: set[int] = field(default_factory=set)
    activities: dict[UUID, Activity] = field(default_factory=dict)
    authors: dict[Thing, int] = field(default_factory=dict)
    made_at: dict[Thing, datetime] = field(default_factory=dict)
    deleted: set[Thing] = field(default_factory=set)
    erased: set[int] = field(default_factory=set)
    follows: dict[tuple[int, int], datetime | None] = field(default_factory=dict)
    """(follower, followee) -> since; None: everything."""
    holds: set[tuple[str, int, int]] = field(default_factory=set)
    """("mute" or "block", who, whom) that hold now."""
    ended: dict[tuple[str, int, Thing], int] = field(default_factory=dict)
    """When somebody last took a like, a connection or a recommendation back: the turn."""

    def accept(self, event_id: UUID, verb: str, data: Mapping[str, Any], at: datetime, made: int | None) -> None:
        """An event that was told accepted. A repeat changes nothing; `made`: the new object's id."""
        if event_id in self.activities:
            return
        said = data["object"]
        thing = (said["type"], made if made is not None else said["id"])
        target = (data["target"]["type"], data["target"]["id"]) if "target" in data else None
        turn = len(self.activities)
        actor = data["actor_id"]
        self.activities[event_id] = Activity(event_id, verb, actor, thing, target, at, turn)
        if made is not None:
            self.authors[thing], self.made_at[thing] = actor, at
        elif verb == "user-erased":
            self.erased.add(thing[1])
        elif verb == "delete":
            self.deleted.add(thing)
        elif verb == "follow":
            self.follows.setdefault((actor, thing[1]), self.since(data.get("backfill", "all"), thing[1], at))
        elif verb == "unfollow":
            self.follows.pop((actor, thing[1]), None)
        elif verb in ("mute", "block"):
            self.holds.add((verb, actor, thing[1]))
        elif verb in ("unmute", "unblock"):
            self.holds.discard((ENDS[verb], actor, thing[1]))
        elif verb in ENDS:
            self.ended[self._pair(ENDS[verb], actor, thing)] = turn

    def since(self, backfill: str | int, followee: int, at: datetime) -> datetime | None:
        """From when on a new follower sees the followee's past."""
        if backfill == "all":
            return None
        if backfill == "none":
            return at
        assert isinstance(backfill, int)
        posts = [t for t, author in self.authors.items() if author == followee and t[0] != "comment"]
        times = sorted((self.made_at[t] for t in posts if t not in self.deleted), reverse=True)
        return times[backfill - 1] if len(times) >= backfill else None

    def home(self, reader: int) -> list[Activity]:
        """The whole feed, newest first."""
        return _newest_first(a for a in self.activities.values() if self._is_home(reader, a))

    def _is_home(self, reader: int, activity: Activity) -> bool:
        edge = (reader, activity.actor)
        if activity.actor == reader or edge not in self.follows or ("mute", *edge) in self.holds:
            return False
        since = self.follows[edge]
        return (since is None or activity.at >= since) and self.may_see(reader, activity)

    def may_see(self, viewer: int, activity: Activity) -> bool:
        """Whether it shows to this viewer in any feed."""
        if (
            activity.verb not in SHOWN
            or activity.actor in self.erased
            or not self._is_there(activity.thing)
            or self._taken_back(activity)
        ):
            return False
        if activity.target is not None and not self._is_there(activity.target):
            return False
        involved = {activity.actor, self._owner(activity.thing)}
        if activity.target is not None:
            involved.add(self._owner(activity.target))
        return not any(("block", viewer, one) in self.holds or ("block", one, viewer) in self.holds for one in involved)

    def _is_there(self, thing: Thing) -> bool:
        if thing[0] == "user":
            return thing[1] in self.people - self.erased
        return thing in self.authors and thing not in self.deleted and self.authors[thing] not in self.erased

    def _owner(self, thing: Thing) -> int:
        return thing[1] if thing[0] == "user" else self.authors[thing]

    def _taken_back(self, activity: Activity) -> bool:
        if activity.verb not in ("like", "connect", "recommend"):
            return False
        return activity.turn < self.ended.get(self._pair(activity.verb, activity.actor, activity.thing), -1)

    @staticmethod
    def _pair(verb: str, actor: int, thing: Thing) -> tuple[str, int, Thing]:
        """A connection is one, whoever says so."""
        if verb != "connect":
            return verb, actor, thing
        return verb, min(actor, thing[1]), (thing[0], max(actor, thing[1]))


def _newest_first(activities: Iterable[Activity]) -> list[Activity]:
    return sorted(activities, key=lambda a: (a.at, a.event_id), reverse=True)
