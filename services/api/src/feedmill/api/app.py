"""The app: every route, and nothing that connects."""

from fastapi import FastAPI

from feedmill.api import openapi
from feedmill.api.parts import Parts
from feedmill.api.routes import (
    analytics,
    analytics_page,
    events,
    family_a,
    feeds,
    interests,
    live,
    notifications,
    objects,
    sagas,
    users,
    why,
)
from feedmill.runtime.health import Health
from feedmill.runtime.http import Lifespan, create_app

DESCRIPTION = """Reads of Feedmill: home and author feeds, profiles, traces, and family A's pages.

Every answer says by `Feedmill-Complete-Through` how fresh it is; send a write's `Feedmill-Position` to read it back."""


def app_of(parts: Parts, health: Health, lifespan: Lifespan) -> FastAPI:
    """All of api's routes over these parts."""
    app = create_app("api", description=DESCRIPTION, health=health, lifespan=lifespan)
    for group in (
        analytics,
        analytics_page,
        feeds,
        live,
        why,
        notifications,
        objects,
        users,
        events,
        family_a,
        interests,
        sagas,
    ):
        app.include_router(group.router(parts))
    openapi.complete(app)
    return app
