"""Rows into a real Postgres: what every verb leaves behind, and what repeats, races and cuts may not change."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg2
import pytest
from psycopg2.extensions import POLL_OK

from feedmill.cli import digest
from feedmill.contracts import headers
from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.decode import decode
from feedmill.feed_writer.postgres.apply import Move, told
from feedmill.feed_writer.postgres.sink import first_of_each
from feedmill.feed_writer.postgres.store import Poisoned, PostgresStore
from feedmill.feed_writer.row import START, Position, Row
from feedmill.feed_writer.settings import PostgresSinkSettings
from feedmill.runtime.failpoints import Guard
from feedmill.runtime.health import Health
from feedmill.runtime.outcome import Overtaken, Record, TopicPartition, Transient
from feedmill.runtime.position import CHANNEL
from feedmill.testkit.enriched import a_record, an_activity
from feedmill.testkit.running import RunningPostgres
from feedmill.testkit.state import Seed
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.integration
P0 = TopicPartition(ACTIVITY_ENRICHED.name, 0)
Make = Callable[[], PostgresStore]
AT = datetime(2026, 11, 21, 10, tzinfo=UTC)
LATER = "2026-11-21T11:00:00.000000Z"


def write(store: PostgresStore, records: Sequence[Record]) -> None:
    """One batch from wherever the store stands."""
    at = store.positions([P0])
    decoded = decode(records, at, find_holes=False)
    assert not decoded.rejected
    store.write(first_of_each(decoded.rows), {tp: Move(at[tp], new) for tp, new in decoded.moved.items()})


def rows_of(records: Sequence[Record]) -> list[Row]:
    return decode(records, {P0: START}, find_holes=False).rows


def query(dsn: str, sql: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'")
        cursor.execute(sql)
        return cursor.fetchall()


def a_user(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "handle": f"u{number}", "uuid": f"00000000-0000-7000-8000-{number:012}", "name": "N"} | fields


USER = {"type": "user", "id": 2}


def test_a_post_becomes_an_object_as_it_was_posted(stores: tuple[str, str], postgres_store: Make) -> None:
    content = {"text": 'tab\t, \\backslash\\, "quotes", ünïcode, \\N', "n": [1, None, True]}
    posted = {
        "type": "photo", "id": 7, "content": content, "title": "a\nb", "url": "https://x/é", "canonical_url": "https://x",
        "tags": ['we"ird', "pla\\in", "", "{}"], "mentions": ["ivan"],
    }  # fmt: skip
    write(postgres_store(), [a_record(an_activity("post", 5, object=posted, space_id=3))])
    [row] = query(stores[0], "SELECT type, id, author_id, content, title, url, canonical_url, tags, mentions, "
                  "space_id, created_at, deleted_at FROM object")  # fmt: skip
    assert row == (
        "photo", 7, 5, content, "a\nb", "https://x/é", "https://x", ['we"ird', "pla\\in", "", "{}"], ["ivan"], 3,
        AT, None,
    )  # fmt: skip


def test_an_activity_says_where_it_was_in_the_log(stores: tuple[str, str], postgres_store: Make) -> None:
    comment = an_activity(
        "comment", object={"type": "comment", "id": 4, "content": "x"}, target={"type": "post", "id": 9}
    )
    write(postgres_store(), [a_record(comment, offset=3, source_offset=40)])
    [row] = query(stores[0], "SELECT verb, actor_id, object_type, object_id, target_type, target_id, occurred_at, "
                  "source_partition, source_offset, enriched_offset, accepted_at < enriched_at, applied_at IS NOT NULL "
                  "FROM activity")  # fmt: skip
    assert row == ("comment", 1, "comment", 4, "post", 9, AT, 0, 40, 3, False, True)


EDGES = "SELECT follower_id, followee_id, active, since, followed_at, origin_offset FROM follow_edge"


@pytest.mark.parametrize("cut", [1, 2, 3, 9])
def test_a_follow_of_one_already_followed_changes_nothing_but_the_order(
    stores: tuple[str, str], postgres_store: Make, cut: int
) -> None:
    steps = [
        an_activity("follow", object=USER, since="2026-01-01T00:00:00Z"),
        an_activity("follow", object=USER, occurred_at=LATER),
    ]
    apply(postgres_store(), [a_record(step, offset=n) for n, step in enumerate(steps)], cut)
    assert query(stores[0], EDGES) == [(1, 2, True, datetime(2026, 1, 1, tzinfo=UTC), AT, 1)]


@pytest.mark.parametrize("cut", [1, 2, 3, 9])
def test_following_again_after_an_unfollow_begins_anew(stores: tuple[str, str], postgres_store: Make, cut: int) -> None:
    steps = [
        an_activity("follow", object=USER, since="2026-01-01T00:00:00Z"),
        an_activity("unfollow", object=USER),
        an_activity("follow", object=USER, occurred_at=LATER),
    ]
    apply(postgres_store(), [a_record(step, offset=n) for n, step in enumerate(steps)], cut)
    assert query(stores[0], EDGES) == [(1, 2, True, None, AT.replace(hour=11), 2)]


@pytest.mark.parametrize("cut", [1, 2, 9])
def test_likes_are_a_set(stores: tuple[str, str], postgres_store: Make, cut: int) -> None:
    steps = [an_activity("like"), an_activity("unlike"), an_activity("like", occurred_at=LATER), an_activity("like")]
    apply(postgres_store(), [a_record(step, offset=n) for n, step in enumerate(steps)], cut)
    found = query(stores[0], "SELECT actor_id, object_type, object_id, active, liked_at FROM object_like")
    assert found == [(1, "post", 9, True, AT.replace(hour=11))]


def test_a_deletion_that_comes_before_its_post_still_hides_it(stores: tuple[str, str], postgres_store: Make) -> None:
    store = postgres_store()
    write(store, [a_record(an_activity("delete"), offset=5)])
    post = an_activity("post", object={"type": "post", "id": 9, "content": "late"})
    write(store, [a_record(post, offset=6, more={headers.ORIGIN_OFFSET: b"2"})])
    write(store, [a_record(an_activity("delete", occurred_at=LATER), offset=7)])
    found = query(stores[0], "SELECT content, author_id, deleted_at, origin_offset, deleted_offset FROM object")
    assert found == [("late", 1, AT, 2, 5)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_user_is_what_the_last_change_of_each_field_says(
    stores: tuple[str, str], postgres_store: Make, order: Sequence[int]
) -> None:
    """Out of order they come only when dead letters are replayed: then the origin decides."""
    steps = [
        an_activity("user-created", 2, object=USER, user=a_user(2, email="E@x", college="c0")),
        an_activity("user-updated", 2, object=USER, user={"id": 2, "name": "N1"}, occurred_at=LATER),
        an_activity("user-updated", 2, object=USER, user={"id": 2, "name": "N2", "college": "c2"}, occurred_at=LATER),
    ]
    store = postgres_store()
    for place, number in enumerate(order):
        write(store, [a_record(steps[number], offset=place, more={headers.ORIGIN_OFFSET: str(number).encode()})])
    found = query(stores[0], "SELECT handle, name, email, college, created_at, updated_at FROM user_profile")
    assert found == [("u2", "N2", "E@x", "c2", AT, AT.replace(hour=11))]


@pytest.mark.parametrize("erased_first", [True, False])
def test_an_erased_user_stays_blank(stores: tuple[str, str], postgres_store: Make, erased_first: bool) -> None:
    created = an_activity("user-created", 2, object=USER, user=a_user(2, email="E@x"))
    steps = [an_activity("user-erased", 2, object=USER), created][:: 1 if erased_first else -1]
    apply(postgres_store(), [a_record(step, offset=n) for n, step in enumerate(steps)], 1)
    assert query(stores[0], "SELECT name, email, erased_at FROM user_profile") == [(None, None, AT)]


def test_keys_and_the_reserved_email_end_with_the_user_and_stay_ended(
    stores: tuple[str, str], postgres_store: Make
) -> None:
    """Operational, so a rebuild that reads it all again finds them as they are."""
    with Seed(stores[0]) as seed:
        for number in (2, 3):
            seed.key(f"k{number}", owner=f"user:u{number}", user_id=number)
            for kind in ("handle", "email"):
                seed.execute(
                    "INSERT INTO name_reservation (kind, value, event_id, user_id) VALUES (%s, %s, %s, %s)",
                    (kind, f"u{number}", f"00000000-0000-5000-8000-{number:012}", number),
                )
        seed.key("service", owner="service:x")
    created = [an_activity("user-created", n, object={"type": "user", "id": n}, user=a_user(n)) for n in (2, 3)]
    steps = [*created, an_activity("user-erased", 2, object=USER), an_activity("user-erased", 2, object=USER)]
    apply(postgres_store(), [a_record(step, offset=n) for n, step in enumerate(steps)], 3)
    own = "'service:x', 'user:u2', 'user:u3'"
    alive = f"SELECT owner FROM api_key WHERE revoked_at IS NULL AND owner IN ({own}) ORDER BY 1"
    assert query(stores[0], alive) == [("service:x",), ("user:u3",)]
    held = "SELECT kind, user_id FROM name_reservation WHERE value IN ('u2', 'u3') ORDER BY user_id, kind"
    assert query(stores[0], held) == [("handle", 2), ("email", 3), ("handle", 3)]


def apply(store: PostgresStore, records: Sequence[Record], cut: int) -> None:
    for start in range(0, len(records), cut):
        write(store, records[start : start + cut])


def test_a_late_repeat_of_follow_does_not_undo_an_unfollow(stores: tuple[str, str], postgres_store: Make) -> None:
    records = _follow_unfollow_and_a_late_repeat()
    apply(postgres_store(), records, 1)
    assert query(stores[0], "SELECT active FROM follow_edge") == [(False,)]
    assert query(stores[0], "SELECT count(*) FROM activity") == [(2,)]


def test_without_its_guard_it_does(
    stores: tuple[str, str], postgres_store: Make, guard_off: Callable[[Guard], None]
) -> None:
    guard_off(Guard.NEWLY_INSERTED)
    apply(postgres_store(), _follow_unfollow_and_a_late_repeat(), 1)
    assert query(stores[0], "SELECT active FROM follow_edge") == [(True,)]


def _follow_unfollow_and_a_late_repeat() -> list[Record]:
    return [
        a_record(an_activity("follow", object=USER), offset=0, event="f"),
        a_record(an_activity("unfollow", object=USER), offset=1, event="u"),
        a_record(an_activity("follow", object=USER, occurred_at=LATER), offset=2, event="f"),
    ]


def a_history(seed: int, length: int = 120) -> list[Record]:
    """A few users and objects, everything happening to them, repeats and replayed dead letters among it."""
    chance = random.Random(seed)
    origins = [*range(length)]
    for _ in range(length // 10):  # dead letters: they come later than they were
        origin = origins.pop(chance.randrange(length // 2))
        origins.insert(chance.randrange(origin, len(origins) + 1), origin)
    records = []
    for place, origin in enumerate(origins):
        told = random.Random(f"{seed}/{origin}")
        verb = told.choice(["post", "comment", "delete", "like", "unlike", "follow", "unfollow", "share",
                            "user-created", "user-updated", "mute"])  # fmt: skip
        thing = {"type": "user" if verb in ("follow", "unfollow", "mute") else "post", "id": told.randint(1, 3)}
        if verb in ("post", "comment"):
            thing |= {"content": f"c{origin}", "id": 1_000 + origin}
        user = {"id": told.randint(1, 3), "name": told.choice([None, f"n{origin}"])} if "user-" in verb else None
        at = f"2026-11-21T10:00:{origin % 60:02}.000000Z"
        value = an_activity(
            verb, told.randint(1, 2), object=thing, user=user, occurred_at=at, since=told.choice([None, at])
        )
        more = {headers.ORIGIN_OFFSET: str(origin).encode()} if origin != place else {}
        event = f"{seed}/{origin if told.random() > 0.1 else origin // 2}"
        records.append(a_record(value, offset=place, event=event, more=more))
    return records


@pytest.mark.parametrize("seed", range(4))
def test_the_same_log_gives_the_same_state_however_it_is_cut(postgres: RunningPostgres, stores: tuple[str, str],
                                                             postgres_store: Make, seed: int) -> None:  # fmt: skip
    records, store = a_history(seed), postgres_store()
    found = set()
    for cut in (1, 7, 40, len(records)):
        with closing(psycopg2.connect(stores[0])) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(digest.POSTGRES)}")
            cursor.execute("UPDATE sink_position SET source_offset = -1, next_offset = 0")
        apply(store, records, cut)
        found.add(str(digest.of_postgres(stores[0])))
    assert len(found) == 1, found


def test_positions_begin_at_the_start_and_move_with_the_rows(postgres_store: Make) -> None:
    store = postgres_store()
    assert store.positions([P0]) == {P0: START}
    write(store, [a_record(offset=0), a_record(offset=1)])
    assert store.positions([P0]) == {P0: Position(1, 2)}
    store.write([], {P0: Move(Position(1, 2), Position(9, 3))})
    assert store.positions([P0]) == {P0: Position(9, 3)}


def test_who_expects_another_position_writes_nothing(stores: tuple[str, str], postgres_store: Make) -> None:
    store, zombie = postgres_store(), postgres_store()
    write(store, [a_record(offset=0)])
    with pytest.raises(Overtaken):
        zombie.write(rows_of([a_record(offset=0, event="zombie's")]), {P0: Move(START, Position(0, 1))})
    assert query(stores[0], "SELECT count(*) FROM activity") == [(1,)]
    assert store.positions([P0]) == {P0: Position(0, 1)}
    write(zombie, [a_record(offset=1)])


def test_without_its_guard_a_zombie_moves_the_position_back(
    postgres_store: Make, guard_off: Callable[[Guard], None]
) -> None:
    store, zombie = postgres_store(), postgres_store()
    write(store, [a_record(offset=n) for n in range(5)])
    guard_off(Guard.COMPARE_AND_SET)
    zombie.write(rows_of([a_record(offset=0)]), {P0: Move(START, Position(0, 1))})
    assert store.positions([P0]) == {P0: Position(0, 1)}


def test_owners_that_race_for_every_partition_lose_and_double_nothing(
    stores: tuple[str, str], postgres_store: Make
) -> None:
    partitions = [TopicPartition(P0.topic, number) for number in range(3)]
    log = {tp: [a_record(offset=o, partition=tp.partition) for o in range(60)] for tp in partitions}
    overtaken = threading.Event()

    def own_everything(store: PostgresStore, seed: int) -> None:
        chance = random.Random(seed)
        while True:
            at = store.positions(partitions)
            batch = [r for tp in partitions for r in log[tp][at[tp].next_offset :][: chance.randint(0, 9)]]
            if all(position.next_offset == 60 for position in at.values()):
                return
            decoded = decode(batch, at, find_holes=True)
            try:
                store.write(decoded.rows, {tp: Move(at[tp], new) for tp, new in decoded.moved.items()})
            except Overtaken:
                overtaken.set()

    threads = [threading.Thread(target=own_everything, args=(postgres_store(), seed)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert overtaken.is_set()
    assert query(stores[0], "SELECT count(*), count(DISTINCT event_id) FROM activity") == [(180, 180)]


def test_a_record_that_postgres_refuses_is_named_and_leaves_nothing_behind(
    stores: tuple[str, str], postgres_store: Make
) -> None:
    huge = an_activity("post", object={"type": "post", "id": 3, "content": 0})
    body = msgspec.json.encode(huge).replace(b'"content":0', b'"content":1e999999')
    poison = a_record(body, offset=1, more={headers.CE_TYPE: b"feedmill.post.v1"})
    store = postgres_store()
    with pytest.raises(Poisoned, match="22003"):
        write(store, [a_record(offset=0), poison])
    assert query(stores[0], "SELECT count(*) FROM activity") == [(0,)]
    assert store.refusal(rows_of([a_record(offset=0)])) is None
    assert "22003" in (store.refusal(rows_of([poison])) or "")
    write(store, [a_record(offset=0)])
    assert query(stores[0], "SELECT count(*) FROM activity") == [(1,)]


def test_a_lock_that_is_held_too_long_is_transient_and_the_next_try_succeeds(
    stores: tuple[str, str], postgres_store: Make
) -> None:
    store = postgres_store()
    write(store, [a_record(offset=0)])
    store._settings = store._settings.model_copy(update={"lock_timeout_ms": 50})
    store._drop()
    with closing(psycopg2.connect(stores[0])) as frozen, frozen.cursor() as cursor:
        cursor.execute("SELECT FROM sink_position FOR UPDATE")
        with pytest.raises(Transient, match="55P03"):
            write(store, [a_record(offset=1)])
    write(store, [a_record(offset=1)])
    assert query(stores[0], "SELECT count(*) FROM activity") == [(2,)]


def test_a_lost_connection_is_transient_and_is_opened_again(stores: tuple[str, str], postgres_store: Make) -> None:
    store = postgres_store()
    write(store, [a_record(offset=0)])
    with suppress(psycopg2.errors.AdminShutdown):
        query(stores[0], "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
              "WHERE datname = current_database() AND application_name = 'feed-writer-postgres'")  # fmt: skip
    with pytest.raises(Transient):
        write(store, [a_record(offset=1)])
    write(store, [a_record(offset=1)])
    assert query(stores[0], "SELECT count(*) FROM activity") == [(2,)]


def test_a_frozen_postgres_is_given_up_and_found_again_and_what_it_does_late_is_done_once(
    postgres: RunningPostgres, stores: tuple[str, str], health: Health
) -> None:
    settings = PostgresSinkSettings(call_timeout_ms=300)
    with closing(PostgresStore(stores[0], settings, Contact(health, "postgres"))) as store:
        write(store, [a_record(offset=0)])
        at = store.positions([P0])
        backend = query(stores[0], "SELECT pid FROM pg_stat_activity WHERE application_name = 'feed-writer-postgres' "
                        "AND datname = current_database()")[0][0]  # fmt: skip
        os.kill(backend, signal.SIGSTOP)
        late = rows_of([a_record(offset=0), a_record(offset=1)])[1:]
        try:
            with pytest.raises(Transient):
                store.write(late, {P0: Move(at[P0], Position(1, 2))})
        finally:
            os.kill(backend, signal.SIGCONT)
        wait_until(lambda: store.positions([P0])[P0] == Position(1, 2), within_s=20)
        with pytest.raises(Overtaken):
            store.write(late, {P0: Move(at[P0], Position(1, 2))})
        write(store, [a_record(offset=1), a_record(offset=2)])
    assert query(stores[0], "SELECT count(*) FROM activity") == [(3,)]


def test_what_is_committed_is_told(stores: tuple[str, str], postgres_store: Make) -> None:
    store = postgres_store()
    with closing(psycopg2.connect(stores[0])) as listening:
        listening.autocommit = True
        listening.cursor().execute(f"LISTEN {CHANNEL}")
        write(store, [a_record(offset=0), a_record(offset=1)])
        with pytest.raises(Overtaken):
            store.write([], {P0: Move(START, Position(9, 9))})
        wait_until(lambda: listening.poll() == POLL_OK and listening.notifies, within_s=20)
        assert [notice.payload for notice in listening.notifies] == [f"{P0.topic}/{P0.partition}:1"]


def test_positions_too_long_for_a_notice_are_told_as_news_alone() -> None:
    many = {TopicPartition(P0.topic, number): Move(START, Position(10**12, 10**12)) for number in range(400)}
    assert str(10**12) not in told(many)


def test_every_table_is_state_or_said_to_be_none(stores: tuple[str, str]) -> None:
    found = {name for (name,) in query(stores[0], "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert found == digest.POSTGRES.keys() | digest.DERIVED_IN_POSTGRES | digest.NOT_STATE_IN_POSTGRES


USER_EDGES = "SELECT actor_id, kind, object_id, active, began_at, ended_offset FROM user_edge"


@pytest.mark.parametrize("cut", [1, 2, 3, 9])
@pytest.mark.parametrize(("begin", "end"), [("mute", "unmute"), ("block", "unblock"), ("recommend", "unrecommend")])
def test_edges_between_users_are_what_was_said_last(
    stores: tuple[str, str], postgres_store: Make, cut: int, begin: str, end: str
) -> None:
    steps = [
        an_activity(begin, object=USER),
        an_activity(begin, object=USER, occurred_at=LATER),
        an_activity(end, object=USER),
        an_activity(begin, object=USER, occurred_at=LATER),
    ]
    apply(postgres_store(), [a_record(step, offset=n) for n, step in enumerate(steps)], cut)
    assert query(stores[0], USER_EDGES) == [(1, begin, 2, True, AT.replace(hour=11), 2)]


@pytest.mark.parametrize("cut", [1, 2])
def test_a_connection_is_one_whoever_ends_it(stores: tuple[str, str], postgres_store: Make, cut: int) -> None:
    steps = [
        an_activity("connect", 2, object={"type": "user", "id": 1}),
        an_activity("disconnect", 1, object=USER),
    ]
    apply(postgres_store(), [a_record(step, offset=n) for n, step in enumerate(steps)], cut)
    assert query(stores[0], USER_EDGES) == [(1, "connect", 2, False, None, 1)]


WRITTEN = {"type": "post", "id": 9, "content": "mine", "title": "t", "url": "u", "canonical_url": "c", "tags": ["x"], "mentions": ["A"]}  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("cut", [1, 2, 9])
@pytest.mark.parametrize("erased_at", [0, 1, 3])
def test_an_erased_users_texts_are_blank_whatever_came_first(
    stores: tuple[str, str], postgres_store: Make, cut: int, erased_at: int
) -> None:
    steps = [
        an_activity("post", 2, object=WRITTEN),
        an_activity("comment", 2, object=WRITTEN | {"type": "comment"}, target={"type": "post", "id": 1}),
        an_activity("post", 3, object=WRITTEN | {"id": 10}),
    ]
    steps.insert(erased_at, an_activity("user-erased", 2, object=USER))
    apply(postgres_store(), [a_record(step, offset=n) for n, step in enumerate(steps)], cut)
    found = query(stores[0], "SELECT id, content, title, url, canonical_url, tags, mentions FROM object "
                  "WHERE author_id IS NOT NULL ORDER BY id, type")  # fmt: skip
    blank: tuple[Any, ...] = (9, None, None, None, None, [], [])
    assert found == [blank, blank, (10, "mine", "t", "u", "c", ["x"], ["A"])]
    assert query(stores[0], "SELECT (SELECT count(*) FROM object_tag), (SELECT count(*) FROM object_mention)") == [
        (1, 1)
    ]


def test_a_later_process_blanks_what_an_erased_user_still_writes(stores: tuple[str, str], postgres_store: Make) -> None:
    write(postgres_store(), [a_record(an_activity("user-erased", 2, object=USER))])
    write(postgres_store(), [a_record(an_activity("post", 2, object=WRITTEN), offset=1)])
    assert query(stores[0], "SELECT content, tags FROM object") == [(None, [])]
