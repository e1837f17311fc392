"""What every HTTP service needs around its routes: the app, the operators' paths, and a server that drains.

app = create_app("api", description="…", health=health, lifespan=opened)
app.include_router(...)
return serve(app, settings.http, health)
"""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from feedmill.runtime import docs_page, logs
from feedmill.runtime.applied import NotYetApplied
from feedmill.runtime.auth import KeyMissing, KeyNotValid
from feedmill.runtime.background import background
from feedmill.runtime.health import PATHS, Health
from feedmill.runtime.memory_policy import apply_memory_policy
from feedmill.runtime.observed import Observed
from feedmill.runtime.outcome import Transient
from feedmill.runtime.position import HEADER, BadPosition, Positions
from feedmill.runtime.problem import Problem, answer_with_problem
from feedmill.runtime.settings import Section
from feedmill.runtime.short_way import TRACING, App
from feedmill.runtime.whole_answers import WholeAnswers

log = logs.get("feedmill.http")

DEFAULT_WAIT_S: Final = 5.0
MAX_WAIT_S: Final = 30.0
HEARTBEAT_S: Final = 1.0
_WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,6})(?:\.\d*)?\"?\s*(?=[,;]|$)", re.IGNORECASE | re.ASCII)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class HttpSettings(Section):
    """How a service listens and stops."""

    host: str = "127.0.0.1"  # a container says 0.0.0.0
    port: int = Field(ge=0, le=65_535)
    access_log: bool = False
    drain_delay_s: float = Field(default=0.0, ge=0)  # between "not ready" and closing the door: a balancer's reaction
    drain_timeout_s: float = Field(default=10.0, ge=0)  # what requests under way may still take
    keep_alive_s: int = Field(default=75, ge=1)  # longer than the gateway keeps an idle connection
    backlog: int = Field(default=2_048, ge=1)


def create_app(service: str, *, description: str, health: Health, lifespan: Lifespan) -> App:
    """A FastAPI app with our errors, the operators' paths and a heartbeat. Wrapped by `serve()`, not here."""

    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        async with background(health, _heartbeat(health)), lifespan(app):
            yield

    app = App(
        title=f"Feedmill {service}",
        description=description,
        version=health.version,
        lifespan=opened,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": TRACING, "metrics": False, "logs": False},
    )
    expected = (Problem, RequestValidationError, HTTPException, KeyMissing, KeyNotValid, BadPosition, NotYetApplied)
    for error in (*expected, Transient):
        app.add_exception_handler(error, answer_with_problem)
    app.include_router(_operators(health))
    app.include_router(_documentation(service))
    app.add_middleware(Observed)
    return app


async def _heartbeat(health: Health) -> None:
    while True:
        health.progressed()
        await asyncio.sleep(HEARTBEAT_S)


def _operators(health: Health) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    async def operators_path(request: Request) -> Response:
        answer = health.answer(request.url.path, request.url.query)
        assert answer is not None
        status, content_type, body = answer
        return Response(body, status, {"Cache-Control": "no-store"}, content_type)

    for path in PATHS:
        router.add_api_route(path, operators_path, methods=["GET"])
    return router


def _documentation(service: str) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get(docs_page.PATH)
    async def docs() -> Response:
        return Response(docs_page.html(f"Feedmill {service}"), media_type="text/html; charset=utf-8")

    @router.get(docs_page.PATH + "/{name}")
    async def asset(name: str) -> Response:
        found = docs_page.asset(name)
        if found is None:
            raise HTTPException(404)
        media_type, path = found
        return FileResponse(path, media_type=media_type, headers={"Cache-Control": "public, max-age=86400"})

    return router


def headers_of(request: Request) -> dict[str, str]:
    """By name in lower case, the first of each: a plain dictionary, for who looks up many."""
    return {str(name, "latin-1"): str(value, "latin-1") for name, value in reversed(request.scope["headers"])}


def positions_in(request: Request) -> Positions:
    """What `Feedmill-Position` asks for; most requests carry none. Raises BadPosition."""
    values = request.headers.getlist(HEADER)
    return Positions.parse(values) if values else Positions()


def wait_s_in(request: Request) -> float | None:
    """The seconds of `Prefer: wait=N`, at most 30; None where the client says nothing. A preference never fails."""
    return wait_s_of(request.headers.get("prefer"))


def wait_s_of(prefer: str | None) -> float | None:
    """`wait_s_in` of the header's value."""
    match = _WAIT.search(prefer) if prefer else None
    return min(float(match[1]), MAX_WAIT_S) if match else None


def serve(app: FastAPI, settings: HttpSettings, health: Health) -> int:
    """Serve until SIGTERM or SIGINT; the exit code.

    On the signal readiness fails first, after `drain_delay_s` the door closes, requests under way are answered within
    `drain_timeout_s`, then what the lifespan opened is closed: 0. A second signal ends at once.
    """
    app.state.access_log = settings.access_log
    server = DrainingServer(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=WholeAnswers,
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=settings.backlog,
            timeout_keep_alive=settings.keep_alive_s,
            timeout_graceful_shutdown=int(settings.drain_timeout_s),
        ),
        health,
        settings.drain_delay_s,
    )
    server.run()
    return 0 if server.started and not health.broken else 1


class DrainingServer(uvicorn.Server):
    """uvicorn, but a signal lets readiness fail first, and the process ends with 0 instead of by the signal."""

    def __init__(self, config: uvicorn.Config, health: Health, drain_delay_s: float) -> None:
        super().__init__(config)
        self._health = health
        self._drain_delay_s = drain_delay_s
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: Any = None) -> None:
        """Bind and open; what was made until now lives as long as the process."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        apply_memory_policy()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The signal handler; uvicorn's own would raise the signal again after the shutdown."""
        if self.should_exit or self._loop is None:
            self.force_exit = sig == signal.SIGINT or self.force_exit
            self.should_exit = True
            return
        self._loop.call_soon_threadsafe(self._begin_to_drain)

    def _begin_to_drain(self) -> None:
        assert self._loop is not None
        log.info("draining", delay_s=self._drain_delay_s)
        self._health.drain()
        self._loop.call_later(self._drain_delay_s, self._close_the_door)

    def _close_the_door(self) -> None:
        self.should_exit = True
