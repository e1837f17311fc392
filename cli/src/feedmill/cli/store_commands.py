"""migrate, digest, rebuild, restored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import psycopg2
import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from feedmill.cli import digest as digests
from feedmill.cli import migrate as migrations
from feedmill.cli import rebuild as rebuilding
from feedmill.cli.feeds_commands import rebuild_feeds
from feedmill.cli.local.hold import NotHeld, hold, release
from feedmill.cli.local.layout import Home
from feedmill.cli.local.state import supervised
from feedmill.cli.migration_files import BadMigration
from feedmill.cli.operator import Site, site
from feedmill.cli.output import err, errors_told, out, print_json, rows, table
from feedmill.runtime.outcome import Transient
from feedmill.runtime.settings import SettingsError

AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines instead of a table.")]

_AWAY = (psycopg2.OperationalError, ClickHouseError, Transient)


class Rebuilt(StrEnum):
    """What is rebuilt."""

    ALL = "all"
    FEEDS = "feeds"


def _site() -> Site:
    with errors_told(SettingsError):
        return site()


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit status 1 if something is pending.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Change nothing; show every migration.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring Postgres and ClickHouse to the schema of this version. Repeatable; `up` does it by itself.

    Examples:

      feedmill migrate

      feedmill migrate --status

      feedmill migrate --check    (in a pipeline: fails while something is pending)
    """
    connections = _site().connections
    with errors_told(migrations.SchemaError, BadMigration, *_AWAY):
        act = migrations.status if check or status else migrations.run
        standings = act(connections.postgres, connections.clickhouse)
    if check:
        standings = [s for s in standings if s.state == "pending"]
    if as_json:
        print_json([_document(standing) for standing in standings])
    elif standings:
        shown = table("store", "migration", "state", "purpose")
        done = "applied now" if not (check or status) else None
        out.print(rows(shown, [(s.store, s.migration.label, done or s.state, s.migration.purpose) for s in standings]))
    else:
        out.print("Nothing to do: both stores have this version's schema.")
    if check and standings:
        raise typer.Exit(1)


def _document(standing: migrations.Standing) -> dict[str, Any]:
    migration = standing.migration
    return {"store": standing.store, "version": migration.version, "name": migration.name, "state": standing.state}


def digest(as_json: AsJson = False) -> None:
    """Fingerprint what both stores derive from the log. Equal digests, equal state. Let everything settle first.

    Examples:

      feedmill digest

      feedmill digest --json | jq -r .all
    """
    connections = _site().connections
    with errors_told(*_AWAY):
        found = digests.digest(connections.postgres, connections.clickhouse)
    if as_json:
        print_json(found)
        return
    shown = table("store", "table", "sha256")
    for store in ("postgres", "clickhouse"):
        of_store = found[store]
        assert isinstance(of_store, dict)
        rows(shown, [(store, name, sha) for name, sha in of_store.items()])
    shown.add_row("[bold]all[/]", "", f"[bold]{found['all']}[/]")
    out.print(shown)


def rebuild(
    what: Annotated[Rebuilt, typer.Argument(help="Both stores, or home feeds alone.")] = Rebuilt.ALL,
    user: Annotated[list[int] | None, typer.Option("--user", help="With `feeds`: only this reader; again.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    timeout_s: Annotated[float, typer.Option("--timeout-s", help="Give up waiting after this.")] = 3_600.0,
) -> None:
    """Empty both stores and fill them again from the log; keys, ids and reservations stay. Or: feeds, live.

    The sinks of a platform on this machine are stopped and started by it. Elsewhere stop them first (they must have
    left their groups), and start them when told.

    Examples:

      feedmill rebuild --yes

      feedmill rebuild feeds --user 1    (no downtime: pulled until pushed anew)
    """
    if what is Rebuilt.FEEDS:
        return rebuild_feeds(user, timeout_s)
    if user:
        raise typer.BadParameter("goes with `rebuild feeds`; without it both stores are emptied.", param_hint="--user")
    here = _site()
    if not yes and not typer.confirm("Empty Postgres' and ClickHouse's state and rebuild it from the log?"):
        raise typer.Exit(1)
    sinks = LocalSinks(here.home) if supervised(here.home) else OperatorsSinks()
    with errors_told(rebuilding.RebuildFailed, NotHeld, *_AWAY), _bars() as look:
        rebuilding.rebuild(here.connections, sinks, look, timeout_s)
    out.print("[bold green]Rebuilt[/]: both stores are at the end of the log.")


def restored(
    timeout_s: Annotated[float, typer.Option("--timeout-s", help="Give up waiting after this.")] = 3_600.0,
) -> None:
    """After Postgres came back from a backup: wait until the log is applied again, then let new ids be handed out.

    The sinks go on by themselves from the positions that came back with the backup. Start ingest anew before this: it
    holds ids of the time after the backup. Until the end, what is judged against Postgres answers 503.

    Examples:

      feedmill restored
    """
    here = _site()
    with errors_told(rebuilding.RebuildFailed, *_AWAY), _bars() as look:
        rebuilding.catch_up(here.connections, look, timeout_s)
    out.print("[bold green]Restored[/]: Postgres is at the end of the log again.")


class LocalSinks:
    """Those of the platform that this home's supervisor keeps."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def stop(self) -> None:
        hold(self._home, rebuilding.GROUPS)

    def start(self) -> None:
        release(self._home)


class OperatorsSinks:
    """Those that somebody else runs: their leaving the groups is waited for, their start as well."""

    def stop(self) -> None:
        """Nothing: `forget_groups` finds out."""

    def start(self) -> None:
        err.print("Both stores are empty: start both feed-writers now.")


@contextmanager
def _bars() -> Iterator[Callable[[rebuilding.Progress], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as shown:
        postgres, clickhouse = shown.add_task("Postgres", total=None), shown.add_task("ClickHouse", total=None)

        def look(at: rebuilding.Progress) -> None:
            shown.update(postgres, total=at.postgres_total, completed=at.postgres)
            shown.update(clickhouse, total=at.clickhouse_total, completed=at.clickhouse)

        yield look


def register(app: typer.Typer) -> None:
    for command in (migrate, digest, rebuild, restored):
        app.command()(command)
