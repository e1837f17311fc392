"""How the command speaks: tables for people on stdout, JSON for machines, errors with the next step on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.table import Table

PIPED_COLUMNS = 160
"""Into a file or a pipe nothing is wrapped at 80 columns; COLUMNS still decides where it is set."""


def console(stream: IO[str], *, stderr: bool = False) -> Console:
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_COLUMNS
    return Console(stderr=stderr, width=width)


out = console(sys.stdout)
err = console(sys.stderr, stderr=True)


AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines instead of a table.")]


def print_json(document: object) -> None:
    """Plain JSON, one document; nothing else goes to stdout with it."""
    print(json.dumps(document, indent=2, default=str))


def fail(message: str, code: int = 1) -> typer.Exit:
    """`raise fail("what is wrong: what to do")`."""
    err.print(f"[bold red]feedmill:[/] {escape(message)}", highlight=False, soft_wrap=True)
    return typer.Exit(code)


def escape(text: str) -> str:
    return text.replace("[", "\\[")


def table(*columns: str) -> Table:
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


STATE_COLOURS = {"ready": "green", "starting": "yellow", "degraded": "yellow", "failed": "red", "stopped": "dim"}


def coloured(state: str) -> str:
    return f"[{STATE_COLOURS.get(state, 'white')}]{state}[/]"


NOBODY_THERE = ("Connection refused", "timeout expired", "could not translate host name", "Name or service not known")
NEXT_STEPS = {
    "psycopg2": "Postgres does not answer: feedmill up, or set FEEDMILL_POSTGRES_DSN",
    "clickhouse_connect": "ClickHouse does not answer: feedmill up, or set FEEDMILL_CLICKHOUSE_URL",
}
"""The library whose error it is -> what to do where nobody listens. By name: not every command loads them."""


def told(error: Exception) -> str:
    """What it says, or the next step where a store's client says no more than that nobody answered."""
    said = str(error).strip()
    next_step = NEXT_STEPS.get(type(error).__module__.partition(".")[0])
    return next_step if next_step and any(sign in said for sign in NOBODY_THERE) else said


@contextmanager
def errors_told(*kinds: type[Exception]) -> Iterator[None]:
    """These exceptions say what to do themselves, or `told` does: shown without a traceback."""
    try:
        yield
    except kinds as error:
        raise fail(told(error)) from None


def rows(into: Table, values: Sequence[Sequence[object]]) -> Table:
    for value in values:
        into.add_row(*(str(v) for v in value))
    return into
