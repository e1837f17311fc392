"""up, down, reset."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table

from feedmill.cli.config import CliSettings
from feedmill.cli.local import checks, control, jars
from feedmill.cli.local.services import settings_of
from feedmill.cli.local.state import Phase, Plan, PlatformState, supervised
from feedmill.cli.look_commands import parts_table
from feedmill.cli.operator import site
from feedmill.cli.output import coloured, err, errors_told, fail, out, table


def up(
    demo_users: Annotated[
        bool, typer.Option("--demo-users", help="Add ivan, nico and eric, with keys abc123, abc124 and abc125.")
    ] = False,
) -> None:
    """Start the whole platform on this machine and return when it does its job.

    "Ready" means that one event was seen in Postgres and in ClickHouse.

    Examples:

      feedmill up

      feedmill up --demo-users

      FEEDMILL_PORT=6000 FEEDMILL_HOME=/tmp/second feedmill up     (a second one, side by side)
    """
    asked = CliSettings.from_env()
    began_s = time.monotonic()
    if not supervised(asked.place):
        check_first(asked)
        with errors_told(jars.JavaMissing, jars.JarRefused, control.CannotStart), err.status("getting ready"):
            if "kafka" not in asked.given:
                control.fetch_what_is_missing()
            control.start_supervisor(plan_of(asked, demo_users), asked.place)
        state = watch(asked)
    else:
        state = watch(asked)
        if state.phase is Phase.READY and demo_users:
            add_demo_users(asked)
    if state.phase is not Phase.READY:
        raise fail(f"not ready: {state.message or state.phase}\nWhat each part said: feedmill logs")
    out.print(parts_table(state))
    out.print(f"\n[bold green]Ready[/] in {time.monotonic() - began_s:.1f} s: one event was seen at both ends.")
    out.print(addresses_text(state), highlight=False, soft_wrap=True)


def check_first(asked: CliSettings) -> None:
    try:
        asked.place.make()
    except OSError as error:
        told = (
            f"{asked.place.root} cannot be made or written to ({error.strerror}): set FEEDMILL_HOME to another folder"
        )
        raise fail(told) from None
    control.end_leftovers(asked.place)
    wrong = [check for check in checks.all_checks(asked.place, asked.ports, asked.given) if not check.ok]
    if wrong:
        raise fail("cannot start:\n" + "\n".join(f"- {c.name}: {c.found}. {c.remedy}." for c in wrong))


def plan_of(asked: CliSettings, demo_users: bool) -> Plan:
    return Plan(str(asked.place.root), asked.origin_port, asked.given, settings_of(), demo_users)


def watch(asked: CliSettings) -> PlatformState:
    last: PlatformState | None = None
    with Live(console=err, refresh_per_second=8, transient=True) as live:
        for last in control.states_until_settled(asked.place):
            live.update(progress(last))
    if last is None:
        raise fail("the platform's state cannot be read: feedmill down, then feedmill up")
    return last


def progress(state: PlatformState) -> Table:
    made = table(f"{state.message or state.phase} …", "")
    for part in state.parts:
        if part.state != "stopped":
            made.add_row(part.name, coloured(part.state))
    return made


def add_demo_users(asked: CliSettings) -> None:
    from feedmill.cli.local import prove

    here = site(asked)
    with errors_told(prove.NotProven, OSError):
        prove.demo_users(prove.Door(here.origin, here.key()), here.connections.postgres)


def addresses_text(state: PlatformState) -> str:
    origin = f"http://127.0.0.1:{state.origin}"
    return (
        f"  API and its documentation  {origin}/docs\n"
        f"  Postgres                   {state.connections['postgres']}\n"
        f"  ClickHouse                 {state.connections['clickhouse']}\n"
        f"  Kafka                      {state.connections['kafka']}\n"
        "  feedmill status | logs | trace EVENT_ID | down"
    )


def down() -> None:
    """Drain the services, then stop the stores. Nothing that was acknowledged is lost; data stays.

    Examples:

      feedmill down
    """
    place = CliSettings.from_env().place
    with err.status("draining"):
        ran = control.stop_supervisor(place, lambda _: None)
    if supervised(place):
        raise fail(f"still draining after {control.DOWN_TIMEOUT_S:.0f} s: see feedmill logs supervisor")
    out.print("Stopped." if ran else "Nothing was running.")


def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove all data, logs and state of this home. The platform must be down.

    Examples:

      feedmill down && feedmill reset --yes
    """
    place = CliSettings.from_env().place
    if supervised(place):
        raise fail("the platform runs: feedmill down, then feedmill reset")
    control.end_leftovers(place)
    if not yes and not typer.confirm(f"Remove everything Feedmill keeps in {place.root}?"):
        raise typer.Exit(1)
    removed = control.remove_everything(place)
    out.print("Removed " + ", ".join(removed) if removed else "Nothing to remove.")
