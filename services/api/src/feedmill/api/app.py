"""The app: every route, and nothing that connects."""

from typing import Final

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


HOT: Final = ("/v1/users/{user_id}/feed", "/user_content/", "/v1/users/{user_id}/interests")
"""What is asked for most."""


def app_of(parts: Parts, health: Health, lifespan: Lifespan) -> FastAPI:
    """All of api's routes over these parts."""
    app = create_app("api", description=DESCRIPTION, health=health, lifespan=lifespan)
    modules = (
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
    )
    groups = [module.router(parts) for module in modules]
    for group in groups:
        app.include_router(group)
    app.answer_first([route for group in groups for route in group.routes], *HOT)
    openapi.complete(app)
    return app
