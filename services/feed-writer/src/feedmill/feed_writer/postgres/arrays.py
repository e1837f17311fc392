"""Rows -> the arrays that Postgres takes them in, a literal a column. Pure. One function a table, columns in its order.

Text is quoted twice, for the array and for the literal; `standard_conforming_strings` is on in the sink's sessions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from feedmill.feed_writer.decode import CHANGES_USER, CREATES_OBJECT
from feedmill.feed_writer.row import Row, User


def activities(rows: Sequence[Row]) -> list[str]:
    things, targets = [row.object for row in rows], [row.target for row in rows]
    return [
        plain([row.event_id.hex() for row in rows]),
        plain([row.verb for row in rows]),
        numbers([row.actor_id for row in rows]),
        _texts([None if thing is None else thing.type for thing in things]),
        numbers([None if thing is None else thing.id for thing in things]),
        _texts([None if target is None else target.type for target in targets]),
        numbers([None if target is None else target.id for target in targets]),
        plain([f'"{row.occurred_at}"' for row in rows]),
        plain(["NULL" if row.since is None else f'"{row.since}"' for row in rows]),
        numbers([row.partition for row in rows]),
        numbers([row.source_offset for row in rows]),
        numbers([row.enriched_offset for row in rows]),
        numbers([row.accepted_ms for row in rows]),
        numbers([row.enriched_ms for row in rows]),
        numbers([row.origin_offset for row in rows]),
    ]


def objects(rows: Iterable[Row]) -> list[str]:
    """Only of rows that create an object."""
    made = [(row, row.object) for row in rows if row.verb in CREATES_OBJECT and row.object is not None]
    return [
        plain([row.event_id.hex() for row, _ in made]),
        _texts([thing.type for _, thing in made]),
        numbers([thing.id for _, thing in made]),
        numbers([row.actor_id for row, _ in made]),
        _texts([thing.content for _, thing in made]),
        _texts([thing.title for _, thing in made]),
        _texts([thing.url for _, thing in made]),
        _texts([thing.canonical_url for _, thing in made]),
        _texts([_array(thing.tags) for _, thing in made]),
        _texts([_array(thing.mentions) for _, thing in made]),
        numbers([row.space_id for row, _ in made]),
        plain([f'"{row.occurred_at}"' for row, _ in made]),
        numbers([row.origin_offset for row, _ in made]),
    ]


def users(rows: Iterable[Row]) -> list[str]:
    """Only of rows that change a user."""
    said = [(row, _user_of(row)) for row in rows if row.verb in CHANGES_USER or row.verb == "user-erased"]
    return [
        plain([row.event_id.hex() for row, _ in said]),
        plain([row.verb for row, _ in said]),
        numbers([user.id for _, user in said]),
        _texts([user.handle for _, user in said]),
        _texts([user.uuid for _, user in said]),
        _texts([user.name for _, user in said]),
        _texts([user.email for _, user in said]),
        _texts([user.college for _, user in said]),
        plain([f'"{row.occurred_at}"' for row, _ in said]),
        numbers([row.enriched_offset for row, _ in said]),
        numbers([row.origin_offset for row, _ in said]),
    ]


def _user_of(row: Row) -> User:
    if row.user is not None:
        return row.user
    assert row.object is not None  # decode lets no user-erased pass without
    return User(row.object.id, None, None, None, None, None)


def reads(rows: Iterable[Row]) -> list[str]:
    """Only of rows that say how far somebody has read."""
    said = [(row, row.read) for row in rows if row.read is not None]
    return [
        plain([row.event_id.hex() for row, _ in said]),
        numbers([row.actor_id for row, _ in said]),
        _texts([read.feed for _, read in said]),
        plain([f'"{read.through}"' for _, read in said]),
        plain([str(read.only_seen) for _, read in said]),
    ]


def plain(elements: Iterable[str]) -> str:
    """Elements that hold nothing an array or a literal would need to be told of."""
    return "'{" + ",".join(elements) + "}'"


def numbers(given: Iterable[int | None]) -> str:
    return plain(["NULL" if number is None else str(number) for number in given])


def _texts(texts: Sequence[str | None]) -> str:
    return "'" + _array(texts).replace("'", "''") + "'"


def _array(texts: Sequence[str | None]) -> str:
    return "{" + ",".join(["NULL" if text is None else _quoted(text) for text in texts]) + "}"


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
