"""load town."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import httpx2
import psycopg2
import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from feedmill.cli.latency import Latency
from feedmill.cli.load import Moved, Report, Target, load_town
from feedmill.cli.operator import Site, site
from feedmill.cli.output import err, errors_told, fail, out, print_json, table
from feedmill.cli.sender import NotTaken
from feedmill.cli.town import Plan
from feedmill.runtime.settings import SettingsError

app = typer.Typer(help="Send made-up events through the doors.", no_args_is_help=True)

DOORS_AWAY = (NotTaken, httpx2.TransportError, psycopg2.OperationalError, ClickHouseError)


@app.callback()
def load() -> None:
    """Send made-up events through the doors, and measure."""


@app.command()
def town(
    users: Annotated[int, typer.Option("--users", min=1, max=1_000_000, help="People; they are created.")] = 1_000,
    events: Annotated[int, typer.Option("--events", min=1, help="Posts, likes, shares, comments, follows.")] = 20_000,
    seed: Annotated[int, typer.Option("--seed", help="Same size and seed: same town, same events, sent again.")] = 1,
    timeout_s: Annotated[float, typer.Option("--timeout-s", help="Give up after this.")] = 3_600.0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for machines instead of a table.")] = False,
) -> None:
    """Fill a running platform with a town of made-up people, and measure while it lasts.

    Done when every accepted event was seen in Postgres and in ClickHouse. A few people have most of the followers and
    do most of the posting. Sending the same town again changes nothing: its events are the same events.

    Examples:

      feedmill load town

      feedmill load town --users 10000 --events 1000000 --seed 7
    """
    with errors_told(SettingsError, *DOORS_AWAY):
        report = run_town(site(), Plan(users, events, seed, datetime.now(UTC)), timeout_s)
    if as_json:
        print_json(report.document())
    else:
        out.print(figures(report))
    refuse_incomplete(report, timeout_s)


def run_town(here: Site, plan: Plan, timeout_s: float) -> Report:
    """With progress bars. Raises what `DOORS_AWAY` names."""
    target = Target(here.origin, here.key(), here.connections)
    with errors_in_groups_told(), bars(plan) as moved:
        return asyncio.run(load_town(target, plan, moved, timeout_s))


@contextmanager
def errors_in_groups_told() -> Iterator[None]:
    """Tasks fail in groups: the first cause is what people should read."""
    try:
        yield
    except* DOORS_AWAY as group:
        raise first_of(group) from None


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def refuse_incomplete(report: Report, timeout_s: float) -> None:
    for end, missing in report.missing.items():
        if missing:
            raise fail(
                f"{len(missing)} accepted events were not seen in {end} within {timeout_s:.0f} s: "
                f"feedmill trace {missing[0]}"
            )


@contextmanager
def bars(plan: Plan) -> Iterator[Moved]:
    columns = (TextColumn("{task.description:>24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as shown:
        tasks = {
            "people": shown.add_task("people, and two watchers", total=plan.users + 2),
            "accepted": shown.add_task("accepted by the door", total=plan.events),
            "Postgres": shown.add_task("seen in Postgres", total=plan.events),
            "ClickHouse": shown.add_task("seen in ClickHouse", total=plan.events),
        }
        yield lambda name, count: shown.advance(tasks[name], count)


def figures(report: Report) -> Table:
    made = table("", "")
    made.add_row("people", f"{report.people:,}")
    verbs = ", ".join(f"{count:,} {verb}" for verb, count in report.accepted.most_common())
    made.add_row("events", f"{report.events:,}  ({verbs})")
    made.add_row("accepted by the door", f"{report.accepted_per_s:,.0f} events/s")
    made.add_row("seen at both ends", f"{report.seen_per_s:,.0f} events/s, all {report.events:,} of them")
    made.add_row("POST to feed", latency_text(report.to_feed))
    made.add_row("POST to warehouse", latency_text(report.to_warehouse))
    return made


def latency_text(latency: Latency) -> str:
    return f"p50 {latency.p50_ms:,.0f} ms, p99 {latency.p99_ms:,.0f} ms  ({latency.count:,} probes under this load)"
