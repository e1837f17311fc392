"""The Postgres sink as it runs (consumer, decoding, dead letters, positions) beside the bare merge of the same rows.

The baseline gets the sink's own calls as text that is ready to be sent, for batches of the same size, into a database
of its own: what is left is what Postgres itself takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from urllib.parse import urlsplit

import psycopg2

from bench import in_loop
from bench.enriched import EnrichedLog
from bench.harness import Figure, Plan, Told, at_least, interleave
from bench.topics import empty_log
from feedmill.cli.migrate import run as migrate
from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.decode import decode
from feedmill.feed_writer.observe import Observe
from feedmill.feed_writer.postgres import apply
from feedmill.feed_writer.postgres.sink import PostgresSink
from feedmill.feed_writer.postgres.store import PostgresStore
from feedmill.feed_writer.settings import PostgresSinkSettings, SinkName
from feedmill.runtime.dead_letters import DeadLetters, RejectLimit
from feedmill.runtime.health import Health
from feedmill.runtime.kafka import Consumer, Producer
from feedmill.runtime.loop import LoopSettings
from feedmill.runtime.outcome import Record
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.parts import execute
from feedmill.testkit.platform import Platform

ROWS = 40_000
PLAIN = "bench_plain"
GROUP = "bench-feed-writer-postgres"
SINK = SinkName.POSTGRES


def product(kafka: KafkaSettings, dsn: str, count: int) -> float:
    """Rows a second, from the log to committed."""
    options = PostgresSinkSettings()
    with (
        closing(Producer(kafka, gapless=True)) as producer,
        closing(PostgresStore(dsn, options, Contact(Health("bench"), SINK))) as store,
    ):

        def sink(consumer: Callable[[], Consumer]) -> PostgresSink:
            return PostgresSink(
                store=store,
                dead_letters=DeadLetters(producer),
                reject_limit=RejectLimit(1_000),
                offsets=consumer,
                commit_interval_ms=options.commit_interval_ms,
                full_batch_records=LoopSettings().max_records,
                observe=Observe(SINK),
            )

        return count / in_loop.seconds(kafka, GROUP, ACTIVITY_ENRICHED.name, count, sink)


def prepared(records: Sequence[Record]) -> list[str]:
    """Batches as large as the sink's, each as the call that applies it; positions stay where they are."""
    rows = decode(records, {}, find_holes=False).rows
    size = LoopSettings().max_records
    return [apply.call(rows[start : start + size], {}) for start in range(0, len(rows), size)]


def plain(dsn: str, batches: Sequence[str], count: int) -> float:
    """Rows a second of the same merges, a transaction a batch."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"SET timezone = 'UTC'; {apply.SESSION}; {apply.function()}")
        began_s = time.perf_counter()
        for call in batches:
            cursor.execute(f"BEGIN; {call}")
            cursor.execute("COMMIT")
        return count / (time.perf_counter() - began_s)


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    kafka = KafkaSettings(bootstrap_servers=platform.connections.kafka)
    dsn = platform.connections.postgres
    plain_dsn = _second_database(platform)
    count = plan.records(ROWS, at_least=6_000)
    empty_log(kafka.bootstrap_servers)
    log = EnrichedLog(kafka.bootstrap_servers)
    batches: list[str] = []

    def prepare() -> None:
        batches[:] = prepared(log.more(count))

    cases = {"sink": lambda: product(kafka, dsn, count), "bare merge": lambda: plain(plain_dsn, batches, count)}
    taken = interleave(cases, plan, told, prepare)
    ours, others = taken["sink"], taken["bare merge"]
    return [
        Figure(
            "postgres-sink",
            f"{count:,} activities from the log to committed",
            "rows/s",
            ours.values,
            others.values,
            "rows/s of the same calls, ready to be sent",
            at_least(0.6, floor=0.2),
            notes=f"client's processor a row {ours.cpu_us(count):.1f} µs beside {others.cpu_us(count):.1f} µs",
        )
    ]


def _second_database(platform: Platform) -> str:
    dsn = platform.connections.postgres
    execute(dsn, f"CREATE DATABASE {PLAIN}")
    plain_dsn = urlsplit(dsn)._replace(path=f"/{PLAIN}").geturl()
    migrate(plain_dsn, platform.connections.clickhouse)
    return plain_dsn
