"""Interests on a real ClickHouse, filled by the sink's own blocks: against a plain model, whatever the order."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from feedmill.api.facts import AnswerT, Questions, RowT
from feedmill.api.queries.interests import AT_ONCE, Question, interests
from feedmill.api.wire import CategoryShare, Interests
from feedmill.cli import migrate
from feedmill.contracts.limits import FOREIGN_ID_MAX_CHARS
from feedmill.feed_writer.clickhouse.kinds import KINDS
from feedmill.feed_writer.clickhouse.store import ClickHouseStore
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.settings import ClickHouseSinkSettings
from feedmill.feed_writer.take_apart import take_apart
from feedmill.runtime.clickhouse import Ask, ClickHouse, Value
from feedmill.runtime.health import Health
from feedmill.runtime.outcome import Record
from feedmill.runtime.settings import ClickHouseSettings
from feedmill.testkit.enriched import a_bare_record, a_reading
from feedmill.testkit.reader import Reader, a_reader
from feedmill.testkit.running import RunningClickHouse
from feedmill.testkit.state import Seed

pytestmark = pytest.mark.integration

LAST = date(2026, 11, 21)
WINDOW = 15
NUMBERS = itertools.count()


@dataclass
class Warehouse:
    """A migrated database of the tests' own, a sink's store that fills it, and a client that asks it."""

    store: ClickHouseStore
    client: ClickHouse
    tokens: Iterator[int] = field(default_factory=itertools.count)

    def put(self, records: Sequence[Record]) -> None:
        """As ranges of their topics; the same records again are other ranges."""
        for topic in sorted({record.topic for record in records}):
            decoded = take_apart(
                [record for record in records if record.topic == topic], {}, KINDS[topic].judge, find_holes=False
            )
            self.store.insert(KINDS[topic].blocks_of(decoded.rows), f"{topic} {next(self.tokens)}")

    def answer(self, user_id: str) -> Interests:
        """The same, whether put together in api or in ClickHouse."""
        asked = Question(user_id, LAST - timedelta(days=WINDOW - 1), LAST, 90.0)
        found = asyncio.run(interests(self.client, asked))
        assert asyncio.run(interests(self.client, asked, at_once=0)) == found
        return found

    def shares(self, user_id: str) -> dict[str, float]:
        found = self.answer(user_id)
        assert found.counted == sum(each.readings for each in found.categories)
        return {each.category: each.share for each in found.categories}


@pytest.fixture(scope="module")
def warehouse(shared_state: str, clickhouse: RunningClickHouse) -> Iterator[Warehouse]:
    url = f"{clickhouse.url.rpartition('/')[0]}/interests_{uuid.uuid4().hex}"
    migrate.run(shared_state, url)
    store = ClickHouseStore(url, ClickHouseSinkSettings(), Contact(Health("test"), "clickhouse"))
    client = ClickHouse(ClickHouseSettings(url=SecretStr(url)), application="test")
    yield Warehouse(store, client)
    client.close()
    store.close()


@dataclass(frozen=True)
class Read:
    user: int
    content: int
    percent: float
    days_before: int

    @property
    def counts(self) -> bool:
        return self.percent > 90 and 0 <= self.days_before < WINDOW


@dataclass(frozen=True)
class Meta:
    content: int
    category: str


READS = st.builds(
    Read,
    st.integers(0, 2),
    st.integers(0, 5),
    st.sampled_from([0.0, 89.9, 90.0, 90.000001, 91.0, 100.0]),
    st.integers(-2, WINDOW + 1),
)
METAS = st.builds(Meta, st.integers(0, 5), st.sampled_from(["life", "crime", "love", "día"]))


def model(events: Sequence[Read | Meta], user: int) -> dict[str, float]:
    """What family P promises, by hand: joined rows, each category's part of all of them."""
    categories = {(event.content, event.category) for event in events if isinstance(event, Meta)}
    counts = Counter(
        category
        for event in events
        if isinstance(event, Read) and event.user == user and event.counts
        for content, category in sorted(categories)
        if content == event.content
    )
    return {category: count / counts.total() for category, count in counts.items()}


def record_of(world: str, event: Read | Meta, name: str, offset: int) -> Record:
    """As it lies in the log at this offset; the same name is the same event."""
    content = f"{world}{event.content}"
    if isinstance(event, Meta):
        meta = {"content_id": content, "category_name": event.category}
        return a_bare_record("content-meta", meta, offset=offset, event=name)
    day = str(LAST - timedelta(days=event.days_before))
    return a_bare_record(
        "read", a_reading(f"{world}{event.user}", content, event.percent, day), offset=offset, event=name
    )


@given(data=st.data(), events=st.lists(st.one_of(READS, METAS), max_size=40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_any_split_and_any_repeats_give_what_the_model_gives(
    warehouse: Warehouse, data: st.DataObject, events: list[Read | Meta]
) -> None:
    world = f"w{next(NUMBERS)}-"
    again = data.draw(st.lists(st.sampled_from(range(len(events))), max_size=10)) if events else []
    mixed = data.draw(st.permutations([*range(len(events)), *again]))
    records = [record_of(world, events[place], f"{world}{place}", offset) for offset, place in enumerate(mixed)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(mixed)), max_size=4)))
    for start, end in itertools.pairwise([0, *cuts, len(mixed)]):
        warehouse.put(records[start:end])
    for user in range(3):
        assert warehouse.shares(f"{world}{user}") == model(events, user)


def test_a_reading_counts_as_soon_as_its_content_has_a_category(warehouse: Warehouse) -> None:
    reads = [
        a_bare_record("read", a_reading("late", content, day=str(LAST)), offset=n) for n, content in enumerate("aab")
    ]
    warehouse.put(reads)
    found = warehouse.answer("late")
    assert (found.readings, found.uncategorised, found.counted, found.categories) == (3, 3, 0, [])
    metas = [{"content_id": "a", "category_name": name} for name in ("x", "y")]
    warehouse.put([a_bare_record("content-meta", meta, offset=n) for n, meta in enumerate(metas)])
    found = warehouse.answer("late")
    assert (found.readings, found.uncategorised, found.counted) == (3, 1, 4)
    assert found.categories == [CategoryShare("x", 2, 0.5), CategoryShare("y", 2, 0.5)]


@dataclass
class Counting:
    """Questions as they are asked, and how many rows came back for each."""

    client: ClickHouse
    rows: list[int] = field(default_factory=list)

    async def answer(self, questions: Callable[[Ask], AnswerT]) -> AnswerT:
        def counted(sql: str, row: type[RowT], bound: Mapping[str, Value]) -> list[RowT]:
            answered = self.client.ask(sql, row, bound)
            self.rows.append(len(answered))
            return answered

        return await self.client.answer(lambda _: questions(counted))


@pytest.mark.parametrize(
    ("contents", "letter"), [(AT_ONCE, "e"), (AT_ONCE, "é"), (AT_ONCE, "'"), (AT_ONCE + 1, "e"), (12_000, "e")]
)
def test_whoever_reads_much_is_answered_by_two_questions(warehouse: Warehouse, contents: int, letter: str) -> None:
    """Every third content has no category, every fourth two; ids as long as they may be."""
    user = f"reads {contents} {letter}"
    ids = [f"{contents}-{n}-".ljust(FOREIGN_ID_MAX_CHARS, letter) for n in range(contents)]
    days = [str(LAST - timedelta(days=n % WINDOW)) for n in range(contents)]
    warehouse.put(
        [
            a_bare_record("read", a_reading(user, content, day=day), offset=n)
            for n, (content, day) in enumerate(zip(ids, days, strict=True))
        ]
    )
    metas = [(content, name) for n, content in enumerate(ids) if n % 3 for name in ("x", "y")[: 1 if n % 4 else 2]]
    warehouse.put(
        [
            a_bare_record("content-meta", {"content_id": content, "category_name": name}, offset=n)
            for n, (content, name) in enumerate(metas)
        ]
    )
    counting = Counting(warehouse.client)
    asked = Question(user, LAST - timedelta(days=WINDOW - 1), LAST, 90.0)
    found = asyncio.run(interests(cast(Questions, counting), asked))
    assert (found.readings, found.uncategorised) == (contents, len(ids[::3]))
    assert {each.category: each.readings for each in found.categories} == Counter(name for _, name in metas)
    assert len(counting.rows) == 2
    assert sum(counting.rows) <= 3 * AT_ONCE


@pytest.fixture(scope="module")
def asked(shared_state: str, warehouse: Warehouse) -> Iterator[Reader]:
    warehouse.put([a_bare_record("read", a_reading("o'neil\t\\", "c'1", 91, "2026-11-07"), event="http")])
    warehouse.put([a_bare_record("content-meta", {"content_id": "c'1", "category_name": "ब्लॉग"}, event="http meta")])
    with a_reader(shared_state, clickhouse=warehouse.client, FEEDMILL_TRUSTED_NETWORK="true") as opened:
        yield opened


USER = "o%27neil%09%5C"


def test_a_trusted_network_needs_no_key_for_family_p(asked: Reader) -> None:
    answer = asked.get(f"/user_content/?user_id={USER}&query_date=2026-11-21", key=None)
    assert (answer.status_code, answer.json()) == (200, {"ब्लॉग": 1.0})
    assert answer.headers["feedmill-complete-through"]
    assert asked.get(f"/user_content?user_id={USER}&query_date=2026-11-21", key=None).json() == answer.json()


@pytest.mark.parametrize(("day", "expected"), [("2026-11-21", {"ब्लॉग": 1.0}), ("2026-11-07", {"ब्लॉग": 1.0}),
                                               ("2026-11-22", {}), ("2026-11-06", {})])  # fmt: skip
def test_the_window_is_a_fortnight_with_both_ends(asked: Reader, day: str, expected: dict[str, float]) -> None:
    assert asked.get(f"/user_content/?user_id={USER}&query_date={day}", key=None).json() == expected


def test_the_general_form_has_counts_and_its_own_window(asked: Reader) -> None:
    body = asked.get(f"/v1/users/{USER}/interests?on=2026-11-09&days=3&min_percent=90.5", key=None).json()
    assert body == {
        "user_id": "o'neil\t\\", "from": "2026-11-07", "to": "2026-11-09", "min_percent": 90.5, "readings": 1,
        "uncategorised": 0, "counted": 1, "categories": [{"category": "ब्लॉग", "readings": 1, "share": 1.0}],
    }  # fmt: skip
    assert asked.get(f"/v1/users/{USER}/interests?on=2026-11-09&min_percent=91", key=None).json()["readings"] == 0
    assert asked.get("/v1/users/nobody/interests", key=None).json()["categories"] == []


@pytest.mark.parametrize(
    "query",
    ["", "?user_id=1", "?query_date=2026-11-21", "?user_id=&query_date=2026-11-21", "?user_id=1&query_date=21.11.2026",
     "?user_id=1&query_date=2026-02-30", "?user_id=1&query_date=1969-12-31", "?user_id=a%00&query_date=2026-11-21"],
)  # fmt: skip
def test_what_cannot_be_asked_is_a_problem(asked: Reader, query: str) -> None:
    answer = asked.get(f"/user_content/{query}", key=None)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:feedmill:problem:bad-parameter")


@pytest.mark.parametrize("query", ["on=x", "days=0", "days=367", "days=1.5", "min_percent=-1", "min_percent=nan"])
def test_bad_parameters_of_the_general_form_too(asked: Reader, query: str) -> None:
    assert asked.get(f"/v1/users/1/interests?{query}", key=None).status_code == 400


def test_without_a_trusted_network_a_key_with_the_scope_is_needed(seed: Seed, state: str, warehouse: Warehouse) -> None:
    seed.key("analyst", owner="service:analyst", scopes=["analytics:read"])
    seed.user("ivan", key="abc123")
    path = f"/user_content/?user_id={USER}&query_date=2026-11-21"
    with a_reader(state, clickhouse=warehouse.client) as reader:
        assert [reader.get(path, key=key).status_code for key in (None, "abc123", "analyst")] == [401, 403, 200]


def test_clickhouse_away_is_said_at_once(state: str, seed: Seed) -> None:
    nowhere = ClickHouse(ClickHouseSettings(url=SecretStr("http://127.0.0.1:1/feedmill")), application="test")
    with a_reader(state, clickhouse=nowhere, FEEDMILL_TRUSTED_NETWORK="true") as reader:
        answer = reader.get("/user_content/?user_id=1&query_date=2026-11-21", key=None)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    nowhere.close()
