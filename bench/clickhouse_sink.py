"""The ClickHouse sink as it runs, its inserts beside the engine's own, its rate beside its work without any insert."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from bench import in_loop, kafka_side
from bench.enriched import EnrichedLog
from bench.harness import Figure, Plan, Told, at_least, at_most, interleave
from bench.topics import empty_log
from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.feed_writer.clickhouse.activities import blocks_of
from feedmill.feed_writer.clickhouse.block import Block
from feedmill.feed_writer.clickhouse.kind import NOBODY, People
from feedmill.feed_writer.clickhouse.kinds import KINDS
from feedmill.feed_writer.clickhouse.sink import ClickHouseSink
from feedmill.feed_writer.clickhouse.store import ClickHouseStore
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.decode import decode
from feedmill.feed_writer.observe import Observe
from feedmill.feed_writer.settings import ClickHouseSinkSettings, SinkName
from feedmill.runtime.dead_letters import DeadLetters, RejectLimit
from feedmill.runtime.health import Health
from feedmill.runtime.kafka import Consumer, Producer
from feedmill.runtime.outcome import Record
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.platform import Platform

ROWS = 120_000
GROUP = "bench-feed-writer-clickhouse"
SINK = SinkName.CLICKHOUSE
PLAIN_DATABASE = "bench_plain"
TABLES = ("fact_activity", "user_change", "object_change")


class Watched(ClickHouseStore):
    """The product's store: notes the blocks it inserts and how long that takes."""

    def __init__(self, url: str, settings: ClickHouseSinkSettings) -> None:
        super().__init__(url, settings, Contact(Health("bench"), SINK))
        self.blocks: list[Block] = []
        self.insert_s = 0.0
        """With at least one insert on its way: they go side by side."""
        self._inside = 0
        self._began_s = 0.0
        self._counting = threading.Lock()

    def insert(self, blocks: Sequence[Block], token: str, people: People = NOBODY) -> None:
        with self._counting:
            if not self._inside:
                self._began_s = time.perf_counter()
            self._inside += 1
        super().insert(blocks, token, people)
        with self._counting:
            self._inside -= 1
            if not self._inside:
                self.insert_s += time.perf_counter() - self._began_s
            self.blocks += blocks


@dataclass(slots=True)
class Round:
    """What the round's sink inserted: the next case inserts the same."""

    blocks: list[Block] = field(default_factory=list)
    insert_s: list[float] = field(default_factory=list)
    bare_s: list[float] = field(default_factory=list)


def product(kafka: KafkaSettings, url: str, count: int, into: Round) -> float:
    """Rows a second, from the log to inserted, positions too."""
    settings = ClickHouseSinkSettings()
    with closing(Producer(kafka, gapless=True)) as producer, closing(Watched(url, settings)) as store:

        def sink(consumer: Callable[[], Consumer]) -> ClickHouseSink:
            return ClickHouseSink(
                store=store,
                kinds=KINDS,
                dead_letters=DeadLetters(producer),
                reject_limit=RejectLimit(1_000),
                offsets=consumer,
                settings=settings,
                observe=Observe(SINK),
            )

        took_s = in_loop.seconds(kafka, GROUP, ACTIVITY_ENRICHED.name, count, sink, gather_ms=settings.gather_ms)
        rate = count / took_s
        into.blocks, into.insert_s = store.blocks, [*into.insert_s, store.insert_s]
    return rate


def columns_only(bootstrap_servers: str, starts: list[int], count: int) -> float:
    """Rows a second of consume → decode → columns: blocks as large as the sink's, inserted nowhere."""
    size = ClickHouseSinkSettings().flush_rows
    held: list[list[Record]] = [[] for _ in starts]
    with kafka_side.reader(bootstrap_servers) as reader:
        began_s = time.perf_counter()
        for messages in kafka_side.drain(reader, ACTIVITY_ENRICHED.name, starts, count):
            for message in messages:
                held[message.partition()].append(_record(message))
            for records in held:
                if len(records) >= size:
                    blocks_of(decode(records, {}, find_holes=False).rows)
                    records.clear()
        for records in held:
            blocks_of(decode(records, {}, find_holes=False).rows)
        return count / (time.perf_counter() - began_s)


def _record(message: Any) -> Record:
    _, at_ms = message.timestamp()
    place = (message.topic(), message.partition(), message.offset())
    return Record(*place, at_ms, message.key(), message.value(), message.headers())


def bare_inserts(address: SplitResult, blocks: Sequence[Block]) -> float:
    """Seconds of the same blocks posted to tables of the same shape, without tokens, on one connection."""
    connection = http.client.HTTPConnection(str(address.hostname), address.port or 8123)
    began_s = time.perf_counter()
    for block in blocks:
        into = f"INSERT INTO {PLAIN_DATABASE}.{block.table} ({', '.join(block.columns)}) FORMAT Native"
        _post(connection, address, into, block.data)
    took_s = time.perf_counter() - began_s
    connection.close()
    return took_s


def _post(connection: http.client.HTTPConnection, address: SplitResult, query: str, body: bytes = b"") -> None:
    user = {"X-ClickHouse-User": address.username or "default", "X-ClickHouse-Key": address.password or ""}
    connection.request("POST", f"/?query={quote(query)}&async_insert=0", body, user)
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status == 200, said.decode("utf-8", "replace")[:300]


def _plain_tables(address: SplitResult) -> None:
    connection = http.client.HTTPConnection(str(address.hostname), address.port or 8123)
    _post(connection, address, f"CREATE DATABASE IF NOT EXISTS {PLAIN_DATABASE}")
    for table in TABLES:
        _post(connection, address, f"CREATE TABLE {PLAIN_DATABASE}.{table} AS feedmill.{table}")
        off = "MODIFY SETTING non_replicated_deduplication_window = 0"
        _post(connection, address, f"ALTER TABLE {PLAIN_DATABASE}.{table} {off}")
    connection.close()


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    kafka = KafkaSettings(bootstrap_servers=platform.connections.kafka)
    url = platform.connections.clickhouse
    address = urlsplit(url)
    _plain_tables(address)
    count = plan.records(ROWS, at_least=20_000)
    empty_log(kafka.bootstrap_servers)
    log = EnrichedLog(kafka.bootstrap_servers)
    round_ = Round()
    starts: list[int] = []

    def prepare() -> None:
        starts[:] = log.starts
        log.more(count)

    def sink() -> float:
        rate = product(kafka, url, count, round_)
        round_.bare_s.append(bare_inserts(address, round_.blocks))
        return rate

    cases = {"sink": sink, "columns only": lambda: columns_only(kafka.bootstrap_servers, starts, count)}
    taken = interleave(cases, plan, told, prepare)
    return [
        Figure(
            "clickhouse-sink",
            f"{count:,} activities from the log to inserted",
            "rows/s",
            taken["sink"].values,
            taken["columns only"].values,
            "rows/s consume → decode → columns",
            at_least(0.5, floor=0.1),
        ),
        Figure(
            "clickhouse-sink",
            f"time inside the inserts of {len(round_.blocks)} blocks",
            "ms",
            [seconds * 1_000 for seconds in round_.insert_s[1:]],
            [seconds * 1_000 for seconds in round_.bare_s[1:]],
            "ms of the same blocks inserted bare",
            at_most(2.0, floor=6.0),
        ),
    ]
