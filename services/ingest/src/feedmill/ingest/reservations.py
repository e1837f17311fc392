"""Names that must be unique, reserved in Postgres before the fact that uses them is published.

A reservation belongs to an event: the same event gets the same answer again, whenever it asks. One that nobody ever
used is free again after the lease, which outlives every delivery timeout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from feedmill.runtime.postgres import Connection, Postgres, Row, StoreAway

Name = tuple[str, str]
"""kind (`handle`, `email`), value in lower case"""


@dataclass(frozen=True, slots=True)
class Claim:
    event_id: UUID
    user_id: int
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Granted:
    """The names are the event's, now or since an earlier call; then `user_id` is that call's."""

    user_id: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The kind of the name that somebody else has."""

    kind: str


_REBUILDING: Final = "SELECT EXISTS (SELECT FROM rebuild WHERE finished_at IS NULL) AS yes"
_EARLIER: Final = """SELECT r.event_id, r.user_id, bool_or(u.erased_at IS NOT NULL) AS erased
  FROM name_reservation r LEFT JOIN user_profile u ON u.id = r.user_id
 WHERE r.event_id = ANY($1::uuid[])
 GROUP BY r.event_id, r.user_id"""
_EXPIRE: Final = """DELETE FROM name_reservation AS r USING unnest($1::text[], $2::text[]) AS asked(kind, value)
 WHERE r.kind = asked.kind AND r.value = asked.value AND r.reserved_at < now() - make_interval(secs => $3)
   AND NOT EXISTS (SELECT FROM user_profile u WHERE u.id = r.user_id)"""
_RESERVE: Final = """INSERT INTO name_reservation (kind, value, event_id, user_id)
SELECT kind, value, event_id, user_id
  FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[]) WITH ORDINALITY
       AS asked(kind, value, event_id, user_id, n)
 ORDER BY kind, value, n
ON CONFLICT DO NOTHING
RETURNING kind, value, event_id"""
_HOLDERS: Final = """SELECT r.kind, r.value, r.event_id, r.user_id
  FROM name_reservation r JOIN unnest($1::text[], $2::text[]) AS asked(kind, value) USING (kind, value)"""
_IN_THE_STATE: Final = """SELECT 'handle' AS kind, lower(handle) AS value, id
  FROM user_profile WHERE handle = ANY($1::text[])
UNION ALL
SELECT 'email', lower(email), id FROM user_profile WHERE lower(email) = ANY($2::text[])"""
_RELEASE: Final = """DELETE FROM name_reservation AS r USING unnest($1::text[], $2::text[]) AS lost(kind, value)
 WHERE r.kind = lost.kind AND r.value = lost.value AND r.event_id = ANY($3::uuid[])"""


class Reservations:
    def __init__(self, postgres: Postgres, lease_s: int) -> None:
        self._postgres = postgres
        self._lease_s = float(lease_s)

    async def reserve(self, claims: Sequence[Claim], handles: Sequence[str]) -> list[Granted | Taken]:
        """All claims in one transaction, each all of its names or none. `handles`: as written, for the state's index.

        Raises StoreAway, also while the state is being rebuilt.
        """
        async with self._postgres.transaction() as connection:
            rebuilding = await connection.fetchrow(_REBUILDING)
            if rebuilding is None or rebuilding["yes"]:
                raise StoreAway("the state is being rebuilt from the log")
            rows = await connection.fetch(_EARLIER, [claim.event_id for claim in claims])
            earlier = {row["event_id"]: row["user_id"] for row in rows}
            asking = [claim for claim in claims if claim.event_id not in earlier]
            taken = await self._ask(connection, asking, handles) if asking else {}
            taken |= {row["event_id"]: Taken("handle") for row in rows if row["erased"]}
            return [
                taken.get(claim.event_id) or Granted(earlier.get(claim.event_id, claim.user_id)) for claim in claims
            ]

    async def _ask(
        self, connection: Connection, claims: Sequence[Claim], handles: Sequence[str]
    ) -> dict[UUID, Granted | Taken]:
        kinds = [kind for claim in claims for kind, _ in claim.names]
        values = [value for claim in claims for _, value in claim.names]
        events = [claim.event_id for claim in claims for _ in claim.names]
        users = [claim.user_id for claim in claims for _ in claim.names]
        await connection.execute(_EXPIRE, kinds, values, self._lease_s)
        inserted = await connection.fetch(_RESERVE, kinds, values, events, users)
        holders = {(row["kind"], row["value"]): row for row in await connection.fetch(_HOLDERS, kinds, values)}
        in_state = await connection.fetch(_IN_THE_STATE, [*handles, *values], values)
        outcome = _outcome(claims, holders, {(row["kind"], row["value"]): row["id"] for row in in_state})
        lost = [event_id for event_id, what in outcome.items() if isinstance(what, Taken)]
        if lost:
            await connection.execute(
                _RELEASE, [row["kind"] for row in inserted], [row["value"] for row in inserted], lost
            )
        return outcome


def _outcome(
    claims: Sequence[Claim], holders: Mapping[Name, Row], in_state: Mapping[Name, int]
) -> dict[UUID, Granted | Taken]:
    outcome: dict[UUID, Granted | Taken] = {}
    for claim in claims:
        held = {name: holders[name] for name in claim.names if name in holders}
        granted_to = next((row["user_id"] for row in held.values() if row["event_id"] == claim.event_id), claim.user_id)
        taken = [
            kind
            for kind, value in claim.names
            if (kind, value) not in held
            or held[kind, value]["event_id"] != claim.event_id
            or in_state.get((kind, value), granted_to) != granted_to
        ]
        outcome[claim.event_id] = Taken(taken[0]) if taken else Granted(granted_to)
    return outcome
