"""The analytics dashboard: every query runs as the analyst and shows the town."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from feedmill.cli.deployment.warehouse_dashboard import DATASOURCE_TYPE, DATASOURCE_UID
from warehouse.analyst import Analyst
from warehouse.conftest import Mill
from warehouse.town import Town

pytestmark = pytest.mark.integration

DASHBOARD: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "deploy/grafana/dashboards/analytics.json").read_text()
)
MACROS = {
    "$__fromTime": "toDateTime('2026-10-01 00:00:00', 'UTC')",
    "$__toTime": "toDateTime('2026-10-22 00:00:00', 'UTC')",
}


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: str(panel["title"]))
def test_a_panel_shows_something_of_the_town(panel: dict[str, Any], town: tuple[Mill, Town]) -> None:
    (target,) = panel["targets"]
    sql = target["rawSql"]
    for macro, value in MACROS.items():
        sql = sql.replace(macro, value)
    assert "$" not in sql
    rows = Analyst(town[0].server).rows(sql)
    assert rows
    if panel["type"] == "timeseries":
        assert next(iter(rows[0])) == "time"
    assert any(isinstance(value, int | float) or str(value).isdigit() for value in rows[0].values())


def test_its_data_source_is_the_provisioned_one() -> None:
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["query"], variable["current"]["value"]) == (DATASOURCE_TYPE, DATASOURCE_UID)
