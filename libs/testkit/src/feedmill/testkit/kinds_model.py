"""What counters and notifications are, in plain Python over what was said: the yardstick of the property tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

Thing = tuple[str, int]
"""type, id"""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Said:
    """One activity, as its key's partition has it; `mentions`: user ids."""

    event: str
    verb: str
    actor: int
    at: datetime
    object: Thing | None = None
    target: Thing | None = None
    mentions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    likes: int
    likers: int
    shares: int
    comments: int


@dataclass(frozen=True, slots=True)
class Group:
    """One notification: how many users, how many deeds, the newest."""

    id: str
    people: int
    count: int
    latest_at: datetime


@dataclass(slots=True)
class Model:
    """Everything said so far; each event once, in the order of its partition."""

    users: frozenset[int]
    likes: dict[tuple[int, Thing], list[datetime]] = field(default_factory=dict)
    shares: list[tuple[int, Thing, datetime]] = field(default_factory=list)
    comments: list[tuple[int, Thing, Thing, datetime]] = field(default_factory=list)
    mentioned: list[tuple[int, Said]] = field(default_factory=list)
    authors: dict[Thing, int] = field(default_factory=dict)
    deleted: set[Thing] = field(default_factory=set)
    follows: dict[tuple[int, int], datetime] = field(default_factory=dict)
    stands: set[tuple[str, int, int]] = field(default_factory=set)
    """Mutes and blocks: kind, by whom, of whom."""
    erased: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, users: Iterable[int], said: Iterable[Said]) -> Model:
        model, events = cls(frozenset(users)), set()
        for one in said:
            if one.event not in events:
                events.add(one.event)
                model._take(one)
        return model

    def _take(self, said: Said) -> None:
        actor, thing = said.actor, said.object
        assert thing is not None
        match said.verb:
            case "post" | "comment":
                self.authors[thing] = actor
                self.mentioned += [(user, said) for user in said.mentions]
                if said.target is not None:
                    self.comments.append((actor, thing, said.target, said.at))
            case "delete":
                self.deleted.add(thing)
            case "like":
                self.likes.setdefault((actor, thing), []).append(said.at)
            case "unlike":
                self.likes.pop((actor, thing), None)
            case "share":
                self.shares.append((actor, thing, said.at))
            case "follow":
                self.follows.setdefault((actor, thing[1]), said.at)
            case "unfollow":
                self.follows.pop((actor, thing[1]), None)
            case "mute" | "block":
                self.stands.add((said.verb, actor, thing[1]))
            case "unmute" | "unblock":
                self.stands.discard((said.verb.removeprefix("un"), actor, thing[1]))
            case "user-erased":
                self.erased.add(thing[1])

    def blocked(self, viewer: int | None, other: int) -> bool:
        return ("block", viewer, other) in self.stands or ("block", other, viewer) in self.stands

    def sees(self, viewer: int | None, actor: int) -> bool:
        there = actor in self.users and actor not in self.erased
        return there and not self.blocked(viewer, actor) and ("mute", viewer, actor) not in self.stands

    def is_there(self, thing: Thing) -> bool:
        author = self.authors.get(thing)
        return author is not None and author not in self.erased and thing not in self.deleted

    def _may_speak_of(self, target: Thing | None, reader: int) -> bool:
        return target is None or (self.is_there(target) and not self.blocked(reader, self.authors[target]))

    def counters(self, thing: Thing, viewer: int | None) -> Counted | None:
        """None: 404."""
        if not self.is_there(thing) or self.blocked(viewer, self.authors[thing]):
            return None
        return self._got({thing}, viewer)

    def received(self, owner: int, viewer: int | None) -> Counted:
        """What all of the owner's objects got."""
        return self._got({thing for thing, author in self.authors.items() if author == owner}, viewer)

    def _got(self, things: set[Thing], viewer: int | None) -> Counted:
        things = {thing for thing in things if self.is_there(thing)}
        likes = [
            (actor, len(times))
            for (actor, thing), times in self.likes.items()
            if thing in things and self.sees(viewer, actor)
        ]
        shares = [1 for actor, shared, _ in self.shares if shared in things and self.sees(viewer, actor)]
        comments = [
            1
            for actor, comment, target, _ in self.comments
            if target in things and comment not in self.deleted and self.sees(viewer, actor)
        ]
        likers = {actor for actor, _ in likes}
        return Counted(sum(times for _, times in likes), len(likers), len(shares), len(comments))

    def notifications(self, reader: int) -> list[Group]:
        """Newest first."""
        groups: dict[str, list[tuple[int, datetime]]] = {}
        for group, actor, at in self._deeds_about(reader):
            if actor != reader and self.sees(reader, actor):
                groups.setdefault(group, []).append((actor, at))
        found = [
            Group(group, len({actor for actor, _ in deeds}), len(deeds), max(at for _, at in deeds))
            for group, deeds in groups.items()
        ]
        return sorted(found, key=lambda group: group.latest_at, reverse=True)

    def _deeds_about(self, reader: int) -> Iterator[tuple[str, int, datetime]]:
        mine = {thing for thing, author in self.authors.items() if author == reader and thing not in self.deleted}
        for (actor, thing), times in self.likes.items():
            if thing in mine:
                yield f"like:{thing[0]}:{thing[1]}", actor, times[0]
        for actor, thing, at in self.shares:
            if thing in mine:
                yield f"share:{thing[0]}:{thing[1]}", actor, at
        for actor, comment, target, at in self.comments:
            if target in mine and comment not in self.deleted:
                yield f"comment:{target[0]}:{target[1]}", actor, at
        for (actor, followee), at in self.follows.items():
            if followee == reader:
                yield f"follow:day:{(at - EPOCH).days}", actor, at
        for user, said in self.mentioned:
            if user == reader and said.object not in self.deleted and self._may_speak_of(said.target, reader):
                yield f"mention:{said.event}", said.actor, said.at
