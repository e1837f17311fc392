"""Whatever the door accepts can be stored: what Hypothesis can think of goes through every sink, and nothing that was
accepted ends in a dead letter.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedmill.cli.arrivals import ClickHouseEnd, End, PostgresEnd, clickhouse
from feedmill.contracts.topics import ENRICHED, RAW, dead_letters_of
from feedmill.contracts.verbs import EDGE_VERBS
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import LogReader
from feedmill.runtime.outcome import TopicPartition
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.people import Operator

pytestmark = pytest.mark.e2e

ARRIVAL_S = 60.0
FAR = 10**12
"""Ids from here on are nobody's in the other tests."""
MAX_ID = 2**53 - 1

UGLY = [
    "\x00",
    "\ud800",
    "\udfff",
    "\u202e",
    "\ufeff",
    "\ufffe",
    "\U0010ffff",
    "e\u0301",
    "🏳️‍🌈",
    "'; --",
    "\\x",
    "\x7f\x80",
    "",
]
TEXT = st.text(max_size=60) | st.sampled_from(UGLY) | st.text(st.characters(codec=None), max_size=20)
NUMBER = st.integers() | st.floats() | st.sampled_from([2**53, -(2**53), 2**63, 10**400, 5e-324, 1.7e308, -0.0])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
ID = st.integers(FAR, MAX_ID) | st.sampled_from([FAR, MAX_ID, MAX_ID + 1])
FOREIGN_ID = TEXT | st.integers(-(2**54), 2**54)
ODD_TIMES = (
    "1970-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00+14:00",
    "2026-02-29T00:00:00Z",
    "2026-01-01T00:00:00.123456789Z",
    "2026-01-01t00:00:00-23:59",
    "9999-12-31T23:59:59-00:01",
    "2016-12-31T23:59:60Z",
)
TIME = st.none() | st.datetimes().map(lambda at: f"{at.isoformat()}Z") | st.sampled_from(ODD_TIMES)
URL = st.none() | TEXT | TEXT.map(lambda text: f"https://example.org/{text}") | st.just("http://[::1]:99999999/%zz?&=#")
POST_TYPE = st.sampled_from(["post", "photo", "link", "article"])
THING = st.fixed_dictionaries({"type": POST_TYPE | st.just("comment"), "id": ID})
USER = st.fixed_dictionaries({"type": st.just("user"), "id": ID})
ON_THING = st.fixed_dictionaries({"actor_id": ID, "object": THING})
ON_USER = st.fixed_dictionaries({"actor_id": ID, "object": USER})

DATA = {
    "post": st.fixed_dictionaries(
        {
            "actor_id": ID,
            "object": st.fixed_dictionaries({"type": POST_TYPE, "content": JSON}, optional={"url": URL, "title": TEXT}),
        },
        optional={"space_id": ID},
    ),
    "comment": st.fixed_dictionaries(
        {
            "actor_id": ID,
            "object": st.fixed_dictionaries({"type": st.just("comment"), "content": JSON}),
            "target": THING,
        }
    ),
    "follow": st.fixed_dictionaries(
        {"actor_id": ID, "object": USER}, optional={"backfill": st.sampled_from(["all", "none", 0, 3, MAX_ID])}
    ),
    "read": st.fixed_dictionaries(
        {
            "user_id": FOREIGN_ID,
            "content_id": FOREIGN_ID,
            "read_percent": st.floats(-1, 101) | NUMBER,
            "updated_at": st.dates().map(str),
        }
    ),
    "content-meta": st.fixed_dictionaries({"content_id": FOREIGN_ID, "category_name": TEXT}),
    "article": st.fixed_dictionaries(
        {"id": TEXT, "time": st.integers(-1, 2**33), "readers": st.integers(-1, 2**33), "text": TEXT}
    ),
    **dict.fromkeys(("delete", "like", "unlike", "share"), ON_THING),
}


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    verb = draw(st.sampled_from([verb.name for verb in EDGE_VERBS]))
    made = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": draw(st.just("ugly") | TEXT),
        "type": f"feedmill.{verb}.v1",
        "data": draw(DATA.get(verb, ON_USER)),
    }
    at = draw(TIME)
    return made if at is None else {**made, "time": at}


WAREHOUSE_SQL = """SELECT toString(event_id) FROM fact_reading WHERE event_id IN %(ids)s
 UNION ALL SELECT toString(event_id) FROM content_change WHERE event_id IN %(ids)s
 UNION ALL SELECT toString(event_id) FROM article WHERE event_id IN %(ids)s"""


class WarehouseEnd:
    """What ClickHouse alone keeps: readings, contents' categories, articles."""

    name = "ClickHouse"

    def __init__(self, url: str) -> None:
        self._client = clickhouse(url)

    def applied(self) -> dict[int, int]:
        return {}  # nobody asks

    def seen(self, ids: Sequence[str]) -> set[str]:
        return {row[0] for row in self._client.query(WAREHOUSE_SQL, parameters={"ids": list(ids)}).result_rows}

    def close(self) -> None:
        self._client.close()


class Ends:
    """Where accepted events must be, and where they must not."""

    def __init__(self, operator: Operator) -> None:
        connections = operator.platform.connections
        self._stores: list[End] = [PostgresEnd(connections.postgres), ClickHouseEnd(connections.clickhouse)]
        self._warehouse: list[End] = [WarehouseEnd(connections.clickhouse)]
        self._log = LogReader(KafkaSettings(bootstrap_servers=connections.kafka))

    def dead_letters(self) -> dict[str, int]:
        names = [dead_letters_of(topic.name).name for topic in (*RAW, *ENRICHED)]
        return {name: self._log.ends(TopicPartition(name, 0))[1] for name in names}

    def missing(self, activities: list[str], bare: list[str]) -> list[str]:
        """Those that are not in every store that keeps them within the deadline; `bare`: of the other topics."""
        deadline = Deadline(ARRIVAL_S)
        return self._missing(self._stores, activities, deadline) + self._missing(self._warehouse, bare, deadline)

    def _missing(self, stores: list[End], event_ids: list[str], deadline: Deadline) -> list[str]:
        left = set(event_ids)
        while left and not deadline.passed:
            left -= set[str].intersection(*(store.seen(sorted(left)) for store in stores))
        return sorted(left)

    def close(self) -> None:
        self._log.close()
        for store in (*self._stores, *self._warehouse):
            store.close()


@pytest.fixture(scope="module")
def ends(operator: Operator) -> Any:
    made = Ends(operator)
    yield made
    made.close()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(events(), min_size=1, max_size=60))
def test_what_the_door_accepts_goes_through_every_sink(
    operator: Operator, ends: Ends, sent: list[dict[str, Any]]
) -> None:
    before = ends.dead_letters()
    lines = "\n".join(json.dumps(event) for event in sent)
    answer = operator.request("POST", "/v1/events", {"Content-Type": "application/x-ndjson"}, content=lines.encode())
    assert answer.status_code in (200, 202), answer.text
    results = answer.json()["results"]
    assert len(results) == len(sent)
    for result in results:
        assert result["status"] in ("accepted", "invalid"), result
        assert result["status"] == "accepted" or result["error"]["code"]
    taken = [(result["position"], result["event_id"]) for result in results if result["status"] == "accepted"]
    activities = [id for place, id in taken if place.startswith("activity.")]
    assert ends.missing(activities, [id for place, id in taken if not place.startswith("activity.")]) == []
    assert ends.dead_letters() == before
