"""Readings, contents and articles in a real ClickHouse: what their records leave behind."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from feedmill.contracts.errors import Code
from feedmill.feed_writer.clickhouse.kinds import KINDS
from feedmill.feed_writer.clickhouse.store import ClickHouseStore
from feedmill.feed_writer.row import Decoded
from feedmill.feed_writer.take_apart import take_apart
from feedmill.runtime.outcome import Record
from feedmill.testkit.enriched import a_bare_record, a_reading, event_id_of

pytestmark = pytest.mark.integration


def taken(*records: Record) -> Decoded[Any]:
    return take_apart(records, {}, KINDS[records[0].topic].judge, find_holes=False)


def put(store: ClickHouseStore, *records: Record, token: str = "t") -> None:
    decoded = taken(*records)
    assert not decoded.rejected
    store.insert(KINDS[records[0].topic].blocks_of(decoded.rows), token)


def rows(warehouse: Client, sql: str) -> Sequence[Sequence[Any]]:
    return [tuple(row) for row in warehouse.query(sql).result_rows]


def test_a_reading_becomes_a_fact(clickhouse_store: ClickHouseStore, warehouse: Client) -> None:
    put(clickhouse_store, a_bare_record("read", a_reading("7", "पाठ", 90.5, "2026-02-28"), offset=3, event="r"))
    found = rows(
        warehouse, "SELECT event_id, user_id, content_id, read_percent, updated_at, source_offset FROM fact_reading"
    )
    assert found == [(uuid.UUID(event_id_of("r")), "7", "पाठ", 90.5, date(2026, 2, 28), 3)]


def test_the_same_event_again_is_one_reading_and_another_is_one_more(
    clickhouse_store: ClickHouseStore, warehouse: Client
) -> None:
    for offset, event in enumerate(("one", "one", "two")):
        put(clickhouse_store, a_bare_record("read", a_reading(), offset=offset, event=event), token=f"t{offset}")
    assert rows(warehouse, "SELECT count() FROM fact_reading FINAL") == [(2,)]


def test_a_content_has_its_set_of_categories(clickhouse_store: ClickHouseStore, warehouse: Client) -> None:
    metas = [{"content_id": "c", "category_name": name} for name in ("life", "crime", "life")]
    put(clickhouse_store, *(a_bare_record("content-meta", meta, offset=n) for n, meta in enumerate(metas)))
    assert rows(warehouse, "SELECT content_id, categories FROM dim_content") == [("c", ["crime", "life"])]
    assert rows(warehouse, "SELECT count() FROM content_category") == [(2,)]


def test_an_article_keeps_its_text(clickhouse_store: ClickHouseStore, warehouse: Client) -> None:
    article = {"id": "a1", "time": 1_700_000_000, "readers": 250, "text": "Sam\nwent"}
    put(clickhouse_store, a_bare_record("article", article))
    found = rows(warehouse, "SELECT id, date_time, readers, text FROM article")
    assert found == [("a1", datetime(2023, 11, 14, 22, 13, 20), 250, "Sam\nwent")]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("verb", "value", "code"),
    [
        ("read", a_reading(day="2026-02-30"), Code.BAD_TIME),
        ("read", a_reading(percent=101), Code.WRONG_TYPE),
        ("read", {"user_id": "u"}, Code.WRONG_TYPE),
        ("content-meta", {"content_id": 1, "category_name": "x"}, Code.WRONG_TYPE),
        ("article", {"id": "a", "time": -1, "readers": 1, "text": ""}, Code.WRONG_TYPE),
    ],
)
def test_what_no_table_can_hold_is_poison(verb: str, value: Mapping[str, Any], code: Code) -> None:
    decoded = taken(a_bare_record(verb, value))
    assert [letter.rejected.reason for letter in decoded.rejected] == [code]
    assert not decoded.rows
