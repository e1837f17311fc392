"""Blocks into a real ClickHouse: what every verb leaves behind, and what a token promises."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from feedmill.cli import digest
from feedmill.contracts import headers
from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.feed_writer.clickhouse.activities import blocks_of, people_of
from feedmill.feed_writer.clickhouse.block import Block
from feedmill.feed_writer.clickhouse.store import ClickHouseStore
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.decode import decode
from feedmill.feed_writer.row import START, Position
from feedmill.feed_writer.settings import ClickHouseSinkSettings
from feedmill.runtime.failpoints import Guard
from feedmill.runtime.health import Health
from feedmill.runtime.outcome import Record, TopicPartition, Transient
from feedmill.testkit.enriched import a_record, an_activity, event_id_of
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.integration
P0 = TopicPartition(ACTIVITY_ENRICHED.name, 0)
AT = datetime(2026, 11, 21, 10)  # noqa: DTZ001 (the client gives UTC without saying so)
USER = {"type": "user", "id": 2}


def blocks(*records: Record) -> list[Block]:
    decoded = decode(records, {P0: START}, find_holes=False)
    assert not decoded.rejected
    return blocks_of(decoded.rows)


def rows(warehouse: Client, sql: str) -> Sequence[Sequence[Any]]:
    return list(warehouse.query(sql).result_rows)


def test_a_comment_becomes_a_fact_and_a_change_of_an_object(
    clickhouse_store: ClickHouseStore, warehouse: Client
) -> None:
    thing = {"type": "comment", "id": 4, "content": {"a": "ü\n"}, "tags": ["x", "y"], "mentions": ["ivan"], "url": "u"}
    comment = an_activity("comment", 5, object=thing, target={"type": "post", "id": 9}, space_id=3)
    clickhouse_store.insert(blocks(a_record(comment, offset=7, event="c")), "t")
    [fact] = rows(warehouse, "SELECT event_id, verb, actor_id, object_type, object_id, target_type, target_id, "
                  "occurred_at, source_partition, source_offset, version FROM fact_activity")  # fmt: skip
    event_id = uuid.UUID(event_id_of("c"))
    assert tuple(fact) == (event_id, "comment", 5, "comment", 4, "post", 9, AT, 0, 7, 2**64 - 1 - 7)
    [thing_found] = rows(warehouse, "SELECT object_type, object_id, author_id, content, title, url, tags, mentions, "
                         "target_type, target_id, space_id, created_at FROM dim_object")  # fmt: skip
    assert tuple(thing_found) == (
        "comment", 4, 5, '{"a":"ü\\n"}', "", "u", ["x", "y"], ["ivan"], "post", 9, 3, AT
    )  # fmt: skip


def test_a_fact_without_an_object_has_zeros(clickhouse_store: ClickHouseStore, warehouse: Client) -> None:
    clickhouse_store.insert(blocks(a_record(an_activity("feed-read", object=None))), "t")
    found = rows(warehouse, "SELECT object_type, object_id, target_type, target_id FROM fact_activity")
    assert [tuple(row) for row in found] == [("", 0, "", 0)]


def test_a_user_is_what_its_latest_changes_say(clickhouse_store: ClickHouseStore, warehouse: Client) -> None:
    uuid_text = "00000000-0000-7000-8000-000000000002"
    created = {"id": 2, "handle": "u2", "uuid": uuid_text, "name": "N0", "email": "e@x", "college": "c0"}
    late = {headers.ORIGIN_OFFSET: b"1"}
    clickhouse_store.insert(
        blocks(
            a_record(an_activity("user-created", 2, object=USER, user=created), offset=0),
            a_record(an_activity("user-updated", 2, object=USER, user={"id": 2, "name": "N2"}), offset=2),
            a_record(an_activity("user-updated", 2, object=USER, user={"id": 2, "name": "N1"}), offset=3, more=late),
        ),
        "t",
    )
    [found] = rows(warehouse, "SELECT user_id, handle, uuid, name, college, created_at FROM dim_user")
    assert tuple(found) == (2, "u2", uuid.UUID(uuid_text), "N2", "c0", AT)
    clickhouse_store.insert(blocks(a_record(an_activity("user-erased", 2, object=USER), offset=4)), "t2")
    [found] = rows(warehouse, "SELECT user_id, handle, name, college FROM dim_user")
    assert tuple(found) == (2, "", "", "")


def test_a_deleted_object_says_when_whatever_came_first(clickhouse_store: ClickHouseStore, warehouse: Client) -> None:
    clickhouse_store.insert(blocks(a_record(an_activity("delete"), offset=5)), "t")
    post = an_activity("post", object={"type": "post", "id": 9, "content": "late"})
    clickhouse_store.insert(blocks(a_record(post, offset=6, more={headers.ORIGIN_OFFSET: b"2"})), "t2")
    assert [tuple(r) for r in rows(warehouse, "SELECT content, author_id, deleted_at FROM dim_object")] == [
        ('"late"', 1, AT)
    ]


def test_a_repeat_with_another_stamp_weeks_later_counts_once(
    clickhouse_store: ClickHouseStore, warehouse: Client
) -> None:
    first = a_record(an_activity(), offset=0, event="e")
    again = a_record(an_activity(occurred_at="2026-12-24T10:00:00.000000Z"), offset=9_000, event="e")
    clickhouse_store.insert(blocks(again), "t2")
    clickhouse_store.insert(blocks(first), "t1")
    assert [tuple(r) for r in rows(warehouse, "SELECT day, verb, activities FROM activity_by_day")] == [
        (date(2026, 11, 21), "like", 1)
    ]


COUNT = "SELECT count() FROM fact_activity"


def test_the_same_token_again_adds_nothing(clickhouse_store: ClickHouseStore, warehouse: Client) -> None:
    post = an_activity("post", object={"type": "post", "id": 9, "content": "x"})
    for _ in range(3):
        clickhouse_store.insert(blocks(a_record(post), a_record(offset=1)), "t")
    assert rows(warehouse, f"{COUNT} UNION ALL SELECT count() FROM object_change ORDER BY 1") == [(1,), (2,)]


def test_without_its_guard_it_doubles(
    clickhouse_store: ClickHouseStore, warehouse: Client, guard_off: Callable[[Guard], None]
) -> None:
    guard_off(Guard.TOKEN)
    for _ in range(2):
        clickhouse_store.insert(blocks(a_record()), "t")
    assert rows(warehouse, COUNT) == [(2,)]


def test_truncating_forgets_the_tokens_also_of_merged_parts(
    clickhouse_store: ClickHouseStore, warehouse: Client
) -> None:
    """A rebuild inserts the same ranges again: were they remembered, it would leave the warehouse empty."""
    for number in range(4):
        clickhouse_store.insert(blocks(a_record(offset=number)), f"t{number}")
    warehouse.command("OPTIMIZE TABLE fact_activity FINAL")
    warehouse.command("TRUNCATE TABLE fact_activity")
    clickhouse_store.insert(blocks(a_record(offset=1)), "t1")
    assert rows(warehouse, COUNT) == [(1,)]


def test_positions_are_there_to_be_waited_for(clickhouse_store: ClickHouseStore, warehouse: Client) -> None:
    clickhouse_store.set_positions({P0: Position(41, 50), TopicPartition(P0.topic, 1): Position(7, 9)})
    clickhouse_store.set_positions({P0: Position(44, 60)})
    found = rows(warehouse, "SELECT topic, partition, max(source_offset) FROM sink_position GROUP BY 1, 2 ORDER BY 2")
    assert [tuple(row) for row in found] == [(P0.topic, 0, 44), (P0.topic, 1, 7)]


def test_a_store_that_is_away_is_transient_and_said_so(health: Health) -> None:
    store = ClickHouseStore(
        "http://default:@127.0.0.1:9/feedmill", ClickHouseSinkSettings(), Contact(health, "clickhouse")
    )
    with pytest.raises(Transient):
        store.set_positions({P0: START})
    store.probe()
    assert not health.ready


def test_a_missing_table_is_no_matter_of_patience(clickhouse_store: ClickHouseStore, warehouse: Client) -> None:
    warehouse.command("RENAME TABLE sink_position TO elsewhere")
    try:
        with pytest.raises(DatabaseError):
            clickhouse_store.set_positions({P0: START})
    finally:
        warehouse.command("RENAME TABLE elsewhere TO sink_position")


def test_every_table_is_state_or_said_to_be_none(warehouse: Client) -> None:
    found = rows(warehouse, "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine != 'View'")
    assert {name for (name,) in found} == digest.CLICKHOUSE.keys() | digest.NOT_STATE_IN_CLICKHOUSE


WRITTEN = {"type": "post", "id": 9, "content": "mine", "title": "t", "url": "u", "canonical_url": "c", "tags": ["x"], "mentions": ["a"]}  # fmt: skip  # noqa: E501
CREATED = {"id": 2, "handle": "u2", "uuid": "00000000-0000-7000-8000-000000000002", "name": "N0", "college": "c0"}


def insert(store: ClickHouseStore, record: Record, token: str) -> None:
    """One range of one record, as the sink does it."""
    found = decode([record], {P0: START}, find_holes=False).rows
    store.insert(blocks_of(found), token, people_of(found))


@pytest.mark.parametrize("erased_at", [0, 1, 3])
def test_an_erased_users_texts_are_blank_whatever_came_first(
    clickhouse_store: ClickHouseStore, warehouse: Client, erased_at: int
) -> None:
    steps = [
        an_activity("user-created", 2, object=USER, user=CREATED),
        an_activity("post", 2, object=WRITTEN),
        an_activity("post", 3, object=WRITTEN | {"id": 10}),
    ]
    steps.insert(erased_at, an_activity("user-erased", 2, object=USER))
    for again in ("", " again"):
        for place, step in enumerate(steps):
            insert(clickhouse_store, a_record(step, offset=place), f"{place}{again}")
    found = rows(warehouse, "SELECT object_id, content, title, url, canonical_url, tags, mentions "
                 "FROM object_change FINAL ORDER BY object_id")  # fmt: skip
    assert [tuple(row) for row in found] == [
        (9, "", "", "", "", [], []),
        (10, '"mine"', "t", "u", "c", ["x"], ["a"]),
    ]
    assert rows(warehouse, "SELECT handle, name, college FROM user_change FINAL WHERE verb = 'user-created'") == [
        (None, None, None)
    ]


def test_an_erased_users_texts_leave_the_parts_they_lay_in(
    clickhouse_store: ClickHouseStore, warehouse: Client
) -> None:
    insert(clickhouse_store, a_record(an_activity("post", 2, object=WRITTEN)), "0")
    insert(clickhouse_store, a_record(an_activity("user-erased", 2, object=USER), offset=1), "1")
    wait_until(lambda: rows(warehouse, "SELECT count() FROM object_change WHERE content != ''") == [(0,)])
