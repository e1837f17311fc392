"""What an error of Postgres means: the store is away, somebody was quicker, a record is at fault, or a bug."""

from __future__ import annotations

from enum import Enum

import psycopg2

from feedmill.feed_writer.postgres.apply import OVERTAKEN


class Meaning(Enum):
    AWAY = "away"
    """The server or the way to it: close the connection, wait, try again."""
    AGAIN = "again"
    """A deadlock, a serialization failure, a lock or statement that took too long: the same batch once more."""
    POISON = "poison"
    """A record of the batch can never be stored."""
    OVERTAKEN = "overtaken"
    """Another writer moved the positions."""
    BUG = "bug"


_AWAY_CLASSES = frozenset({"08", "53", "57", "58"})
_POISON_CLASSES = frozenset({"22", "23", "54"})
"""Data, constraints, and limits (an index row too large; psycopg2 calls that one operational)."""
_AGAIN_CODES = frozenset({"55P03", "57014", "25P03", "25006"})
"""Lock timeout, statement timeout, idle in transaction, read-only while a standby is promoted."""


def meaning_of(error: psycopg2.Error) -> Meaning:
    code = error.pgcode
    if code is None:
        lost = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
        return Meaning.AWAY if lost or type(error) is psycopg2.DatabaseError else Meaning.BUG
    if code == OVERTAKEN:
        return Meaning.OVERTAKEN
    if code in _AGAIN_CODES or code.startswith("40"):
        return Meaning.AGAIN
    if code[:2] in _AWAY_CLASSES:
        return Meaning.AWAY
    return Meaning.POISON if code[:2] in _POISON_CLASSES else Meaning.BUG
