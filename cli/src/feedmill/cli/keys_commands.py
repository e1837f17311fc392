"""feedmill keys create | list | revoke."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import psycopg2
import typer

from feedmill.cli import api_keys
from feedmill.cli.operator import site
from feedmill.cli.output import AsJson, coloured, errors_told, out, print_json, table

app = typer.Typer(help="API keys: made, listed, revoked.", no_args_is_help=True, add_completion=False)

SERVICE_SCOPES = "events:write,feeds:read"


class Unreachable(Exception):
    """Postgres is away; says what to do."""


def dsn() -> str:
    here = site()
    try:
        with api_keys.transaction(here.connections.postgres):
            return here.connections.postgres
    except psycopg2.OperationalError:
        raise Unreachable("Postgres does not answer: feedmill up, or set FEEDMILL_POSTGRES_DSN") from None


@app.command()
def create(
    owner: Annotated[str, typer.Option(help="The handle of the user it acts for.")] = "",
    service: Annotated[str, typer.Option(help="The name of the service it belongs to.")] = "",
    scopes: Annotated[str, typer.Option(help=f"Comma separated: {', '.join(api_keys.SCOPES)}.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a key and show it once; only its hash is kept.

    A user's key acts for and reads its owner. A service's key does what its scopes say (by default events:write and
    feeds:read). With neither it is the operator's own: service `cli`, every scope.

    Examples:

      feedmill keys create --owner ivan

      feedmill keys create --service importer --scopes events:write --json
    """
    asked = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    with errors_told(api_keys.KeyRefused, Unreachable):
        if owner and service:
            raise api_keys.KeyRefused("a key has one owner: give --owner or --service, not both")
        made = made_key(owner, service, asked)
    if as_json:
        print_json(asdict(made))
        return
    out.print(f"[bold]{made.key}[/]", highlight=False)
    out.print(
        f"id {made.id}, owner {made.owner}, scopes {', '.join(made.scopes) or '(its owner only)'}", highlight=False
    )
    out.print("It is not shown again.", style="dim")


def made_key(owner: str, service: str, scopes: list[str]) -> api_keys.NewKey:
    if owner:
        return api_keys.create_for_user(dsn(), owner, scopes)
    if service:
        return api_keys.create_for_service(dsn(), service, scopes or SERVICE_SCOPES.split(","))
    return api_keys.create_for_service(dsn(), api_keys.CLI, scopes or api_keys.SCOPES)


@app.command(name="list")
def list_keys(as_json: AsJson = False) -> None:
    """List all keys, by id; the keys themselves are known to their owners only.

    Examples:

      feedmill keys list

      feedmill keys list --json
    """
    with errors_told(Unreachable):
        found = api_keys.listed(dsn())
    if as_json:
        print_json([{**asdict(key), "state": key.state} for key in found])
        return
    made = table("id", "owner", "scopes", "created", "state")
    for key in found:
        state = "ready" if key.state == "active" else "stopped"
        shown = coloured(state).replace(state, key.state)
        made.add_row(key.id, key.owner, ", ".join(key.scopes), f"{key.created_at:%Y-%m-%d %H:%M}", shown)
    out.print(made)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="As `feedmill keys list` shows it.")]) -> None:
    """Revoke a key; every service refuses it within 5 seconds.

    Examples:

      feedmill keys revoke 6f9c1c7e-2f0e-4f6f-9a51-d1c6a0e3f0aa
    """
    with errors_told(api_keys.KeyRefused, Unreachable):
        owner = api_keys.revoke(dsn(), key_id)
    out.print(f"Revoked a key of {owner}.")
