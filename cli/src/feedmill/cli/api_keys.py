"""API keys where they are kept: Postgres, as sha256; a key itself is shown once and stored nowhere."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg2
from psycopg2.extensions import cursor as Cursor

SCOPES = ("events:write", "feeds:read", "analytics:read", "admin")
CLI = "cli"
"""The service a key belongs to when nobody is named: the operator at the command line."""

USER_SQL = "SELECT id FROM user_profile WHERE handle = %s AND erased_at IS NULL ORDER BY id LIMIT 1 FOR SHARE"
"""Shared: the erasure of this user waits for the key that is being made, and ends it with the others."""
INSERT_SQL = """INSERT INTO api_key (id, key_hash, user_id, owner, scopes) VALUES (%s, %s, %s, %s, %s)
 ON CONFLICT (key_hash) DO NOTHING"""
LIST_SQL = "SELECT id, owner, scopes, created_at, expires_at, revoked_at FROM api_key ORDER BY created_at, id"
REVOKE_SQL = "UPDATE api_key SET revoked_at = now() WHERE id = %s AND revoked_at IS NULL RETURNING owner"
ALIVE_SQL = """SELECT 1 FROM api_key
 WHERE key_hash = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())"""


class KeyRefused(Exception):
    """The key asked for cannot be made; says what to do."""


@dataclass(frozen=True, slots=True)
class NewKey:
    id: str
    key: str
    scopes: tuple[str, ...]
    owner: str


@dataclass(frozen=True, slots=True)
class ListedKey:
    id: str
    owner: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def state(self) -> str:
        return "revoked" if self.revoked_at else "active"


@contextmanager
def transaction(dsn: str) -> Iterator[Cursor]:
    with closing(psycopg2.connect(dsn, connect_timeout=5)) as connection, connection, connection.cursor() as cursor:
        yield cursor


def hash_of(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def fresh_key() -> str:
    """256 random bits; the prefix tells a secret scanner what it found."""
    return f"fm_{secrets.token_urlsafe(32)}"


def create_for_user(dsn: str, handle: str, scopes: Sequence[str] = (), key: str | None = None) -> NewKey:
    """Acts for and reads its owner; `scopes` add to that. The user must exist, which the log decides, not us."""
    check(scopes)
    with transaction(dsn) as cursor:
        cursor.execute(USER_SQL, (handle,))
        row = cursor.fetchone()
        if row is None:
            raise KeyRefused(f"there is no user {handle!r}: create one with POST /v1/users, then ask again")
        return insert(cursor, f"user:{handle}", row[0], scopes, key)


def create_for_service(dsn: str, name: str, scopes: Sequence[str]) -> NewKey:
    check(scopes)
    with transaction(dsn) as cursor:
        return insert(cursor, f"service:{name}", None, scopes)


def insert(cursor: Cursor, owner: str, user_id: int | None, scopes: Sequence[str], key: str | None = None) -> NewKey:
    key = key or fresh_key()
    key_id = str(uuid.uuid4())
    cursor.execute(INSERT_SQL, (key_id, hash_of(key), user_id, owner, list(scopes)))
    return NewKey(key_id, key, tuple(scopes), owner)


def check(scopes: Sequence[str]) -> None:
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise KeyRefused(f"unknown scopes: {', '.join(unknown)}; there are {', '.join(SCOPES)}")


def listed(dsn: str) -> list[ListedKey]:
    with transaction(dsn) as cursor:
        cursor.execute(LIST_SQL)
        return [ListedKey(*row) for row in cursor.fetchall()]


def revoke(dsn: str, key_id: str) -> str:
    """The owner of the key revoked; services refuse it within 5 s."""
    try:
        wanted = str(uuid.UUID(key_id))
    except ValueError:
        raise KeyRefused(f"{key_id!r} is no key's id: `feedmill keys list` shows them") from None
    with transaction(dsn) as cursor:
        cursor.execute(REVOKE_SQL, (wanted,))
        row = cursor.fetchone()
    if row is None:
        raise KeyRefused(f"no active key has the id {wanted}: `feedmill keys list` shows them")
    return str(row[0])


def alive(dsn: str, key: str) -> bool:
    with transaction(dsn) as cursor:
        cursor.execute(ALIVE_SQL, (hash_of(key),))
        return cursor.fetchone() is not None
