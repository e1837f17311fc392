"""The analytics dashboard: what happens in the town, asked of ClickHouse as the analyst. A test runs every query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from feedmill.cli.deployment.grafana import GRAPH_HEIGHT, SCHEMA_VERSION, STAT_HEIGHT, WIDTH, Json

DATASOURCE_TYPE = "grafana-clickhouse-datasource"
DATASOURCE_UID = "feedmill-clickhouse"
TIME = "BETWEEN toDate($__fromTime) AND toDate($__toTime)"
"""The dashboard's time, in days."""

Kind = Literal["stat", "timeseries", "barchart", "table"]


@dataclass(frozen=True, slots=True)
class Asked:
    """`timeseries` has a column `time` first; `barchart` and `table` show rows as they come."""

    title: str
    kind: Kind
    sql: str
    help: str = ""
    unit: str = "short"


def of_days(measure: str, view: str, by: str, where: str = "") -> str:
    """A measure that may be summed, day by day, a line for each value of `by`."""
    return (
        f"SELECT toDateTime(day) AS time, toString({by}) AS name, sum({measure}) AS value FROM analytics.{view}"  # noqa: S608
        f" WHERE day {TIME}{where} GROUP BY time, name ORDER BY time, name"
    )


ROWS: Sequence[Sequence[Asked]] = (
    (
        Asked("Activities", "stat", f"SELECT sum(activities) FROM analytics.activities WHERE day {TIME}"),  # noqa: S608
        Asked("Active users", "stat", f"SELECT uniqExact(actor_id) FROM analytics.user_days WHERE day {TIME}"),  # noqa: S608
        Asked("Readings", "stat", f"SELECT sum(readings) FROM analytics.readings WHERE day {TIME}"),  # noqa: S608
        Asked("Readers of articles", "stat", f"SELECT sum(readers) FROM analytics.articles WHERE day {TIME}"),  # noqa: S608
        Asked(
            "Articles set aside",
            "stat",
            f"SELECT sum(articles) FROM analytics.articles_set_aside WHERE day {TIME}",  # noqa: S608
            help="Empty or unreadable texts: in no count of entities.",
        ),
    ),
    (
        Asked("Activities by verb", "timeseries", of_days("activities", "activities", "verb")),
        Asked(
            "Active users a day",
            "timeseries",
            "SELECT toDateTime(day) AS time, uniqExact(actor_id) AS users FROM analytics.user_days"  # noqa: S608
            f" WHERE day {TIME} GROUP BY time ORDER BY time",
            help="Distinct users: not to be summed over days.",
        ),
    ),
    (
        Asked(
            "Links",
            "table",
            "SELECT url, sum(links.posts) AS posts, sum(links.likes) AS likes, sum(links.shares) AS shares"  # noqa: S608
            f" FROM analytics.links AS links WHERE day {TIME}"
            " GROUP BY url ORDER BY posts + likes + shares DESC, url LIMIT 10",
        ),
        Asked(
            "Tags",
            "barchart",
            "SELECT tag, sum(tag_uses.uses) AS uses FROM analytics.tag_uses AS tag_uses"  # noqa: S608
            f" WHERE day {TIME} GROUP BY tag ORDER BY uses DESC, tag LIMIT 10",
        ),
    ),
    (
        Asked("Readers by saga", "timeseries", of_days("readers", "articles", "saga_id")),
        Asked(
            "Entities",
            "barchart",
            "SELECT name, sum(fact.occurrences) AS occurrences FROM analytics.article_entities AS fact"  # noqa: S608
            f" JOIN feedmill.dim_entity USING entity_id WHERE day {TIME}"
            " GROUP BY name ORDER BY occurrences DESC, name LIMIT 10",
        ),
        Asked(
            "What is read, by category",
            "barchart",
            "SELECT category_name, sum(fact.read_on_share) AS readings FROM analytics.reading_categories AS fact"  # noqa: S608
            f" WHERE day {TIME} AND category_name != '' GROUP BY category_name"
            " ORDER BY readings DESC, category_name LIMIT 10",
            help="Readings beyond 90 %, each divided among its content's categories.",
        ),
    ),
)


def document() -> Json:
    """As Grafana's file provisioning takes it."""
    return {
        "uid": "feedmill-analytics",
        "title": "Feedmill: analytics",
        "tags": ["feedmill"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "timezone": "utc",
        "refresh": "1m",
        "time": {"from": "now-30d", "to": "now"},
        "templating": {"list": [_variable()]},
        "links": [],
        "annotations": {"list": []},
        "panels": _placed(),
    }


def _variable() -> Json:
    return {
        "name": "datasource",
        "label": "ClickHouse",
        "type": "datasource",
        "query": DATASOURCE_TYPE,
        "current": {"text": "Feedmill ClickHouse", "value": DATASOURCE_UID},
        "hide": 0,
    }


def _placed() -> list[Json]:
    panels: list[Json] = []
    top = 0
    for row in ROWS:
        height = STAT_HEIGHT if all(asked.kind == "stat" for asked in row) else GRAPH_HEIGHT
        width = WIDTH // len(row)
        for column, asked in enumerate(row):
            place = {"x": column * width, "y": top, "w": width, "h": height}
            panels.append(_panel(asked, len(panels) + 1, place))
        top += height
    return panels


def _panel(asked: Asked, number: int, place: dict[str, int]) -> Json:
    source = {"type": DATASOURCE_TYPE, "uid": "${datasource}"}
    over_time = asked.kind == "timeseries"
    target = {
        "refId": "A",
        "datasource": source,
        "editorType": "sql",
        "queryType": "timeseries" if over_time else "table",
        "format": 0 if over_time else 1,
        "rawSql": asked.sql,
    }
    return {
        "id": number,
        "type": asked.kind,
        "title": asked.title,
        "description": asked.help,
        "datasource": source,
        "gridPos": place,
        "targets": [target],
        "fieldConfig": {"defaults": {"unit": asked.unit, "min": 0}, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
        if asked.kind == "stat"
        else {},
    }
