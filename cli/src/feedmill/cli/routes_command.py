"""feedmill routes: the route table, made from the two apps' own routes, and held to them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Annotated, Any

import typer

from feedmill.cli.output import AsJson, fail, out, print_json, table
from feedmill.cli.routes import TABLE, Route, dump, load
from feedmill.runtime.health import PATHS, Health

NOWHERE = {
    "FEEDMILL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
    "FEEDMILL_POSTGRES_DSN": "postgresql://127.0.0.1:9/none",
    "FEEDMILL_CLICKHOUSE_URL": "http://127.0.0.1:9/none",
}
"""Addresses nobody answers at: making an app connects to nothing."""

OWN = {*PATHS, "/docs", "/docs/{name}", "/openapi.json"}
"""Each service's own; the origin answers them itself."""


def routes(
    check: Annotated[bool, typer.Option("--check", help="Exit status 1 where the checked-in table differs.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the checked-in table.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show which service answers which method and path; the gateway and nginx both go by this table.

    Examples:

      feedmill routes

      feedmill routes --check     (in CI)

      feedmill routes --write     (after a route was added)
    """
    current = dump(of_the_apps()) if check or write else ""
    if write:
        TABLE.write_text(current)
    elif check and TABLE.read_text() != current:
        raise fail(f"{TABLE.name} is not what the apps answer: feedmill routes --write")
    if as_json:
        print_json([{"method": r.method, "path": r.path, "service": r.service} for r in load()])
        return
    made = table("method", "path", "service")
    for route in load():
        made.add_row(route.method, route.path, route.service)
    out.print(made)


def of_the_apps() -> tuple[Route, ...]:
    """By name: the command imports no service, and runs where none is installed."""
    apps = {"ingest": ingest_app(), "api": api_app()}
    return tuple(sorted({route for service, app in apps.items() for route in routes_of(service, app)}))


def ingest_app() -> Any:
    settings = attribute("feedmill.ingest.settings:IngestSettings").from_env(NOWHERE)
    return attribute("feedmill.ingest.main:app_of")(settings, Health("ingest"))


def api_app() -> Any:
    """Its routes ask their parts only when a request comes; the settings they read at once."""
    settings = attribute("feedmill.api.settings:ApiSettings").from_env(NOWHERE)
    return attribute("feedmill.api.app:app_of")(SimpleNamespace(settings=settings), Health("api"), None)


def routes_of(service: str, app: Any) -> Iterator[Route]:
    from fastapi.routing import iter_route_contexts  # there where a service is

    for found in iter_route_contexts(app.routes):
        if found.path and found.path not in OWN:
            for method in set(found.methods or ()) - {"HEAD", "OPTIONS"}:
                yield Route(found.path.replace(":path}", "}"), method, service)


def attribute(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
