"""The home feed in groups: what was done with one object, or by one actor, within one window of time.

Windows follow each other without overlap, so a walk goes window by window: all items of a window are read before its
groups are shown, and every count is exact (a window of more items than are read for a page says so).
"""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple
from uuid import UUID

from msgspec import Raw

from feedmill.api.cursor import NEWEST, Key, Positions
from feedmill.api.queries.home_items import Item, home_items
from feedmill.api.wire import Aggregate
from feedmill.contracts.times import parse_time, short_time
from feedmill.runtime.postgres import Postgres

By = Literal["object", "actor"]
WINDOWS_S: Final = {"hour": 3_600, "day": 86_400}
SHOWN_ITEMS: Final = 3
READ_AT_ONCE: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = UUID(int=2**128 - 1)
_OLDEST: Final = Key(_EPOCH, UUID(int=0))
"""Nothing is before it."""


class Asked(NamedTuple):
    """by what, in windows of how long; reads at most so many items for a page."""

    by: By
    window_s: int
    items_max: int


class Aggregated(NamedTuple):
    """Newest first; next: the key to go on after, the newest item's of the last group or a window's end."""

    groups: list[Aggregate]
    next: Key | None
    positions: Positions


async def aggregated_feed(
    postgres: Postgres, asked: Asked, *, reader_id: int, before: Key, limit: int, positions: Positions | None
) -> Aggregated:
    """One page of groups; fewer than `limit`, and a key to go on after, where their windows hold very many items."""
    reading_from = NEWEST if before == NEWEST else Key(_end_of(before, asked), _LAST)
    found: list[Item] = []
    while True:
        page = await home_items(
            postgres, reader_id=reader_id, before=reading_from, limit=READ_AT_ONCE, positions=positions
        )
        positions = page.positions
        found += page.items
        full = page.next is not None and len(found) >= asked.items_max
        whole = found if page.next is None else _whole_windows(found, page.next, asked)
        cut = full and not whole  # more in one window than is read for a page
        read = found if cut else whole
        groups = [group for group in _groups(read, asked, complete=not cut) if _key(group) < before]
        if page.next is None or len(groups) > limit or (full and groups):
            break
        reading_from = page.next
        if full:  # all of it was shown before
            before = reading_from = _below(_window(read[-1].key.occurred_at, asked), asked)
            found = []
    shown = groups[:limit]
    more = len(groups) > limit or page.next is not None
    return Aggregated(shown, _next(shown[-1], groups[limit:], asked) if more else None, positions)


def _next(last: Aggregate, left: list[Aggregate], asked: Asked) -> Key:
    """A window whose groups are all shown is not read again."""
    window = _window(_key(last).occurred_at, asked)
    among_them = left and _window(_key(left[0]).occurred_at, asked) == window
    return _key(last) if among_them else _below(window, asked)


def _window(at: datetime, asked: Asked) -> int:
    return int((at - _EPOCH).total_seconds() // asked.window_s)


def _end_of(key: Key, asked: Asked) -> datetime:
    return _EPOCH + timedelta(seconds=(_window(key.occurred_at, asked) + 1) * asked.window_s, microseconds=-1)


def _below(window: int, asked: Asked) -> Key:
    """Before all that is older than the window."""
    if window == 0:
        return _OLDEST
    return Key(_EPOCH + timedelta(seconds=window * asked.window_s, microseconds=-1), _LAST)


def _whole_windows(found: list[Item], reached: Key, asked: Asked) -> list[Item]:
    """Those of windows that are read to their end: what comes next may be of the last one."""
    last = _window(reached.occurred_at, asked)
    return [item for item in found if _window(item.key.occurred_at, asked) > last]


def _groups(items: list[Item], asked: Asked, *, complete: bool) -> list[Aggregate]:
    groups: dict[tuple[object, ...], list[Item]] = {}
    for item in items:
        groups.setdefault((_window(item.key.occurred_at, asked), *_of(item, asked.by)), []).append(item)
    return [_aggregate(members, asked, complete=complete) for members in groups.values()]


def _of(item: Item, by: By) -> tuple[object, ...]:
    if by == "actor":
        return (item.actor.id,)
    about = item.about
    return (item.key.event_id,) if about is None else (about.type, about.id)


def _aggregate(items: list[Item], asked: Asked, *, complete: bool) -> Aggregate:
    newest = items[0]
    actors = {item.actor.id: item.actor for item in reversed(items)}
    verbs: dict[str, int] = {}
    for item in items:
        verbs[item.verb] = verbs.get(item.verb, 0) + 1
    window = _window(newest.key.occurred_at, asked)
    return Aggregate(
        key=_name(newest, asked.by),
        window_start=short_time(_EPOCH + timedelta(seconds=window * asked.window_s)),
        count=len(items),
        verbs=verbs,
        people=len(actors),
        actors=list(dict.fromkeys(item.actor for item in items))[:SHOWN_ITEMS],
        latest_at=short_time(newest.key.occurred_at),
        latest_id=newest.key.event_id,
        items=[Raw(bytes(item.json)) for item in items[:SHOWN_ITEMS]],
        complete=complete,
    )


def _name(item: Item, by: By) -> str:
    return ":".join(map(str, ("user", item.actor.id) if by == "actor" else _of(item, by)))


def _key(group: Aggregate) -> Key:
    return Key(parse_time(group.latest_at), group.latest_id)
