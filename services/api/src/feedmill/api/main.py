"""The composition root of api: settings, parts, app, server."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from feedmill.api.app import app_of
from feedmill.api.facts import Facts
from feedmill.api.first_pages import FirstPages
from feedmill.api.live.hub import Live
from feedmill.api.log_search import KafkaSearch
from feedmill.api.parts import Parts
from feedmill.api.queries.plain_feed import Plain
from feedmill.api.rate import Rate
from feedmill.api.readers import Readers
from feedmill.api.settings import ApiSettings
from feedmill.api.warehouse import FactSearch
from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.runtime import failpoints, logs
from feedmill.runtime.applied import Applied
from feedmill.runtime.auth import KeyRing
from feedmill.runtime.clickhouse import ClickHouse
from feedmill.runtime.health import Health
from feedmill.runtime.http import serve
from feedmill.runtime.kafka import Admin
from feedmill.runtime.postgres import Postgres
from feedmill.runtime.settings import SettingsError

KEPT: Final = (ACTIVITY_ENRICHED,)
"""Enriched topics that Postgres keeps: the positions a read heeds."""

POINT_LOOKUPS: Final = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "enable_material": "off",
    "plan_cache_mode": "force_generic_plan",
}
"""Every question here is a handful of index look-ups: without statistics a planner might hash whole tables for them,
and planning a home feed anew costs as much as reading it (0.60 ms instead of 0.33)."""


def main() -> int:
    """Serve until told to stop; the exit code."""
    try:
        settings = ApiSettings.from_env()
    except SettingsError as error:
        print(f"feedmill-api: {error}", file=sys.stderr)
        return 2
    failpoints.check_build()
    logs.configure(settings.log, service="api")
    health = Health("api", essential=("postgres",))
    return serve(make_app(settings, health), settings.http, health)


def make_app(settings: ApiSettings, health: Health) -> FastAPI:
    """The app with its real parts; they open with its lifespan, so making it connects to nothing."""
    postgres = Postgres(settings.postgres, health, application="feedmill-api", session=POINT_LOOKUPS)
    admin = Admin(settings.kafka)
    applied = Applied(postgres, admin, health, enriched=KEPT, notices=postgres)
    keys = KeyRing(postgres)
    readers = Readers(postgres, every_s=settings.note_readers_ms / 1_000)
    live = Live(postgres, applied, keys, health, settings.live)
    clickhouse = ClickHouse(
        settings.clickhouse,
        application="feedmill-api",
        threads=settings.clickhouse_threads,
        timeout_s=settings.clickhouse_query_s,
    )
    facts = Facts.of(clickhouse, admin, health)
    warehouse = FactSearch(clickhouse, settings.trace.clickhouse_s)
    first_pages = FirstPages.of(settings.cache, applied)
    log = KafkaSearch(settings.kafka, settings.trace, lambda: applied.snapshot.applied)

    @asynccontextmanager
    async def opened(_: FastAPI) -> AsyncIterator[None]:
        async with postgres, applied.watching(), facts.watching(), keys.refreshing(), readers.noting(), live.running():
            yield
        if first_pages is not None:
            await first_pages.close()
        clickhouse.close()
        log.close()

    rate = Rate(settings.rate)
    plain = Plain(postgres, settings.pages)
    parts = Parts(
        settings, postgres, applied, keys, warehouse, log, readers, facts, live, rate, plain, first_pages=first_pages
    )
    return app_of(parts, health, opened)


if __name__ == "__main__":
    raise SystemExit(main())
