"""The data dictionary says of every table and view what the server says, and of every measure how it may be summed."""

from __future__ import annotations

import pytest

from feedmill.cli import warehouse_doc
from feedmill.cli.migration_files import folder_of, load
from warehouse.conftest import Mill

pytestmark = pytest.mark.integration

MEASURES = ("readers", "entity_counter", "read_percent", "occurrences", "activities", "likes")


def test_the_page_is_what_the_migrations_say() -> None:
    assert warehouse_doc.main(["--check"]) == 0


def test_every_table_and_view_has_its_columns_and_grain_on_the_page(filled_by_hand: Mill) -> None:
    known = warehouse_doc.things(load(folder_of("clickhouse")))
    rows = filled_by_hand.rows(
        "SELECT if(database = 'feedmill', table, database || '.' || table), groupArray(name)"
        " FROM (SELECT * FROM system.columns WHERE database IN ('feedmill', 'analytics') ORDER BY position)"
        " WHERE table NOT LIKE '.inner%' AND table != 'schema_migration' GROUP BY 1"
    )
    assert {name: [column.name for column in thing.columns] for name, thing in known.items()} == dict(rows)
    for thing in known.values():
        assert "Grain:" in thing.purpose + thing.comment, thing.name
    views = [thing for name, thing in known.items() if name.startswith("analytics.")]
    assert all("Additive:" in view.comment for view in views)


def test_every_measure_says_how_it_may_be_summed() -> None:
    known = warehouse_doc.things(load(folder_of("clickhouse")))
    for thing in known.values():
        if not thing.name.startswith(("fact_", "analytics.")):
            continue
        for column in thing.columns:
            if column.name in MEASURES:
                assert "additive" in column.comment or "never sum" in column.comment, f"{thing.name}.{column.name}"
