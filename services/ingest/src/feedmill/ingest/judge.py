"""What must be asked of the world before a batch can be published, asked once for the whole batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from feedmill.contracts.envelope import Event
from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.times import format_time
from feedmill.ingest.body import Item
from feedmill.ingest.memory import Recent
from feedmill.ingest.object_ids import NoIds, ObjectIds
from feedmill.ingest.plans import PLANS, Needs
from feedmill.ingest.world import NthPost, ObjectKey, World
from feedmill.runtime.outcome import Transient

AWAY: Final = Rejected(Code.UNAVAILABLE, "what this needs to be judged by cannot be asked now: send it again")
NO_IDS: Final = Rejected(Code.NO_IDS, "no id can be had for the new object now: send it again")


@dataclass(slots=True)
class Judgements:
    """What the world said. A reason in `retry` speaks of every event that needed what could not be asked."""

    object_ids: dict[str, list[int]] = field(default_factory=dict)
    """Object type -> new ids, the last one first: taken with pop()."""
    authors: Mapping[ObjectKey, int] = field(default_factory=dict)
    backfill: Mapping[NthPost, datetime | None] = field(default_factory=dict)
    """Followee and N -> when the N-th latest post was made."""
    retry: dict[Needs, Rejected] = field(default_factory=dict)
    no_ids: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Judge:
    """Objects of the last minutes are known without asking: a delete right behind its post needs no waiting."""

    world: World
    object_ids: ObjectIds
    recent_authors: Recent[ObjectKey, int]

    async def __call__(self, items: Sequence[Item]) -> Judgements:
        judgements = Judgements()
        needs = {_NEEDS.get(class_) for class_ in set(map(type, items))}
        if Needs.OBJECT_ID in needs:
            await self._take_ids(items, judgements)
        if Needs.AUTHOR in needs:
            await self._ask_authors(items, judgements)
        if Needs.BACKFILL in needs:
            await self._ask_backfill(items, judgements)
        return judgements

    async def _take_ids(self, items: Sequence[Item], judgements: Judgements) -> None:
        counts: dict[str, int] = {}
        for event in _needing(items, Needs.OBJECT_ID):
            kind = event.data.object.type
            counts[kind] = counts.get(kind, 0) + 1
        for kind, count in counts.items():
            try:
                judgements.object_ids[kind] = list(await self.object_ids.take(kind, count))[::-1]
            except NoIds:
                judgements.no_ids.add(kind)

    async def _ask_authors(self, items: Sequence[Item], judgements: Judgements) -> None:
        wanted = {(event.data.object.type, event.data.object.id) for event in _needing(items, Needs.AUTHOR)}
        known = {key: author for key in wanted if (author := self.recent_authors.get(key)) is not None}
        judgements.authors = known
        if unknown := [key for key in wanted if key not in known]:
            try:
                judgements.authors = {**known, **await self.world.authors(unknown)}
            except Transient:
                judgements.retry[Needs.AUTHOR] = AWAY

    async def _ask_backfill(self, items: Sequence[Item], judgements: Judgements) -> None:
        follows = [event.data for event in _needing(items, Needs.BACKFILL)]
        wanted = {(data.object.id, n) for data in follows if isinstance(n := data.backfill, int) and n > 0}
        if not wanted:
            return
        try:
            found = await self.world.nth_latest_posts(list(wanted))
        except Transient:
            judgements.retry[Needs.BACKFILL] = AWAY
        else:
            judgements.backfill = {asked: found.get(asked) for asked in wanted}


_NEEDS: Final[Mapping[type, Needs]] = {
    class_: plan.needs for class_, plan in PLANS.items() if plan.needs is not Needs.NOTHING
}
_NEEDING: Final = {needs: {class_ for class_, plan in PLANS.items() if plan.needs is needs} for needs in Needs}


def _needing(items: Sequence[Item], needs: Needs) -> list[Any]:
    classes = _NEEDING[needs]
    return [item for item in items if type(item) in classes]


def since_of(event: Event, occurred_at: str, judgements: Judgements) -> str | Rejected | None:
    """From when on the followee's past is seen: None is all of it. `occurred_at`: the event's own time."""
    backfill = event.data.backfill
    if backfill == "all":
        return None
    if backfill in ("none", 0):
        return occurred_at
    key = (event.data.object.id, backfill)
    if key not in judgements.backfill:
        return judgements.retry.get(Needs.BACKFILL, AWAY)
    moment = judgements.backfill[key]
    return format_time(moment) if moment is not None else None


def needs_the_world(items: Sequence[Item]) -> bool:
    """Whether an event will be judged by the state: then a position that the request carries must be waited for."""
    return any(_NEEDS.get(class_) in _JUDGED for class_ in set(map(type, items)))


_JUDGED: Final = frozenset({Needs.AUTHOR, Needs.BACKFILL})
