"""What a client missed that comes again with its last id."""

from dataclasses import dataclass, field

from feedmill.api.live import messages, removals
from feedmill.api.live.edges import Edges, changed_by
from feedmill.api.live.messages import Offsets
from feedmill.api.queries import tail
from feedmill.api.settings import LiveSettings
from feedmill.runtime.postgres import Postgres


@dataclass(slots=True)
class Missed:
    """`reset`: why the client must read its first page anew; else the messages it missed, in order."""

    messages: list[bytes] = field(default_factory=list)
    reset: str = ""

    def within(self, most_bytes: int) -> "Missed":
        return self if sum(map(len, self.messages)) <= most_bytes else Missed(reset="too-many")


async def missed_by(
    postgres: Postgres, settings: LiveSettings, reader_id: int, edges: Edges, last: Offsets, target: Offsets
) -> Missed:
    """Between the positions `last` and `target`. Bounded: who was away for long starts anew."""
    if messages.behind(target, last):
        return Missed(reset="rebuild")
    ranges = tail.ranges_between(last, target)
    if not ranges:
        return Missed()
    if sum(upto - above for _, above, upto in ranges) > settings.resume_offsets:
        return Missed(reset="too-far")
    most = settings.resume_items + 1
    applied = await tail.between_for(postgres, ranges, most, reader_id=reader_id, followees=edges.follows)
    if len(applied) == most:
        return Missed(reset="too-many")
    if any(reader_id in changed_by(one) for one in applied):
        return Missed(reset="edges")
    missed = await _messages(postgres, reader_id, edges, applied, (last, target))
    return missed.within(settings.queue_max_bytes)


async def _messages(
    postgres: Postgres, reader_id: int, edges: Edges, applied: list[tail.Applied], between: tuple[Offsets, Offsets]
) -> Missed:
    last, target = between
    rows = await tail.items(postgres, [one.event_id for one in applied])
    reads = any(one.verb == "feed-read" for one in applied)
    positions = await postgres.fetch(tail.SQL_READ, [reader_id]) if reads else []
    missed = Missed()
    at = dict(last)
    for one in applied:
        at.update({p: upto for p, upto in target.items() if p < one.partition})
        at[one.partition] = one.offset
        row = rows.get(one.event_id)
        gone = removals.said_of(one)
        if gone is not None:
            missed.messages.append(messages.removed(messages.id_of(at), gone))
        elif one.verb == "feed-read":
            missed.messages += [messages.read_through(messages.id_of(at), position) for position in positions]
        elif row is not None and row["seen"] and edges.shows(row):
            missed.messages.append(messages.message("activity", messages.id_of(at), messages.item(row)))
    return missed
