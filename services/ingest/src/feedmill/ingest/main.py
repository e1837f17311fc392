"""Composition root: `feedmill-ingest`."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from feedmill.ingest import articles, erasing, events, family_a, imports, openapi, reads, users
from feedmill.ingest.house import House, opened
from feedmill.ingest.settings import IngestSettings
from feedmill.runtime import failpoints, logs
from feedmill.runtime.health import Health
from feedmill.runtime.http import create_app, serve
from feedmill.runtime.memory_policy import apply_memory_policy
from feedmill.runtime.settings import SettingsError

DESCRIPTION = """The door: what changes something is judged here, named, and kept in the log before the answer says so.

Send a key as `X-App-Key` or `Authorization: Bearer`. Every answer carries `Feedmill-Position`: hand it to a read, and
the read has what you wrote."""


Opener = Callable[[IngestSettings, Health], AbstractAsyncContextManager[House]]


def app_of(settings: IngestSettings, health: Health, open_house: Opener = opened) -> FastAPI:
    """Nothing connects before the app starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_house(settings, health) as house:
            app.state.house = house
            yield

    app = create_app("ingest", description=DESCRIPTION, health=health, lifespan=lifespan)
    hottest_last = (erasing, reads, imports, articles, users, family_a, events)
    for routes in (module.router for module in hottest_last):
        app.include_router(routes)
        # Routes are tried in their order: the hottest stands before all others, and before the operators' paths.
        app.router.routes.insert(0, app.router.routes.pop())
    app.answer_first(events.router.routes, "/v1/events")
    openapi.complete(app)
    return app


def main() -> int:
    try:
        settings = IngestSettings.from_env()
    except SettingsError as error:
        print(f"feedmill-ingest: {error}", file=sys.stderr)
        return 2
    failpoints.check_build()
    logs.configure(settings.log, service="ingest")
    health = Health("ingest", essential=("kafka",))
    apply_memory_policy()
    return serve(app_of(settings, health), settings.http, health)
