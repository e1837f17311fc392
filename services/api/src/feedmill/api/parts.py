"""What the routes work with, made once by `main` (or by a test)."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from feedmill.api.facts import Facts
from feedmill.api.first_pages import FirstPages
from feedmill.api.live.hub import Live
from feedmill.api.queries.plain_feed import Plain
from feedmill.api.rate import Rate
from feedmill.api.readers import Readers
from feedmill.api.settings import ApiSettings
from feedmill.api.wire import Hop, Trace
from feedmill.runtime.applied import Applied
from feedmill.runtime.auth import KeyRing
from feedmill.runtime.postgres import Postgres


class Warehouse(Protocol):
    """ClickHouse, asked for one event."""

    async def hop(self, event_id: UUID, *, verb: str | None, actor_id: int | None) -> Hop | None:
        """When and from where the fact came; None where there is none. Raises Transient."""

    async def bare(self, event_id: UUID) -> Trace | None:
        """The trace of an event that only ClickHouse keeps; None where it has none. Raises Transient."""


class LogSearch(Protocol):
    """The log, searched for one event that is not applied."""

    async def find(self, event_id: UUID) -> Trace:
        """`pending`, `dead-lettered` or `unknown`, with the hops found. Raises Transient."""


@dataclass(frozen=True, slots=True)
class Parts:
    settings: ApiSettings
    postgres: Postgres
    applied: Applied
    keys: KeyRing
    warehouse: Warehouse
    log: LogSearch
    readers: Readers
    facts: Facts
    live: Live
    rate: Rate
    plain: Plain
    first_pages: FirstPages | None = None
    """None: every page is read when it is asked for."""
