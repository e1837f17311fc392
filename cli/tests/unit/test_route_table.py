from __future__ import annotations

import json
from pathlib import Path

import pytest

from feedmill.cli.routes import Route, Table, dump, load
from feedmill.cli.routes_command import of_the_apps

ROUTES = (
    Route("/v1/events", "POST", "ingest"),
    Route("/v1/users", "POST", "ingest"),
    Route("/v1/users/{id}", "GET", "api"),
    Route("/v1/users/{id}/feed", "GET", "api"),
    Route("/activity", "POST", "ingest"),
    Route("/activity", "GET", "api"),
    Route("/objects/{type}/{id}", "DELETE", "ingest"),
)


@pytest.mark.parametrize(
    ("method", "path", "service"),
    [
        ("POST", "/v1/events", "ingest"),
        ("GET", "/v1/users/1/feed", "api"),
        ("HEAD", "/v1/users/1/feed", "api"),
        ("GET", "/activity", "api"),
        ("POST", "/activity", "ingest"),
        ("DELETE", "/objects/photo/1", "ingest"),
        ("GET", "/objects/photo/1", "ingest"),  # its owner says 405
        ("PUT", "/v1/users", "ingest"),
        ("PUT", "/activity", "api"),
        ("GET", "/v1/users/1/feed/more", "api"),
        ("GET", "/nowhere", "api"),
        ("POST", "/nowhere", "api"),
    ],
)
def test_each_request_has_one_service(method: str, path: str, service: str) -> None:
    assert Table.of(ROUTES).service(method, path) == service


def test_a_written_table_reads_back_the_same(tmp_path: Path) -> None:
    written = tmp_path / "routes.json"
    written.write_text(dump(ROUTES))
    assert load(written) == tuple(sorted(ROUTES))
    assert len(json.loads(written.read_text())) == len(ROUTES)


def test_a_path_is_matched_literally() -> None:
    assert Route("/a.b/{id}", "GET", "api").pattern == r"^/a\.b/[^/]+$"


def test_the_checked_in_table_is_what_the_apps_answer() -> None:
    assert load() == of_the_apps(), "feedmill routes --write"
