"""The short way to the hottest routes: before any layer and any routing, which cost more than a look-up takes."""

import os
import re
from collections.abc import Iterable
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, compile_path
from starlette.types import Receive, Scope, Send

from feedmill.runtime.observed import Observed

TRACING: Final = "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ
"""Spans only where they can go: asking for a provider three times a request is a tenth of a small one's cost."""


class App(FastAPI):
    """FastAPI; what `answer_first` names is observed like everything else, but goes by nothing of it unless spans are
    wanted.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._hot: dict[str, list[tuple[re.Pattern[str], APIRoute]]] = {}
        self._short_way = Observed(_answer)

    def answer_first(self, routes: Iterable[BaseRoute], *paths: str) -> None:
        """Requests of these paths go straight to their endpoints.

        An endpoint's one parameter is the Request, its answer a Response; errors are answered as elsewhere. The routes
        stay where they are, for the document, for other methods and for spans.
        """
        for route in routes:
            if isinstance(route, APIRoute) and route.path in paths:
                for method in route.methods or ():
                    self._hot.setdefault(method, []).append((compile_path(route.path)[0], route))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "http" and not TRACING and self._finds(scope):
            scope["app"] = self
            await self._short_way(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def _finds(self, scope: Scope) -> bool:
        """Whether a hot route answers this, which the scope then names."""
        for pattern, route in self._hot.get(scope["method"], ()):
            match = pattern.fullmatch(scope["path"])
            if match is not None:
                scope["route"], scope["path_params"] = route, match.groupdict()
                return True
        return False


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    response = await scope["route"].endpoint(Request(scope, receive, send))
    await response(scope, receive, send)
