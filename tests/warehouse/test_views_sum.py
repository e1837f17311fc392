"""Whatever a view of `analytics` offers as a measure sums to what the raw events say, for any group-by."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from warehouse.conftest import Mill
from warehouse.town import BEGIN, Row, Town

pytestmark = pytest.mark.integration


MEASURES: Mapping[str, Sequence[str]] = {
    "activities": ["activities"],
    "activities_as_it_was": ["activities"],
    "user_days": ["activities", "posts", "likes", "comments", "shares", "user_days"],
    "links": ["posts", "likes", "shares"],
    "tag_uses": ["uses"],
    "readings": ["readings", "read_on"],
    "reading_categories": ["readings_share", "read_on_share"],
    "articles": ["readers", "articles"],
    "articles_set_aside": ["readers", "articles"],
    "article_entities": ["occurrences", "readers_share"],
}
DIMENSIONS: Mapping[str, Sequence[str]] = {
    "activities": ["verb", "actor_id", "object_type", "object_id", "day"],
    "activities_as_it_was": ["verb", "actor_id", "college", "day"],
    "user_days": ["day", "actor_id"],
    "links": ["object_type", "object_id", "author_id", "url", "host", "day"],
    "tag_uses": ["object_id", "author_id", "tag", "day"],
    "readings": ["user_id", "content_id", "day"],
    "reading_categories": ["user_id", "content_id", "category_name", "day"],
    "articles": ["id", "saga_id", "day"],
    "articles_set_aside": ["id", "reason", "day"],
    "article_entities": ["saga_id", "entity_id", "day"],
}


def test_every_view_with_a_measure_is_here(town: tuple[Mill, Town]) -> None:
    """What a view calls additive is what is summed below; nothing else in it is a measure."""
    mill, _ = town
    rows = mill.rows(
        "SELECT table, groupArray(name) FROM system.columns"
        " WHERE database = 'analytics' AND comment LIKE '%additive%' GROUP BY table"
    )
    assert {table: set(names) for table, names in rows} == {view: set(names) for view, names in MEASURES.items()}
    views = mill.rows("SELECT name FROM system.tables WHERE database = 'analytics'")
    assert {name for (name,) in views} == set(MEASURES)


@pytest.mark.parametrize("view", sorted(MEASURES))
def test_sums_are_those_of_the_raw_events_for_any_group_by(view: str, town: tuple[Mill, Town]) -> None:
    mill, model = town
    sums_agree(mill, f"analytics.{view}", model.views[view], DIMENSIONS[view], MEASURES[view])


def test_so_are_those_of_the_views_beside_the_facts(town: tuple[Mill, Town]) -> None:
    """Those of the database `feedmill` that are neither a dimension nor its past nor a bridge between two."""
    mill, model = town
    views = mill.rows(
        "SELECT name FROM system.tables WHERE database = 'feedmill' AND engine = 'View'"
        " AND NOT match(name, '^dim_|_history$|^content_category$')"
    )
    assert {name for (name,) in views} == {"activity_by_day", "reading_by_day"}
    sums_agree(mill, "activity_by_day", model.views["activities"], ["verb", "day"], ["activities"])
    readings = [row | {"read_through": row["read_on"]} for row in model.views["readings"]]
    sums_agree(mill, "reading_by_day", readings, ["user_id", "day", "content_id"], ["readings", "read_through"])


def sums_agree(
    mill: Mill, view: str, expected: Sequence[Row], dimensions: Sequence[str], measures: Sequence[str]
) -> None:
    """Over nothing, over everything, and over some of its columns."""
    assert expected
    chance = random.Random(view)
    groupings = [[], list(dimensions)]
    groupings += [chance.sample(dimensions, chance.randint(1, len(dimensions))) for _ in range(6)]
    for columns in groupings:
        sums = ", ".join(f"sum({measure})" for measure in measures)
        shown = ", ".join(columns) + ", " if columns else ""
        by = f" GROUP BY {', '.join(columns)}" if columns else ""
        found = mill.rows(f"SELECT {shown}{sums} FROM {view}{by}")
        width = len(columns)
        wanted = summed(expected, columns, measures)
        got = {row[:width]: row[width:] for row in found}
        assert got.keys() == wanted.keys()
        for key, values in wanted.items():
            assert got[key] == pytest.approx(values), (view, columns, key)


def summed(
    rows: Iterable[Row], columns: Sequence[str], measures: Sequence[str]
) -> dict[tuple[Any, ...], Sequence[float]]:
    sums: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        into = sums.setdefault(tuple(row[column] for column in columns), [0.0] * len(measures))
        for place, measure in enumerate(measures):
            into[place] += row[measure]
    return {key: tuple(values) for key, values in sums.items()}


def test_dimensions_have_one_row_a_key_so_that_joining_them_multiplies_nothing(town: tuple[Mill, Town]) -> None:
    mill, _ = town
    keys = {
        "dim_user": "user_id",
        "dim_object": "object_type, object_id",
        "dim_content": "content_id",
        "dim_entity": "entity_id",
        "dim_saga": "saga_id",
        "dim_date": "date",
        "dim_space": "space_id",
    }
    for table, key in keys.items():
        assert mill.one(f"SELECT count() - uniqExact(({key})) FROM {table}") == 0, table
        assert mill.one(f"SELECT count() FROM {table}") > 0, table


def test_periods_of_a_user_follow_one_another_and_the_last_one_lasts(town: tuple[Mill, Town]) -> None:
    mill, model = town
    for user, changes in model.colleges.items():
        rows = mill.rows(
            "SELECT college, valid_from, valid_to, is_current FROM user_history WHERE user_id = {u:Int64} ORDER BY 2",
            u=user,
        )
        assert [row[0] for row in rows] == [college for _, college in changes]
        assert all(before[2] == after[1] for before, after in pairwise(rows))
        assert [row[3] for row in rows] == [False] * (len(rows) - 1) + [True]
    mill.take("user-erased", {"actor_id": 1, "object": {"type": "user", "id": 1}}, at=BEGIN + timedelta(days=30))
    assert mill.rows("SELECT DISTINCT name, college FROM user_history WHERE user_id = 1") == [("", "")]
