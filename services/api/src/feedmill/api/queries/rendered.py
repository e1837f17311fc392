"""A page whose items Postgres itself writes as JSON: one row to fetch, nothing to take apart.

An item looks as `wire.FeedItem` says; a test holds the two together. The statement begins as those of
`queries.activities` do, with a CTE `candidate`, which has an `actor` (`user_profile.shown`) too; the page asked for and
what is hidden are told apart in SQL.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from feedmill.api.cursor import Key, Positions
from feedmill.api.queries.activities import JOINS, MAX_BATCH, MAX_ROUNDS, SEEN
from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.runtime.postgres import Row


def _text(column: str) -> str:
    return f"to_json({column})"


def _time(column: str) -> str:
    """RFC 3339; the session's timezone is UTC."""
    return f"""left(to_json({column})::text, -7), 'Z"'"""


def _field(name: str, column: str, value: str) -> str:
    """Left out where the column is null."""
    return f"""CASE WHEN {column} IS NOT NULL THEN concat(',"{name}":', {value}) END"""


def posted(type: str, id: str, thing: str, author: str) -> str:
    """The JSON of what was posted, a row of `object` under the name `thing`; null where `author` is."""
    written = (
        _field("content", f"{thing}.content", f"{thing}.content"),
        _field("title", f"{thing}.title", _text(f"{thing}.title")),
        _field("url", f"{thing}.url", _text(f"{thing}.url")),
        _field("tags", f"nullif({thing}.tags, '{{}}')", _text(f"{thing}.tags")),
        _field("mentions", f"nullif({thing}.mentions, '{{}}')", _text(f"{thing}.mentions")),
    )
    created_at = _field("created_at", f"{thing}.created_at", _time(f"{thing}.created_at"))
    return f"""concat('{{"type":', {_text(type)}, ',"id":', {id}, {", ".join(written)}, ',"author":')
            || {author} || concat({created_at}, '}}')"""


def a_user(shown: str) -> str:
    """The JSON of a user as an object; `shown`: of `user_profile`."""
    return f"""'{{"type":"user",' || substr({shown}, 2)"""


def item(actor: str, object: str, target: str) -> str:
    """The JSON of the activity `c`, of the JSON of its parts."""
    return f"""concat('{{"activity_id":"', c.event_id, '","verb":"', c.verb, '","actor":', {actor},
       ',"object":', {object}, ',"target":', {target}, ',"occurred_at":', {_time("c.occurred_at")}, '}}')"""


def _author(thing: str, author: str) -> str:
    return f"CASE WHEN {thing}.author_id = c.actor_id THEN c.actor ELSE {author}.shown END"


_ITEM: Final = item(
    "c.actor",
    f"""CASE WHEN c.object_type IS NULL THEN 'null' WHEN c.object_type = 'user' THEN {a_user("who.shown")}
             ELSE {posted("c.object_type", "c.object_id", "o", _author("o", "author"))} END""",
    f"""CASE WHEN c.target_type IS NULL THEN 'null'
             ELSE {posted("c.target_type", "c.target_id", "t", _author("t", "t_author"))} END""",
)


POSITIONS_NOW: Final = f"""ARRAY(SELECT ARRAY[partition, source_offset] FROM sink_position
                   WHERE topic = '{ACTIVITY_ENRICHED.name}' ORDER BY partition)"""  # noqa: S608 (names of ours)
"""Pairs of a partition and what is applied of it, in the statement's own snapshot."""


def rendered(candidates: str, *, batch: str, limit: str, positions: str) -> str:
    """The whole statement. Parameters: how many candidates, how many items, the positions to stay at or null."""
    return f"""{candidates},
hydrated AS (
    SELECT c.occurred_at, c.event_id, {SEEN} AS seen, {_ITEM} AS item {JOINS} LIMIT {batch}
), page AS (  -- the window's order is the order in which the aggregates get the rows
    SELECT *, count(*) FILTER (WHERE seen) OVER (ORDER BY occurred_at DESC, event_id DESC) AS place FROM hydrated
)
SELECT string_agg(item, ',') FILTER (WHERE seen AND place <= {limit}),
       count(*), count(*) FILTER (WHERE seen),
       min(occurred_at) FILTER (WHERE seen AND place = {limit}),
       (array_agg(event_id) FILTER (WHERE seen AND place = {limit}))[1],
       min(occurred_at), (array_agg(event_id))[count(*)],
       CASE WHEN {positions} IS NULL THEN {POSITIONS_NOW} END
  FROM page"""  # noqa: S608 (names of ours)


class Found(NamedTuple):
    """The statement's one row."""

    items: str | None
    candidates: int
    seen: int
    shown_at: datetime | None
    shown_id: UUID | None
    last_at: datetime | None
    last_id: UUID | None
    positions: list[list[int]] | None


class Written(NamedTuple):
    """Items as JSON text, without the brackets; next: the key to go on after, None where nothing more is there."""

    items: str
    next: Key | None
    positions: Positions


Ask = Callable[[Key, int, int, Positions | None], Awaitable[Row | None]]
"""(before, candidates, items, positions) -> the statement's row."""


async def page_of(ask: Ask, *, before: Key, limit: int, positions: Positions | None) -> Written:
    """A full page of what may be seen, all of it at the first round trip's positions; mostly there is no other."""
    pages: list[str] = []
    began_at, shown = positions, before
    missing, batch = limit, limit + 1
    for _ in range(MAX_ROUNDS):
        row = await ask(before, batch, missing, began_at)
        assert row is not None  # an aggregate
        found = Found(*row)
        began_at = by_partition(found.positions) if began_at is None else began_at
        if found.items is not None:
            pages.append(found.items)
        if found.shown_at is not None and found.shown_id is not None:
            shown = Key(found.shown_at, found.shown_id)
        if found.seen > missing:
            return Written(",".join(pages), shown, began_at)
        missing -= found.seen
        if found.candidates < batch or found.last_at is None or found.last_id is None:
            return Written(",".join(pages), None, began_at)
        before = Key(found.last_at, found.last_id)
        batch = min(2 * batch, max(MAX_BATCH, limit + 1))
    return Written(",".join(pages), before, began_at or ())


def by_partition(pairs: list[list[int]] | None) -> Positions:
    """What `POSITIONS_NOW` found; None where nothing is known of a partition."""
    if not pairs:
        return ()
    known = {pair[0]: pair[1] for pair in pairs}
    return tuple(known.get(number) for number in range(max(known) + 1))
