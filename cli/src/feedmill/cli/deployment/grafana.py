"""What a Grafana dashboard is made of, as JSON-ready values: a grid of panels that query Prometheus.

Written by hand: the one indexed version of Grafana's SDK for Python is for Grafana 10.1, and this is all we need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DATASOURCE_UID = "feedmill-prometheus"
"""The uid that deploy/grafana/provisioning gives the data source; the dashboards' variable begins with it."""

SCHEMA_VERSION = 39
"""Grafana 11's; later versions migrate it by themselves."""

WIDTH = 24
STAT_HEIGHT, GRAPH_HEIGHT = 4, 8

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Query:
    """`legend` may use labels: {{job}}."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph over time, or one figure (`stat`). `unit` is Grafana's: s, ops, reqps, bytes, percentunit, short."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    help: str = ""
    stat: bool = False
    bad_above: float | None = None
    """Red from here on."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    uid: str
    title: str
    rows: tuple[tuple[Panel, ...], ...]
    """Panels of a row share its width."""


def graph(title: str, *queries: Query, unit: str = "short", help: str = "") -> Panel:
    return Panel(title, queries, unit, help)


def figure(title: str, expr: str, *, unit: str = "short", help: str = "", bad_above: float | None = None) -> Panel:
    return Panel(title, (Query(expr),), unit, help, stat=True, bad_above=bad_above)


def quantiles(histogram: str, *, by: str = "", where: str = "") -> tuple[Query, ...]:
    """p50 and p99 of a histogram's name, split by a label where one is given."""
    labels = f"le, {by}" if by else "le"
    shown = f" {{{{{by}}}}}" if by else ""
    return tuple(
        Query(
            f"histogram_quantile(0.{q}, sum by ({labels}) (rate({histogram}_bucket{where}[$__rate_interval])))",
            f"p{q}{shown}",
        )
        for q in ("50", "99")
    )


def document(dashboard: Dashboard) -> Json:
    """The dashboard as Grafana's file provisioning takes it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["feedmill"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "timezone": "utc",
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "templating": {"list": [_datasource_variable()]},
        "links": [
            {
                "type": "dashboards",
                "title": "Feedmill",
                "tags": ["feedmill"],
                "asDropdown": True,
                "keepTime": True,
                "includeVars": True,
            }
        ],
        "annotations": {"list": []},
        "panels": _placed(dashboard.rows),
    }


def _datasource_variable() -> Json:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {"text": "Feedmill Prometheus", "value": DATASOURCE_UID},
        "hide": 0,
    }


def _placed(rows: Sequence[Sequence[Panel]]) -> list[Json]:
    panels: list[Json] = []
    top = 0
    for row in rows:
        height = STAT_HEIGHT if all(panel.stat for panel in row) else GRAPH_HEIGHT
        width = WIDTH // len(row)
        for column, panel in enumerate(row):
            place = {"x": column * width, "y": top, "w": width, "h": height}
            panels.append(_panel(panel, number=len(panels) + 1, place=place))
        top += height
    return panels


def _panel(panel: Panel, *, number: int, place: dict[str, int]) -> Json:
    source = {"type": "prometheus", "uid": "${datasource}"}
    targets = [
        {"refId": chr(ord("A") + i), "datasource": source, "expr": query.expr, "legendFormat": query.legend or "__auto"}
        for i, query in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": "stat" if panel.stat else "timeseries",
        "title": panel.title,
        "description": panel.help,
        "datasource": source,
        "gridPos": place,
        "targets": targets,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _stat_options() if panel.stat else _graph_options(),
    }


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.bad_above is not None:
        steps.append({"color": "red", "value": panel.bad_above})
    defaults: Json = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if not panel.stat:
        defaults["custom"] = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": False}
    return defaults


def _stat_options() -> Json:
    return {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "graphMode": "area"}


def _graph_options() -> Json:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
