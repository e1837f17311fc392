"""Rows -> the text that COPY reads into the temporary tables. Pure. One function a table, columns in its order."""

from __future__ import annotations

from collections.abc import Iterable

from feedmill.feed_writer.decode import CHANGES_USER, CREATES_OBJECT
from feedmill.feed_writer.row import Row

NULL = "\\N"


def activities(rows: Iterable[Row]) -> str:
    return "".join(map(_activity, rows))


def objects(rows: Iterable[Row]) -> str:
    """Only of rows that create an object; empty where none does."""
    return "".join([_object(row) for row in rows if row.verb in CREATES_OBJECT])


def users(rows: Iterable[Row]) -> str:
    """Only of rows that change a user; empty where none does."""
    return "".join([_user(row) for row in rows if row.verb in CHANGES_USER or row.verb == "user-erased"])


def reads(rows: Iterable[Row]) -> str:
    """Only of rows that say how far somebody has read; empty where none does."""
    return "".join(
        [
            f"{row.event_id.hex()}\t{row.actor_id}\t{_escaped(row.read.feed)}\t{row.read.through}\t{row.read.only_seen}\n"
            for row in rows
            if row.read is not None
        ]
    )


def _activity(row: Row) -> str:
    thing, target, since = row.object, row.target, row.since
    about = f"{_escaped(thing.type)}\t{thing.id}" if thing else "\\N\t\\N"
    onto = f"{_escaped(target.type)}\t{target.id}" if target else "\\N\t\\N"
    return (
        f"{row.event_id.hex()}\t{row.verb}\t{row.actor_id}\t{about}\t{onto}\t{row.occurred_at}\t"
        f"{since or NULL}\t{row.partition}\t{row.source_offset}\t{row.enriched_offset}\t"
        f"{row.accepted_ms}\t{row.enriched_ms}\t{row.origin_offset}\n"
    )


def _object(row: Row) -> str:
    thing = row.object
    assert thing is not None  # decode lets no creation pass without
    space = NULL if row.space_id is None else row.space_id
    return (
        f"{row.event_id.hex()}\t{_escaped(thing.type)}\t{thing.id}\t{row.actor_id}\t{_escaped(thing.content)}\t"
        f"{_or_null(thing.title)}\t{_or_null(thing.url)}\t{_or_null(thing.canonical_url)}\t"
        f"{_array(thing.tags)}\t{_array(thing.mentions)}\t{space}\t{row.occurred_at}\t{row.origin_offset}\n"
    )


def _user(row: Row) -> str:
    user, thing = row.user, row.object
    if user is None:
        assert thing is not None  # user-erased names the user as its object
        said = f"{thing.id}\t\\N\t\\N\t\\N\t\\N\t\\N"
    else:
        said = (
            f"{user.id}\t{_or_null(user.handle)}\t{_or_null(user.uuid)}\t{_or_null(user.name)}\t"
            f"{_or_null(user.email)}\t{_or_null(user.college)}"
        )
    return f"{row.event_id.hex()}\t{row.verb}\t{said}\t{row.occurred_at}\t{row.enriched_offset}\t{row.origin_offset}\n"


def _or_null(text: str | None) -> str:
    return NULL if text is None else _escaped(text)


def _escaped(text: str) -> str:
    """COPY's text form: backslash first, then what would end a field or a row."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if text.isprintable():  # holds none of the three; the usual case, at one scan
        return text
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _array(texts: list[str]) -> str:
    """An array literal, itself escaped for COPY."""
    if not texts:
        return "{}"
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return _escaped("{" + ",".join(f'"{text}"' for text in quoted) + "}")
