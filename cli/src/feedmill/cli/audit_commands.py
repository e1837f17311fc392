"""feedmill audit [ledger | feeds]."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import psycopg2
import typer
from clickhouse_connect.driver.exceptions import ClickHouseError

from feedmill.cli.feeds_commands import audit_feeds
from feedmill.cli.ledger import Ledger, Memory, audit
from feedmill.cli.ledger_stores import Bounds, ClickHouseStore, PostgresStore, Store, connected
from feedmill.cli.local.services import Connections
from feedmill.cli.migrate import clickhouse_client
from feedmill.cli.operator import site
from feedmill.cli.output import AsJson, errors_told, out, print_json, table
from feedmill.cli.topics_commands import KafkaAway, admin
from feedmill.contracts.topics import RAW
from feedmill.runtime import metrics
from feedmill.runtime.health import Health, SidePort
from feedmill.runtime.kafka import LogReader
from feedmill.runtime.outcome import Fatal, TopicPartition, Transient
from feedmill.runtime.settings import KafkaSettings
from feedmill.runtime.signals import stop_on_signals

app = typer.Typer(add_completion=False, help="Compare what is kept with what the log says; without a name: ledger.")
app.command("feeds")(audit_feeds)

_AWAY = (KafkaAway, Transient, Fatal, psycopg2.Error, ClickHouseError, OSError)
SHOWN = 20


Since = Annotated[datetime | None, typer.Option(help="Only what the log took from then on (UTC).")]
Until = Annotated[datetime | None, typer.Option(help="Only what the log took before (UTC).")]
Last = Annotated[
    float | None, typer.Option("--last-hours", min=0, help="Only what the log took in so many hours before each audit.")
]
Every = Annotated[float | None, typer.Option(min=1, help="Again and again, seconds apart; told as metrics.")]
Port = Annotated[int, typer.Option(help="With --every: where /metrics is; 0: nowhere.")]
Host = Annotated[str, typer.Option(help="With --every: the address /metrics is bound to.")]
PORT: Final = 9_108
HOST: Final = "127.0.0.1"
STALLED_AFTER_S: Final = 300.0
"""A store's fingerprints are one question, and the answer takes as long as the range is wide."""


@app.callback(invoke_without_command=True)
def group(
    context: typer.Context,
    since: Since = None,
    until: Until = None,
    last_hours: Last = None,
    every: Every = None,
    port: Port = PORT,
    host: Host = HOST,
    as_json: AsJson = False,
) -> None:
    """Compare what is kept with what the log says; without a name: ledger.

    Examples:

      feedmill audit

      feedmill audit --since 2026-11-01 --until 2026-12-01 --json
    """
    if context.invoked_subcommand is None:
        ledger(since, until, last_hours, every, port, host, as_json)
    elif (since, until, last_hours, every, port, host, as_json) != (None, None, None, None, PORT, HOST, False):
        raise typer.BadParameter(f"options belong behind the name: feedmill audit {context.invoked_subcommand} ...")


@app.command()
def ledger(
    since: Since = None,
    until: Until = None,
    last_hours: Last = None,
    every: Every = None,
    port: Port = PORT,
    host: Host = HOST,
    as_json: AsJson = False,
) -> None:
    """Accepted (the log) = applied (Postgres) = facts (ClickHouse), dead letters apart: every event by its id.

    What a store has not come to yet is not judged. Exit status 1 where ids differ.

    Examples:

      feedmill audit ledger --since 2026-11-01 --until 2026-12-01 --json

      feedmill audit ledger --every 60 --last-hours 24 --port 9108
    """
    if last_hours is not None and (since or until):
        raise typer.BadParameter("--last-hours stands for --since and --until")
    connections = site().connections
    span = Span(since, until, last_hours)
    if every is not None:
        health = Health("audit", stalled_after_s=STALLED_AFTER_S)
        with SidePort(health, host, port) if port else nullcontext():
            _keep_auditing(connections, every, health, span)
        return
    with errors_told(*_AWAY):
        admin()
        found = once(connections, *span.now)
    _tell(found, as_json=as_json)
    if found.different:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Span:
    """What is judged: between two moments, or of so many hours up to each audit."""

    since: datetime | None
    until: datetime | None
    last_hours: float | None

    @property
    def now(self) -> tuple[datetime | None, datetime | None]:
        """Since and until, of an audit that begins now."""
        if self.last_hours is None:
            return self.since, self.until
        return datetime.now(UTC) - timedelta(hours=self.last_hours), None


def once(
    connections: Connections,
    since: datetime | None = None,
    until: datetime | None = None,
    memory: Memory | None = None,
    moved_on: Callable[[], None] = lambda: None,
) -> Ledger:
    """Judge that time."""
    kafka = KafkaSettings(bootstrap_servers=connections.kafka)
    with connected(connections.postgres) as postgres, closing(clickhouse_client(connections.clickhouse)) as clickhouse:
        stores: list[Store] = [PostgresStore(postgres), ClickHouseStore(clickhouse)]
        return audit(kafka, stores, bounds(kafka, since, until), memory, moved_on)


def bounds(kafka: KafkaSettings, since: datetime | None, until: datetime | None) -> Bounds:
    """Of every raw partition."""
    partitions = [TopicPartition(topic.name, number) for topic in RAW for number in range(topic.partitions)]
    with LogReader(kafka) as reader:
        kept = {partition: reader.ends(partition) for partition in partitions}
        lows = reader.offsets_at(partitions, _ms(since)) if since else {}
        highs = reader.offsets_at(partitions, _ms(until)) if until else {}
    return {
        partition: (max(low, lows.get(partition, 0)), highs.get(partition, high))
        for partition, (low, high) in kept.items()
    }


def _ms(moment: datetime) -> int:
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)


def _keep_auditing(connections: Connections, every_s: float, health: Health, span: Span) -> None:
    """Until SIGTERM or SIGINT. A store or the log away is told and waited for."""
    stop, memory = stop_on_signals(), Memory()
    while not stop.is_set():
        _turn(connections, span, memory, health)
        _wait(stop, every_s, health)


def _turn(connections: Connections, span: Span, memory: Memory, health: Health) -> None:
    try:
        found = once(connections, *span.now, memory, health.progressed)
    except _AWAY as error:
        health.report("stores", up=False, detail=type(error).__name__)
        out.print(f"{datetime.now(UTC):%H:%M:%S} cannot be asked now: {type(error).__name__}")
        return
    health.report("stores", up=True)
    export(found)
    events = sum(line.records - line.repeats - line.dead for line in found.lines.values())
    out.print(f"{datetime.now(UTC):%H:%M:%S} {events:,} events, {found.different} differences")
    _name(found)


def _wait(stop: threading.Event, seconds: float, health: Health) -> None:
    health.progressed()
    ends_s = time.monotonic() + seconds
    while not stop.wait(min(1.0, max(0.0, ends_s - time.monotonic()))) and time.monotonic() < ends_s:
        health.progressed()


def export(found: Ledger) -> None:
    """As metrics: 0 is what must be."""
    for topic in RAW:
        lines = [line for line in found.lines.values() if line.topic == topic.name]
        metrics.AUDIT_DIFFERENCES.at(topic.name).set(sum(line.different for line in lines))
    for partition, (_, high) in found.judged.items():
        metrics.AUDITED_OFFSET.at(partition.topic, str(partition.partition)).set(high)
    metrics.AUDITED_AT.at().set(time.time())


def _tell(found: Ledger, *, as_json: bool) -> None:
    lines = [found.lines[key] for key in sorted(found.lines)]
    if as_json:
        document: dict[str, Any] = {
            "judged": [
                {"topic": tp.topic, "partition": tp.partition, "from": low, "to": high}
                for tp, (low, high) in sorted(found.judged.items())
            ],
            "lines": [asdict(line) for line in lines],
            "different": found.different,
            "differences": [difference._asdict() for difference in found.differences],
        }
        print_json(document)
        return
    made = table("topic", "partition", "verb", "records", "repeats", "dead", "postgres", "clickhouse", "different")
    for line in lines:
        kept = [f"{line.stores[name]:,}" if name in line.stores else "" for name in ("postgres", "clickhouse")]
        numbers = [f"{n:,}" for n in (line.records, line.repeats, line.dead)]
        made.add_row(line.topic, str(line.partition), line.verb, *numbers, *kept, str(line.different))
    out.print(made if lines else "Nothing to judge.")
    _name(found)
    out.print(f"{found.different:,} differences." if found.different else "[bold green]No difference.[/]")


def _name(found: Ledger) -> None:
    for one in found.differences[:SHOWN]:
        place = f"{one.topic}/{one.partition}:{one.offset}"
        out.print(f"[bold red]{one.what}[/] in {one.store}: {one.verb} {one.event_id} at {place}", soft_wrap=True)
    if found.different > SHOWN:
        out.print(f"… and {found.different - SHOWN:,} more (--json lists {len(found.differences):,})")
