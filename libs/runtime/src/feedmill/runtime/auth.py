"""Who calls: a key is looked up by its hash, remembered for seconds, and kept while Postgres is away.

A revoked key is dead within five seconds: what is remembered is asked again every two and trusted for four. Only while
Postgres is away it is trusted longer; an unknown key cannot be judged then (StoreAway, so 503).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from time import monotonic
from typing import Final, Protocol

from feedmill.runtime import logs, metrics
from feedmill.runtime.background import background
from feedmill.runtime.postgres import Postgres, Row, StoreAway

TRUSTED_S: Final = 4.0  # how long a key is taken without asking; with the query's own time under the promised 5 s
REFRESH_S: Final = 2.0
MAX_REMEMBERED: Final = 50_000  # about 1 kB each
MAX_ENDED: Final = 100_000  # of whom the store knows by itself long before so many more have ended
_REFRESHED_AT_ONCE: Final = 1_000
_BEARER: Final = "bearer "

log = logs.get("feedmill.auth")

SQL: Final = """SELECT key_hash, user_id, owner, scopes, expires_at
  FROM api_key
 WHERE key_hash = ANY($1) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())"""


class KeyMissing(Exception):
    """The request carries no key."""


class KeyNotValid(Exception):
    """The key is empty, unknown, expired or revoked, or it is not for this."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a key acts for.

    owner: `user:<handle>`, `service:<name>`, or `family:C|L|P|S` where a trusted network needs no key; it is part of
    every event_id and stays when a key is rotated. key_echo: the key as the request carried it, for `/me` alone.
    """

    owner: str
    user_id: int | None
    scopes: frozenset[str]
    key_echo: str = field(default="", repr=False)

    @classmethod
    def of_family(cls, letter: str) -> "Principal":
        """A caller of a family that never had keys, on a trusted network."""
        return cls(f"family:{letter}", None, frozenset())

    def may(self, scope: str) -> bool:
        """Whether the key has this scope; `admin` has each."""
        return scope in self.scopes or "admin" in self.scopes

    def may_act_for(self, user_id: int) -> bool:
        """A user's key acts for its owner; `events:write` for any actor."""
        return self.user_id == user_id or self.may("events:write")

    def may_read_home_of(self, user_id: int) -> bool:
        """A user's key reads its owner's home feed; `feeds:read` any."""
        return self.user_id == user_id or self.may("feeds:read")


def key_in(headers: Mapping[str, str]) -> str:
    """The request's key, from X-App-Key or `Authorization: Bearer`. Raises KeyMissing, KeyNotValid when empty."""
    key = headers.get("x-app-key")
    if key is None:
        authorization = headers.get("authorization")
        if authorization is None:
            raise KeyMissing
        if not authorization.lower().startswith(_BEARER):
            raise KeyNotValid
        key = authorization[len(_BEARER) :].strip()
    if not key:
        raise KeyNotValid
    return key


def carries_key(headers: Mapping[str, str]) -> bool:
    """Whether a key is meant to be sent, be it a good one or not."""
    return "x-app-key" in headers or "authorization" in headers


class Keys(Protocol):
    """A `KeyRing`, or a test's own."""

    async def authenticate(self, headers: Mapping[str, str]) -> Principal: ...


async def caller_of_family(letter: str, keys: Keys, headers: Mapping[str, str], *, trusted_network: bool) -> Principal:
    """The key's owner where a key is sent; on a trusted network without one the family. Raises as `authenticate`."""
    if trusted_network and not carries_key(headers):
        return Principal.of_family(letter)
    return await keys.authenticate(headers)


def hash_of(key: str) -> bytes:
    """What is stored of a key."""
    return sha256(key.encode()).digest()


@dataclass(slots=True)
class _Remembered:
    user_id: int | None
    owner: str
    scopes: frozenset[str]
    expires_at: datetime | None
    checked_at_s: float

    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)


class KeyRing:
    """The keys this process has seen. Keep `refreshing()` open while it serves."""

    def __init__(self, postgres: Postgres, *, clock_s: Callable[[], float] = monotonic) -> None:
        self._postgres = postgres
        self._clock_s = clock_s
        self._remembered: dict[bytes, _Remembered] = {}
        self._ended: dict[int, None] = {}  # the latest last

    def end(self, user_id: int) -> None:
        """This process takes no key of this user's any more, whatever the store still says: the log has the erasure."""
        self._ended[user_id] = None
        while len(self._ended) > MAX_ENDED:
            del self._ended[next(iter(self._ended))]

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """Who sent these headers. Raises KeyMissing, KeyNotValid, StoreAway."""
        key = key_in(headers)
        digest = hash_of(key)
        known = self._remembered.get(digest)
        if known is None or self._clock_s() - known.checked_at_s > TRUSTED_S:
            known = await self._asked(digest, known)
        if known is None or known.expired() or known.user_id in self._ended:
            raise KeyNotValid
        return Principal(known.owner, known.user_id, known.scopes, key)

    async def _asked(self, digest: bytes, known: _Remembered | None) -> _Remembered | None:
        try:
            await self._refresh([digest])
        except StoreAway:
            if known is None:
                raise
            return known
        return self._remembered.get(digest)

    async def _refresh(self, digests: list[bytes]) -> None:
        asked_at_s = self._clock_s()
        rows = await self._postgres.fetch(SQL, digests)
        for digest in digests:
            self._remembered.pop(digest, None)
        for row in rows:
            self._remember(row, asked_at_s)
        while len(self._remembered) > MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        metrics.KEYS_CACHED.at().set(len(self._remembered))

    def _remember(self, row: Row, asked_at_s: float) -> None:
        self._remembered[bytes(row["key_hash"])] = _Remembered(
            row["user_id"], row["owner"], frozenset(row["scopes"]), row["expires_at"], asked_at_s
        )

    @asynccontextmanager
    async def refreshing(self) -> AsyncIterator[None]:
        """Ask again for what is remembered, every two seconds, so that no request has to."""
        async with background(self._postgres.health, self._keep_fresh()):
            yield

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            digests = list(self._remembered)
            try:
                for start in range(0, len(digests), _REFRESHED_AT_ONCE):
                    await self._refresh(digests[start : start + _REFRESHED_AT_ONCE])
            except StoreAway:
                log.debug("keys_kept", remembered=len(self._remembered))
