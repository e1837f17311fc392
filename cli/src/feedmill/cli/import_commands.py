"""feedmill import readings | content."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import psycopg2
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from feedmill.cli.history import Report, Run, Source, bring_in
from feedmill.cli.operator import site
from feedmill.cli.output import AsJson, err, errors_told, escape, out, print_json
from feedmill.cli.topics_commands import KafkaAway, admin
from feedmill.contracts.history import CONTENT, DATASET_MAX_CHARS, READINGS, BadHistory, History
from feedmill.runtime.kafka import Producer
from feedmill.runtime.outcome import Fatal, Transient
from feedmill.runtime.settings import KafkaSettings

app = typer.Typer(help="History out of CSV files, through the log.", no_args_is_help=True, add_completion=False)

File = Annotated[
    Path, typer.Argument(help="CSV, gzipped or not; columns by header.", exists=True, dir_okay=False, readable=True)
]
Dataset = Annotated[
    str, typer.Option(help="Names the file's events for ever; by default the SHA-256 of its unpacked bytes.")
]
UNREADABLE = (OSError, EOFError, zlib.error)
"""What a file, or its packing, may raise."""
Again = Annotated[bool, typer.Option("--again", help="Send every row once more: the same events, nothing changes.")]


@app.command()
def readings(file: File, dataset: Dataset = "", again: Again = False, as_json: AsJson = False) -> None:
    """Import readings: user_id, content_id, read_percent, updated_at.

    Bad rows go to FILE.rejects.csv with line and reason. Interrupted, it goes on where it was.

    Examples:

      feedmill import readings history.csv.gz

      feedmill import readings 2025.csv --dataset readings-2025 --json
    """
    _import(READINGS, file, dataset, again=again, as_json=as_json)


@app.command()
def content(file: File, dataset: Dataset = "", again: Again = False, as_json: AsJson = False) -> None:
    """Import contents' categories: content_id, category_name; a row for each category of a content.

    Examples:

      feedmill import content categories.csv
    """
    _import(CONTENT, file, dataset, again=again, as_json=as_json)


def _import(history: History, file: Path, dataset: str, *, again: bool, as_json: bool) -> None:
    if len(dataset) > DATASET_MAX_CHARS or not (dataset or "x").isprintable():
        raise typer.BadParameter(f"--dataset must be a printable text of at most {DATASET_MAX_CHARS} characters")
    connections = site().connections
    with errors_told(KafkaAway, Transient, Fatal, BadHistory, psycopg2.Error, *UNREADABLE):
        admin()
        kafka = KafkaSettings(bootstrap_servers=connections.kafka)
        run = Run(connections.postgres, history.name, dataset)
        with closing(Producer(kafka, gapless=False)) as log, _bar(file) as at:
            report = bring_in(history, Source(file), run, log, at, again=again)
    if as_json:
        print_json(asdict(report))
        return
    _tell(report)


def _tell(report: Report) -> None:
    meant = "as it was named" if report.dataset_is == "name" else "the SHA-256 of the unpacked bytes"
    out.print(f"dataset [bold]{escape(report.dataset)}[/], {meant}", soft_wrap=True)
    if report.other_bytes:
        out.print("The name stood for another file before: a line that both have counts as it was said first.")
    if report.already_done:
        out.print(f"already imported: {report.rows:,} rows, {report.rejected:,} rejected; nothing sent (--again does)")
    else:
        resumed = f", resumed behind line {report.resumed_from:,}" if report.resumed_from else ""
        out.print(f"{report.rows:,} {report.kind} in the log, {report.rejected:,} rejected{resumed}")
    if report.reject_file:
        out.print(f"rejected rows, by line and reason: {escape(report.reject_file)}", soft_wrap=True)


@contextmanager
def _bar(file: Path) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=True) as shown:
        task = shown.add_task(file.name, total=file.stat().st_size)
        yield lambda position: shown.update(task, completed=position)
