"""`feedmill demo`: the whole platform at work on this machine, in a minute or two."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import httpx2
import typer
from rich.rule import Rule
from rich.text import Text

from feedmill.cli import platform_commands
from feedmill.cli.arrivals import clickhouse
from feedmill.cli.demo_answers import QUESTIONS, answer
from feedmill.cli.demo_session import TIMEOUT_S, NotAsPromised, Session, Told, shortened
from feedmill.cli.load import Report
from feedmill.cli.load_commands import DOORS_AWAY, figures, refuse_incomplete, run_town
from feedmill.cli.local import control
from feedmill.cli.operator import Site, site
from feedmill.cli.output import errors_told, fail, out, rows, table
from feedmill.cli.town import Plan

LOAD_TIMEOUT_S: Final = 600.0
FEED_LINES: Final = 12
WHAT_CHARS: Final = 50


def demo(
    users: Annotated[int, typer.Option("--users", min=2, help="People in the town.")] = 1_000,
    events: Annotated[int, typer.Option("--events", min=100, help="Posts, likes, shares, comments, follows.")] = 20_000,
    seed: Annotated[int, typer.Option("--seed", help="Which town.")] = 1,
) -> None:
    """Start everything, put real work through it and show what came out. The platform is left running.

    Ivan, nico and eric use the old activity feed system's calls; then a town of made-up people posts, likes, shares
    and follows. Done when every accepted event was seen in Postgres and in ClickHouse. Can be had again and again.

    Examples:

      feedmill demo

      feedmill demo --users 100 --events 2000
    """
    heading("The platform")
    platform_commands.up(demo_users=True)
    here = site()
    with errors_told(NotAsPromised, *DOORS_AWAY):
        heading("Ivan, nico and eric")
        for told in session(here):
            out.print(line(told), soft_wrap=True)
        heading(f"A town of {users:,} people")
        report = run_town(here, Plan(users, events, seed, datetime.now(UTC)), LOAD_TIMEOUT_S)
        out.print(figures(report))
        refuse_incomplete(report, LOAD_TIMEOUT_S)
        show_feed(here, report)
        show_answers(here)
    heading("Go on from here")
    show_ways_on(here, report)


def heading(text: str) -> None:
    out.print()
    out.print(Rule(f"[bold]{text}[/]", align="left"))


def session(here: Site) -> list[Told]:
    with httpx2.Client(base_url=here.origin, timeout=TIMEOUT_S) as client:
        return list(Session(client).tell())


def line(told: Told) -> Text:
    text = Text(f"{told.call.who:>6}  ", style="cyan")
    text.append(shortened(told.request), style="default")
    text.append(f"\n{'':6}  {told.status} ", style="green" if told.status == 200 else "yellow")
    text.append(shortened(told.answer), style="dim")
    return text


def show_feed(here: Site, report: Report) -> None:
    """The first of the town's people with a full page of news."""
    with httpx2.Client(base_url=here.origin, timeout=TIMEOUT_S, headers={"X-App-Key": here.key()}) as client:
        for person in report.ids.people:
            items = (
                client.get(f"/v1/users/{person}/feed", params={"limit": FEED_LINES}).raise_for_status().json()["items"]
            )
            if len(items) == FEED_LINES or person == report.ids.people[-1]:
                who = client.get(f"/v1/users/{person}").raise_for_status().json()
                heading(f"The home feed of {who['name']} ({who['handle']})")
                out.print(rows(table("when", "who", "did", "what"), [feed_row(item) for item in items]))
                return


def feed_row(item: dict[str, Any]) -> Sequence[str]:
    thing = item["object"] or item["target"] or {}
    what = thing.get("content") or thing.get("handle") or ""
    if isinstance(what, dict):
        what = what.get("caption", "")
    kind = f"{thing.get('type', '')}:{thing.get('id', '')}"
    return (
        item["occurred_at"][:16].replace("T", " "),
        item["actor"]["handle"],
        item["verb"],
        f"{kind}  {shortened(str(what), WHAT_CHARS)}",
    )


def show_answers(here: Site) -> None:
    with closing(clickhouse(here.connections.clickhouse)) as client:
        for question in QUESTIONS:
            heading(question.title)
            out.print(rows(table(*question.columns), answer(client, question)))


def show_ways_on(here: Site, report: Report) -> None:
    state = control.current(here.home)
    if state is None:
        raise fail("the platform is gone: feedmill logs supervisor says why")
    out.print(platform_commands.addresses_text(state), highlight=False)
    feed = f"{here.origin}/feed/friends"
    out.print(f"  Eric's feed, as the old clients read it:  curl -H {shlex.quote('X-App-Key: abc125')} {feed}")
    out.print(f"  The town again, larger:  feedmill load town --users {report.people * 10} --seed 2")
    out.print(
        "\n[bold green]Everything accepted was seen at both ends.[/] The platform goes on running: make down stops it."
    )
