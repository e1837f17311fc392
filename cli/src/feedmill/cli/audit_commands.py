"""feedmill audit [ledger | feeds]."""

from __future__ import annotations

import threading
import time
from contextlib import closing, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import psycopg2
import typer
from clickhouse_connect.driver.exceptions import ClickHouseError

from feedmill.cli.feeds_commands import audit_feeds
from feedmill.cli.ledger import Ledger, audit
from feedmill.cli.ledger_stores import Bounds, ClickHouseStore, PostgresStore, connected
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


@app.callback(invoke_without_command=True)
def group(context: typer.Context) -> None:
    """Compare what is kept with what the log says; without a name: ledger."""
    if context.invoked_subcommand is None:
        ledger()


@app.command()
def ledger(
    since: Annotated[datetime | None, typer.Option(help="Only what the log took from then on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only what the log took before (UTC).")] = None,
    every: Annotated[float | None, typer.Option(min=1, help="Again and again, seconds apart; told as metrics.")] = None,
    port: Annotated[int, typer.Option(help="With --every: where /metrics is.")] = 9_108,
    as_json: AsJson = False,
) -> None:
    """Accepted (the log) = applied (Postgres) = facts (ClickHouse), dead letters apart: every event by its id.

    What a store has not come to yet is not judged. Exit status 1 where ids differ.

    Examples:

      feedmill audit

      feedmill audit ledger --since 2026-11-01 --until 2026-12-01 --json

      feedmill audit ledger --every 60 --port 9108
    """
    connections = site().connections
    if every is not None:
        _keep_auditing(connections, every, port, since)
        return
    with errors_told(*_AWAY):
        admin()
        found = once(connections, since, until)
    _tell(found, as_json=as_json)
    if found.different:
        raise typer.Exit(1)


def once(connections: Connections, since: datetime | None = None, until: datetime | None = None) -> Ledger:
    """Judge that time."""
    kafka = KafkaSettings(bootstrap_servers=connections.kafka)
    with connected(connections.postgres) as postgres, closing(clickhouse_client(connections.clickhouse)) as clickhouse:
        return audit(kafka, [PostgresStore(postgres), ClickHouseStore(clickhouse)], bounds(kafka, since, until))


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


def _keep_auditing(connections: Connections, every_s: float, port: int, since: datetime | None) -> None:
    """Until SIGTERM or SIGINT. A store or the log away is told and waited for."""
    stop = stop_on_signals()
    health = Health("audit")
    with SidePort(health, "127.0.0.1", port) if port else nullcontext():
        while not stop.is_set():
            _turn(connections, since, health)
            _wait(stop, every_s, health)


def _turn(connections: Connections, since: datetime | None, health: Health) -> None:
    try:
        found = once(connections, since)
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
