"""A backlog drained: rows of home feeds a second by the sink's whole transaction, beside the bare fan-out statement."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

import psycopg2

from bench import in_loop
from bench.enriched import EnrichedLog
from bench.harness import Figure, Plan, Told, at_least, interleave
from bench.topics import empty_log
from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.observe import Observe
from feedmill.feed_writer.postgres.sink import PostgresSink
from feedmill.feed_writer.postgres.store import PostgresStore
from feedmill.feed_writer.settings import PostgresSinkSettings, SinkName
from feedmill.runtime.dead_letters import DeadLetters, RejectLimit
from feedmill.runtime.feeds.rows import COLUMNS, VERBS
from feedmill.runtime.health import Health
from feedmill.runtime.kafka import Consumer, Producer
from feedmill.runtime.loop import LoopSettings
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.platform import Platform

ACTIVITIES = 6_000
FOLLOWERS = 100
BATCH = 2_000
FIRST_READER = 3_000_000
GROUP = "bench-feeds-drain"

_EDGES = """
INSERT INTO follow_edge (follower_id, followee_id, active, followed_at, origin_offset, push)
SELECT {first} + (a * 31 + f * 7) % 5000, a, true, now(), -1, 2
  FROM generate_series(1, 1000) a, generate_series(0, {followers} - 1) f ON CONFLICT DO NOTHING
"""
_BARE = f"""
INSERT INTO bare_feed (reader_id, occurred_at, {COLUMNS})
SELECT follower_id, batch.occurred_at, {", ".join(f"batch.{name}" for name in COLUMNS.split(", "))} FROM batch
  JOIN follow_edge ON followee_id = actor_id AND push > 0
ON CONFLICT DO NOTHING
"""
_BEST = f"""
INSERT INTO bare_feed (reader_id, occurred_at, {COLUMNS})
SELECT follower_id, batch.occurred_at, {", ".join(f"batch.{name}" for name in COLUMNS.split(", "))} FROM batch
  JOIN follow_edge ON followee_id = actor_id AND push > 0
 ORDER BY follower_id, batch.occurred_at, batch.event_id
"""
"""The fastest way known to write them: in the key's order, without a look whether they are there."""


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    kafka = KafkaSettings(bootstrap_servers=platform.connections.kafka)
    dsn = platform.connections.postgres
    platform.down("feed-writer-postgres")
    platform.down("enricher")
    count = plan.records(ACTIVITIES, at_least=2_000)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_EDGES.format(first=FIRST_READER, followers=FOLLOWERS))
        cursor.execute("CREATE TABLE bare_feed (LIKE home_feed INCLUDING ALL)")
    empty_log(kafka.bootstrap_servers)
    log = EnrichedLog(kafka.bootstrap_servers)
    cases = {"sink": partial(_sink, kafka, dsn, count), "bare": partial(_bare, dsn, count, _BARE),
             "best": partial(_bare, dsn, count, _BEST)}  # fmt: skip
    taken = interleave(cases, plan, told, lambda: _more(log, count))
    return [
        Figure(
            "drain", f"{count:,} activities, {FOLLOWERS} readers an author, log to committed, positions on", "rows/s",
            taken["sink"].values, taken["bare"].values, "rows/s INSERT … SELECT of the same feed rows alone",
            at_least(0.75, floor=0.2),
        ),
        Figure(
            "drain", "the same", "rows/s", taken["sink"].values, taken["best"].values,
            "rows/s of that statement in the key's order and without ON CONFLICT, as the sink writes",
        ),
    ]  # fmt: skip


def _more(log: EnrichedLog, count: int) -> None:
    log.more(count)


def _sink(kafka: KafkaSettings, dsn: str, count: int) -> float:
    options, before = PostgresSinkSettings(), _rows(dsn)
    with (
        closing(Producer(kafka, gapless=True)) as producer,
        closing(PostgresStore(dsn, options, Contact(Health("bench"), "postgres"))) as store,
    ):

        def sink(consumer: Callable[[], Consumer]) -> PostgresSink:
            return PostgresSink(
                store=store,
                dead_letters=DeadLetters(producer),
                reject_limit=RejectLimit(1_000),
                offsets=consumer,
                commit_interval_ms=options.commit_interval_ms,
                full_batch_records=LoopSettings().max_records,
                observe=Observe(SinkName.POSTGRES),
            )

        seconds = in_loop.seconds(kafka, GROUP, ACTIVITY_ENRICHED.name, count, sink)
    return (_rows(dsn) - before) / seconds


def _bare(dsn: str, count: int, statement: str) -> float:
    """As many rows as the sink writes, of the latest activities, into a table of the same kind, which grows alike."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(
            "CREATE TEMP TABLE batch AS SELECT *, row_number() OVER () / %s AS number FROM ("
            "SELECT * FROM activity WHERE verb = ANY(%s) ORDER BY applied_at DESC LIMIT %s) latest",
            (BATCH, VERBS, count),
        )
        cursor.execute("UPDATE batch SET event_id = gen_random_uuid()")  # in some rounds these rows are there already
        cursor.execute("SET jit = off; SELECT max(number) FROM batch")
        [(last,)] = cursor.fetchall()
        rows, began_s = 0, time.perf_counter()
        for number in range(last + 1):
            cursor.execute(
                statement.replace("FROM batch", "FROM (SELECT * FROM batch WHERE number = %s) batch"), (number,)
            )
            rows += cursor.rowcount
        return rows / (time.perf_counter() - began_s)


def _rows(dsn: str) -> int:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM home_feed")
        [(count,)] = cursor.fetchall()
    return int(count)
