"""The feed-writer: enriched topics -> one store. The whole service on one screen."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any, Final, assert_never

from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.feed_writer.clickhouse.kind import Kind
from feedmill.feed_writer.clickhouse.kinds import KINDS
from feedmill.feed_writer.clickhouse.sink import ClickHouseSink
from feedmill.feed_writer.clickhouse.store import ClickHouseStore
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.observe import Observe
from feedmill.feed_writer.postgres.sink import PostgresSink
from feedmill.feed_writer.postgres.store import PostgresStore
from feedmill.feed_writer.postgres.tender import tending
from feedmill.feed_writer.settings import FeedWriterSettings, SinkName
from feedmill.runtime import logs
from feedmill.runtime.dead_letters import DeadLetters, RejectLimit
from feedmill.runtime.failpoints import check_build
from feedmill.runtime.health import Health, SidePort
from feedmill.runtime.kafka import Consumer, Producer
from feedmill.runtime.loop import Loop
from feedmill.runtime.memory_policy import apply_memory_policy
from feedmill.runtime.outcome import Fatal
from feedmill.runtime.settings import SettingsError
from feedmill.runtime.signals import stop_on_signals

TOPICS: Final[Mapping[SinkName, Sequence[str]]] = {
    SinkName.POSTGRES: (ACTIVITY_ENRICHED.name,),
    SinkName.CLICKHOUSE: tuple(KINDS),
}


def run(settings: FeedWriterSettings) -> None:
    """Until SIGTERM or SIGINT. Raises Fatal."""
    stop = stop_on_signals()
    group = group_of(settings.sink)
    health = Health(group)
    with ExitStack() as opened:  # closed in reverse: consumer, then producer, then store
        opened.enter_context(SidePort(health, settings.host, settings.port))
        health.report("kafka", up=False, detail="joining the group")
        sink = sink_of(settings, health, opened, offsets=lambda: consumer)
        consumer = opened.enter_context(
            closing(
                Consumer(
                    settings.kafka,
                    group,
                    TOPICS[settings.sink],
                    settings.group,
                    on_revoked=sink.revoked,
                    gather_ms=settings.clickhouse_sink.gather_ms if settings.sink is SinkName.CLICKHOUSE else 0,
                )
            )
        )
        if settings.postgres is not None and settings.sink is SinkName.POSTGRES and settings.feeds.tend:
            opened.enter_context(tending(settings.postgres.dsn.get_secret_value(), settings.feeds, stop))
        apply_memory_policy()
        Loop(consumer, sink, stop, settings.loop, health).run()


def group_of(sink: SinkName) -> str:
    return f"feed-writer-{sink}"


def sink_of(
    settings: FeedWriterSettings,
    health: Health,
    opened: ExitStack,
    offsets: Callable[[], Consumer],
    kinds: Mapping[str, Kind[Any]] = KINDS,
) -> PostgresSink | ClickHouseSink:
    """The one sink this process is."""
    producer = opened.enter_context(closing(Producer(settings.kafka, gapless=True)))
    dead_letters, reject_limit = DeadLetters(producer), RejectLimit(settings.max_rejects_in_a_row)
    observe = Observe(settings.sink)
    match settings.sink:
        case SinkName.POSTGRES:
            assert settings.postgres is not None  # the settings' own validator
            dsn, options = settings.postgres.dsn.get_secret_value(), settings.postgres_sink
            postgres = opened.enter_context(closing(PostgresStore(dsn, options, Contact(health, "postgres"))))
            return PostgresSink(
                store=postgres,
                dead_letters=dead_letters,
                reject_limit=reject_limit,
                offsets=offsets,
                commit_interval_ms=options.commit_interval_ms,
                full_batch_records=settings.loop.max_records,
                observe=observe,
            )
        case SinkName.CLICKHOUSE:
            assert settings.clickhouse is not None
            url, columns = settings.clickhouse.url.get_secret_value(), settings.clickhouse_sink
            clickhouse = opened.enter_context(closing(ClickHouseStore(url, columns, Contact(health, "clickhouse"))))
            return ClickHouseSink(
                store=clickhouse,
                kinds=kinds,
                dead_letters=dead_letters,
                reject_limit=reject_limit,
                offsets=offsets,
                settings=columns,
                observe=observe,
            )
        case unknown:
            assert_never(unknown)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 after a clean drain, 1 after a fatal error, 2 where the settings are wrong."""
    parser = argparse.ArgumentParser(prog="feedmill-feed-writer", description=__doc__)
    parser.add_argument("--sink", choices=list(SinkName), help="goes over FEEDMILL_FEED_WRITER__SINK")
    chosen = parser.parse_args(arguments).sink
    try:
        check_build()
        over = {"FEEDMILL_FEED_WRITER__SINK": chosen} if chosen else {}
        settings = FeedWriterSettings.from_env({**os.environ, **over})
    except (SettingsError, ValueError) as error:
        print(f"feed-writer: {error}", file=sys.stderr)
        return 2
    logs.configure(settings.log, service=group_of(settings.sink))
    log = logs.get("feedmill.feed_writer")
    try:
        run(settings)
    except Fatal as reason:
        log.error("stopped", reason=str(reason))
        return 1
    log.info("drained")
    return 0
