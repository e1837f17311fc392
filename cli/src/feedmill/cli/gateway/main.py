"""`feedmill-gateway`: the whole process on one screen."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from types import FrameType

import uvicorn
from pydantic import Field

from feedmill.cli import routes
from feedmill.cli.gateway.exchange import Receive, Scope, Send
from feedmill.cli.gateway.proxy import Gateway
from feedmill.cli.gateway.upstream import Upstream
from feedmill.runtime.health import Health
from feedmill.runtime.settings import Settings, SettingsError, service_config

HEARTBEAT_S = 1.0
DRAIN_S = 20


class GatewaySettings(Settings):
    model_config = service_config("gateway")

    host: str = "127.0.0.1"
    port: int = Field(default=5000, ge=1, le=65_535)
    ingest_url: str
    api_url: str


def application(settings: GatewaySettings) -> Gateway:
    health = Health("cli")
    health.service = "gateway"
    upstreams = {"ingest": Upstream("ingest", settings.ingest_url), "api": Upstream("api", settings.api_url)}
    return Gateway(routes.Table.of(routes.load()), upstreams, health)


@contextlib.asynccontextmanager
async def heartbeat(health: Health) -> AsyncIterator[None]:
    """The event loop turns: that is the gateway's progress."""

    async def beat() -> None:
        while True:
            health.progressed()
            await asyncio.sleep(HEARTBEAT_S)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()


class DrainedServer(uvicorn.Server):
    """Ends with 0 once drained: uvicorn's own handler would raise the signal again after the shutdown."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def server(gateway: Gateway, settings: GatewaySettings) -> uvicorn.Server:
    """uvicorn stops listening on SIGTERM and lets requests under way end."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(gateway, receive, send)
        else:
            await gateway(scope, receive, send)

    return DrainedServer(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=DRAIN_S,
        )
    )


async def lifespan(gateway: Gateway, receive: Receive, send: Send) -> None:
    await receive()
    async with heartbeat(gateway.health):
        await send({"type": "lifespan.startup.complete"})
        await receive()
        gateway.health.drain()
    for upstream in gateway.upstreams.values():
        upstream.close()
    await send({"type": "lifespan.shutdown.complete"})


def main() -> int:
    """Exit status 2 where the settings are wrong."""
    try:
        settings = GatewaySettings.from_env()
    except SettingsError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2
    server(application(settings), settings).run()
    return 0
