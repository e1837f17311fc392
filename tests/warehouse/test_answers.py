"""`/v1/analytics` over HTTP on a real ClickHouse, against brute force in plain Python."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct
from pydantic import SecretStr

from feedmill.api.queries.analytics.active_users import active_users
from feedmill.api.queries.analytics.asking import Asking, Time
from feedmill.api.queries.analytics.links import top_links
from feedmill.api.queries.analytics.retention import retention
from feedmill.api.queries.analytics.tags import top_tags
from feedmill.api.queries.analytics.trends import By, trends
from feedmill.api.settings import AnalyticsSettings
from feedmill.runtime.clickhouse import ClickHouse
from feedmill.runtime.postgres import StoreAway
from feedmill.runtime.settings import ClickHouseSettings
from feedmill.testkit.reader import Reader, a_reader
from warehouse.conftest import Mill
from warehouse.town import BEGIN, Row, Town

pytestmark = pytest.mark.integration

MONDAY = datetime(2026, 8, 3, tzinfo=UTC)
DAYS = 45
Act = tuple[int, str, datetime]


def answered(asked: Reader, path: str, **query: object) -> Any:
    sent = "&".join(f"{name}={value}" for name, value in query.items()).replace("from_", "from")
    answer = asked.get(f"/v1/analytics/{path}?{sent}", key="reads")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Feedmill-Complete-Through"]
    assert answer.headers["ETag"]
    return answer.json()


def crowd(seed: int, *, sees: bool) -> list[Act]:
    """Random doings of 30 users over six weeks, some of them at the same moment."""
    chance = random.Random(seed)
    verbs = ["like", "share", "comment", "follow"] + (["feed-read"] * 2 if sees else [])
    acts: list[Act] = []
    for user in range(1, 31):
        acts.append((user, "user-created", MONDAY + timedelta(days=chance.randint(0, DAYS - 1))))
        for _ in range(chance.choice([0, 1, 3, 12])):
            at = MONDAY + timedelta(days=chance.randint(0, DAYS - 1), hours=chance.choice([0, 0, 12, 23]))
            acts.append((user, chance.choice(verbs), at))
    return acts


def told(mill: Mill, acts: list[Act]) -> None:
    records = []
    for user, verb, at in acts:
        value: Row = {"actor_id": user, "object": {"type": "post", "id": 1}}
        if verb == "user-created":
            thing = {"type": "user", "id": user, "handle": f"u{user}", "name": "U"}
            value["object"] = thing | {"uuid": "00000000-0000-4000-8000-000000000001"}
        elif verb == "follow":
            value = {"actor_id": user, "object": {"type": "user", "id": user % 30 + 1}, "since": None}
        elif verb == "comment":
            value = {
                "actor_id": user,
                "object": {"type": "comment", "id": 1, "content": "x"},
                "target": value["object"],
            }
        elif verb == "feed-read":
            value = {"actor_id": user, "read_through": "2026-01-01T00:00:00Z"}
        records.append(mill.raw(verb, value, at=at))
    mill.take_records(records)
    mill.take_records(records[::3])  # repeats


@pytest.fixture(scope="module", params=[(1, True), (2, False)], ids=["seen", "not seen"])
def acts(request: pytest.FixtureRequest, filled_by_hand: Mill) -> list[Act]:
    filled_by_hand.clear()
    seed, sees = request.param
    made = crowd(seed, sees=sees)
    told(filled_by_hand, made)
    return made


def active_days(acts: list[Act]) -> dict[int, set[date]]:
    days: defaultdict[int, set[date]] = defaultdict(set)
    for user, verb, at in acts:
        if verb != "user-created":
            days[user].add(at.date())
    return days


def test_active_users_are_those_of_a_plain_loop(acts: list[Act], asked: Reader) -> None:
    first, last = date(2026, 8, 10), date(2026, 9, 20)
    days = active_days(acts)

    def within(day: date, length: int) -> int:
        return sum(any(0 <= (day - on).days < length for on in each) for each in days.values())

    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    wanted = [
        {"day": day.isoformat(), "daily": within(day, 1), "weekly": within(day, 7), "monthly": within(day, 30)}
        for day in every
    ]
    assert answered(asked, "active-users", from_=first, to=last)["items"] == wanted


def test_retention_is_that_of_a_plain_loop(acts: list[Act], asked: Reader) -> None:
    weeks_of = {user: {(day - MONDAY.date()).days // 7 for day in days} for user, days in active_days(acts).items()}
    newest = max(week for weeks in weeks_of.values() for week in weeks)
    wanted = []
    for cohort in range(5):
        users = [weeks for weeks in weeks_of.values() if min(weeks) == cohort]
        if users:
            active = [
                sum(cohort + k in weeks for weeks in users) if cohort + k <= newest else None for k in range(1, 5)
            ]
            monday = (MONDAY + timedelta(weeks=cohort)).date().isoformat()
            wanted.append({"week": monday, "users": len(users), "active": active})
    found = answered(asked, "retention", from_="2026-08-03", to="2026-09-06", weeks=4)
    assert found == {"weeks": 4, "items": wanted}
    assert found["items"][-1]["active"][-1] is None


def test_the_funnel_is_that_of_a_plain_loop(acts: list[Act], asked: Reader) -> None:
    begin, end = MONDAY + timedelta(days=5), MONDAY + timedelta(days=30)
    sees = any(verb == "feed-read" for _, verb, _ in acts)
    counts = Counter[str]()
    for user in range(1, 31):
        own = sorted((at, verb) for who, verb, at in acts if who == user and begin <= at < end)
        since = begin
        for step in ["feed-read", "like", "share"] if sees else ["like", "share"]:
            times = [at for at, verb in own if verb == step and at >= since]
            if not times:
                break
            since = min(times)
            counts[step] += 1
    found = answered(asked, "funnel", from_=begin.strftime("%Y-%m-%dT%H:%M:%SZ"), to=end.strftime("%Y-%m-%dT%H:%M:%SZ"))
    users = [counts["feed-read"] if sees else None, counts["like"], counts["share"]]
    assert counts["share"] > 0
    assert found["saw_recorded"] is sees
    assert [step["users"] for step in found["steps"]] == users
    assert found["steps"][0 if sees else 1]["share_of_first"] == 1.0


@pytest.mark.parametrize("by", ["day", "week", "month"])
def test_growth_is_that_of_a_plain_loop(by: str, acts: list[Act], asked: Reader) -> None:
    def begin(at: datetime) -> date:
        day = at.date()
        return {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[by]

    rows: defaultdict[date, Counter[str]] = defaultdict(Counter)
    for _, verb, at in acts:
        rows[begin(at)][verb] += 1
    users, wanted = 0, []
    for day in sorted(rows):
        new = rows[day]["user-created"]
        users += new
        counted = {"new_users": new, "users": users, "posts": 0, "activities": rows[day].total()}
        wanted.append({"begin": day.isoformat(), **counted})
    assert answered(asked, "growth", by=by, from_="2026-08-01", to="2026-12-31")["items"] == wanted
    later = [row for row in wanted if str(row["begin"]) >= "2026-09-01"]
    assert answered(asked, "growth", by=by, from_="2026-09-01", to="2026-12-31")["items"][-1] == later[-1]


def test_links_tags_categories_and_entities_are_those_of_the_raw_events(town: tuple[Mill, Town], asked: Reader) -> None:
    _, model = town
    time = {"from_": "2026-10-01", "to": "2026-10-21", "limit": 100}
    links: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in model.views["links"]:
        links[row["url"]].update({name: row[name] for name in ("posts", "likes", "shares")})
    found = {i.pop("url"): i for i in answered(asked, "links", **time)["items"]}
    assert {url: {k: v for k, v in item.items() if k != "title"} for url, item in found.items()} == links
    uses = Counter(row["tag"] for row in model.views["tag_uses"])
    assert {item["tag"]: item["uses"] for item in answered(asked, "tags", **time)["items"]} == uses
    read_on = [row for row in model.views["reading_categories"] if row["read_on_share"]]
    shares = Counter(row["category_name"] for row in read_on if row["category_name"])
    said = answered(asked, "categories", **time)
    assert {item["category"]: item["readings"] for item in said["items"]} == shares
    assert sum(item["share"] for item in said["items"]) == pytest.approx(1)
    assert said["readings"] == sum(row["read_on"] for row in model.views["readings"])
    assert said["uncategorised"] == sum(not row["category_name"] for row in read_on) > 0
    assert answered(asked, "categories", **time | {"limit": 1})["items"] == said["items"][:1]
    nothing = answered(asked, "categories", from_="2001-01-01", to="2001-01-02")
    assert (nothing["readings"], nothing["uncategorised"], nothing["items"]) == (0, 0, [])
    entities = Counter[str]()
    for row in model.views["article_entities"]:
        if row["saga_id"] == "lotr":
            entities[row["entity_id"]] += row["occurrences"]
    items = answered(asked, "sagas/lotr/entities", limit=100)["items"]
    assert {item["entity_id"]: item["total_entity_occurrences"] for item in items} == entities
    assert answered(asked, "sagas/lotr/entities", limit=1)["items"] == items[:1]


@pytest.mark.parametrize(
    ("by", "view", "name", "measure"),
    [
        ("tag", "tag_uses", "tag", "uses"),
        ("link", "links", "url", "posts"),
        ("verb", "activities", "verb", "activities"),
        ("entity", "article_entities", "entity_id", "occurrences"),
        ("category", "reading_categories", "category_name", "n"),
    ],
)
def test_trends_compare_a_time_with_as_much_before_it(
    by: str, view: str, name: str, measure: str, town: tuple[Mill, Town], asked: Reader
) -> None:
    now, before = Counter[str](), Counter[str]()
    middle = (BEGIN + timedelta(days=10)).date()
    for row in town[1].views[view]:
        if BEGIN.date() <= row["day"] < middle + timedelta(days=10) and not row[name].startswith("user-") and row[name]:
            (now if row["day"] >= middle else before)[row[name]] += row.get(measure, 1)
    wanted = sorted(
        ((now[key] - before[key], now[key], key, before[key]) for key in now if now[key]),
        key=lambda row: (-row[0], -row[1], row[2]),
    )
    items = answered(asked, "trends", by=by, from_="2026-10-11", to="2026-10-20", limit=100)["items"]
    assert [(item["change"], item["now"], item["name"], item["before"]) for item in items] == wanted
    assert items


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("links", "from=yesterday"),
        ("links", "from=2026-10-02&to=2026-10-01"),
        ("links", "to=2026-13-01"),
        ("links", "limit=0"),
        ("links", "limit=101"),
        ("trends", "by=banana"),
        ("growth", "by=hour"),
        ("growth", "from=1990-01-01"),
        ("retention", "weeks=0"),
        ("active-users", "from=2000-01-01&to=2026-01-01"),
        ("categories", "min_percent=101"),
        ("categories", "min_percent=nan"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(path: str, query: str, asked: Reader) -> None:
    answer = asked.get(f"/v1/analytics/{path}?{query}", key="reads")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_it_needs_the_scope_and_an_unchanged_answer_is_not_sent_again(town: tuple[Mill, Town], asked: Reader) -> None:
    assert asked.get("/v1/analytics/tags", key="abc123").status_code == 403
    assert asked.get("/v1/analytics/tags", key=None).status_code == 401
    path = "/v1/analytics/tags?from=2026-10-01&to=2026-10-21"
    tag = asked.get(path, key="reads").headers["ETag"]
    assert asked.get(path, key="reads", if_none_match=tag).status_code == 304


def test_without_a_warehouse_it_is_503_with_a_time_to_come_again_and_feeds_go_on(
    asked: Reader, shared_state: str
) -> None:
    settings = ClickHouseSettings(url=SecretStr("http://127.0.0.1:1/feedmill"))
    with closing(ClickHouse(settings, application="test")) as away, a_reader(shared_state, clickhouse=away) as api:
        for path in ("tags", "funnel", "active-users", "sagas/got/entities"):
            answer = api.get(f"/v1/analytics/{path}", key="reads")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert api.get("/v1/users/1", key="abc123").status_code == 200


def test_a_question_is_bounded_in_memory_and_threads(mill: Mill) -> None:
    """What the api asks with is what the server then goes by."""

    class Limits(Struct):
        memory: int
        threads: int
        time_s: float

    settings = AnalyticsSettings(query_s=3.0, query_memory_bytes=12_000_000, query_threads=1)
    url = ClickHouseSettings(url=SecretStr(mill.server.url))
    with closing(ClickHouse(url, application="test")) as clickhouse:
        asking = Asking(clickhouse, settings)
        names = {"memory": "max_memory_usage", "threads": "max_threads", "time_s": "max_execution_time"}
        sql = "SELECT " + ", ".join(f"getSetting('{name}') AS {alias}" for alias, name in names.items())
        assert asyncio.run(asking.rows(sql, Limits, {})) == [Limits(12_000_000, 1, 3.0)]
        with pytest.raises(StoreAway):
            asyncio.run(asking.rows("SELECT length(groupArray(number)) AS n FROM numbers(50000000)", dict, {}))


CROWDED = """INSERT INTO fact_activity (event_id, verb, actor_id, object_type, object_id, occurred_at, version)
SELECT generateUUIDv4(), ['post', 'like', 'share', 'comment'][1 + number % 4], 1 + number % {people:UInt32}, 'post',
       intDiv(number, 4), toDateTime64('2026-08-03 00:00:00', 6, 'UTC') + toIntervalHour(number % 997), 1
  FROM numbers({acts:UInt32})"""
POSTED = """INSERT INTO object_change
  (object_type, object_id, event_id, verb, author_id, tags, canonical_url, changed_at, version)
SELECT 'post', number, generateUUIDv4(), 'post', number, [concat('t', toString(number % 100))],
       concat('https://a.example/', toString(number % 1000)), toDateTime64('2026-08-20 00:00:00', 6, 'UTC'), 1
  FROM numbers({acts:UInt32} / 4)"""


def test_a_large_town_is_answered_in_little_memory(filled_by_hand: Mill) -> None:
    """60,000 people's 600,000 acts: no set of users a day is held, nor every object there ever was."""
    filled_by_hand.clear()
    size = {"people": 60_000, "acts": 600_000}
    for statement in (CROWDED, POSTED):
        filled_by_hand.client.command(statement, parameters=size)
    first, last = date(2026, 8, 3), date(2026, 9, 13)
    time = Time(MONDAY, MONDAY + timedelta(days=42))
    settings = ClickHouseSettings(url=SecretStr(filled_by_hand.server.url))

    async def ask(asking: Asking) -> None:
        assert max(day.monthly for day in await active_users(asking, first, last)) == size["people"]
        assert sum(cohort.users for cohort in await retention(asking, first, last, 6)) == size["people"]
        assert sum(tag.uses for tag in await top_tags(asking, time, 100)) == size["acts"] // 4
        assert [link.posts for link in await top_links(asking, time, 1)] == [150]
        assert [trend.now for trend in await trends(asking, By.TAG, time, 1)] == [1_500]

    with closing(ClickHouse(settings, application="test")) as clickhouse:
        asyncio.run(ask(Asking(clickhouse, AnalyticsSettings(query_memory_bytes=100_000_000))))
