"""Alerts, dashboards and provisioning, read as files and held to the metrics that the code declares."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from feedmill.cli.deployment import __main__ as deployment
from feedmill.cli.deployment import warehouse_dashboard
from feedmill.cli.deployment.grafana import DATASOURCE_UID
from feedmill.runtime.metrics import TABLE

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARDS = {
    path.stem: json.loads(path.read_text())
    for path in sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
    if path.stem != "analytics"  # asks ClickHouse: tests/warehouse runs its queries
}

OTHERS = {
    "up": {"job", "instance"},  # Prometheus itself
    "process_resident_memory_bytes": set(),
    "process_cpu_seconds_total": set(),
    "ClickHouseAsyncMetrics_MaxPartCountForPartition": set(),
    "ClickHouseMetrics_MemoryTracking": set(),
    "ClickHouseProfileEvents_InsertedRows": set(),
}
"""Metrics that are not ours to declare, with their labels."""

SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
LABELS_OF: Mapping[str, set[str]] = {
    **OTHERS,
    **{name + suffix: set(metric.labels) for name, metric in TABLE.items() for suffix in SUFFIXES[metric.kind]},
}
EVERYWHERE = {"job", "instance", "le"}

WORDS = {"by", "without", "on", "ignoring", "and", "or", "unless", "bool", "offset", "group_left", "group_right"}
GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
MATCHERS = re.compile(r"\{([^{}]*)\}")


def selectors(expr: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric an expression asks for, with the labels it is matched by."""
    plain = GROUPING.sub(" ", re.sub(r"\[[^\]]*\]", "", expr))
    quiet = re.sub(r'"[^"]*"', '""', plain)
    for found in re.finditer(r"([a-zA-Z_:][\w:]*)\s*(\{[^{}]*\})?(\s*\()?", quiet):
        name, matchers, called = found.groups()
        if called or name in WORDS:
            continue
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers or ""))


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield f"alert {rule['alert']}", rule["expr"]
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]


EXPRESSIONS = list(expressions())
every_expression = pytest.mark.parametrize("expr", [e for _, e in EXPRESSIONS], ids=[place for place, _ in EXPRESSIONS])


@every_expression
def test_every_metric_that_is_asked_for_is_declared(expr: str) -> None:
    asked = list(selectors(expr))
    assert asked
    for name, labels in asked:
        assert name in LABELS_OF, f"{name} is no metric of feedmill.runtime.metrics"
        assert labels <= LABELS_OF[name] | EVERYWHERE, f"{name} has no label {labels - LABELS_OF[name]}"


@every_expression
def test_what_is_grouped_by_is_a_label(expr: str) -> None:
    known = set().union(*(LABELS_OF[name] for name, _ in selectors(expr))) | EVERYWHERE
    for group in GROUPING.findall(expr):
        assert {label.strip() for label in group.split(",") if label.strip()} <= known


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_what_is_seen_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    runbook = ROOT / rule["annotations"]["runbook"]
    assert rule["alert"] in runbook.read_text().splitlines()[0], "the runbook's title names the alerts it is for"


def test_no_runbook_is_left_without_its_alert() -> None:
    """A title that begins with names of alerts belongs to alerts; other runbooks are for work that is planned."""
    named = {rule["alert"] for rule in RULES}
    for path in sorted((ROOT / "docs/runbooks").glob("*.md")):
        title, _, rest = path.read_text().splitlines()[0].removeprefix("# ").partition(": ")
        if rest and re.fullmatch(r"[A-Z][a-z]+([A-Z][a-z]+)+(, [A-Z]\w+)*", title):
            assert set(title.split(", ")) <= named, f"{path.name} is for an alert that is gone"


def test_the_derived_files_are_what_the_code_says() -> None:
    assert deployment.stale(DEPLOY) == []


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_a_dashboard_can_be_provisioned(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert dashboard["uid"] == f"feedmill-{name}"
    (variable,) = dashboard["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    assert variable["current"]["value"] == DATASOURCE_UID
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_panels_fill_the_width_and_lie_on_nobody(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARDS[name]["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_the_data_sources_have_fixed_uids() -> None:
    provisioned = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/feedmill.yml").read_text())
    by_uid = {source["uid"]: source for source in provisioned["datasources"]}
    assert by_uid.keys() == {DATASOURCE_UID, "feedmill-alertmanager", warehouse_dashboard.DATASOURCE_UID}
    assert by_uid[DATASOURCE_UID]["isDefault"] is True


def test_grafana_looks_for_dashboards_where_compose_mounts_them() -> None:
    (provider,) = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/feedmill.yml").read_text())["providers"]
    mounts = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts


def test_prometheus_asks_every_service_of_compose_at_its_own_port() -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"][0] for job in scraped}
    for name in ("ingest", "api", "enricher", "feed-writer-postgres", "feed-writer-clickhouse", "audit"):
        host, _, port = targets[name].partition(":")
        assert host == name
        assert f"http://127.0.0.1:{port}/" in services[name]["healthcheck"]["test"][-1]


def test_alertmanager_sends_every_severity_somewhere() -> None:
    config = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text())
    receivers = {receiver["name"] for receiver in config["receivers"]}
    named = {config["route"]["receiver"], *(route["receiver"] for route in config["route"]["routes"])}
    assert named <= receivers
