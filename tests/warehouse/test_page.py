"""`/analytics`: it shows the town, escapes what people wrote, asks for a key, and fetches nothing from elsewhere."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import closing
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from feedmill.api import rendered
from feedmill.runtime.clickhouse import ClickHouse
from feedmill.runtime.settings import ClickHouseSettings
from feedmill.testkit.reader import Reader, a_reader
from warehouse.conftest import Mill
from warehouse.town import Town

pytestmark = pytest.mark.integration

UPLOT = {  # npm package uplot 1.6.32
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
TIME = "from=2026-10-01&to=2026-10-21"


def test_the_page_shows_the_town(town: tuple[Mill, Town], asked: Reader) -> None:
    answer = asked.get(f"/analytics?{TIME}", key="reads", accept="text/html")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = answer.text
    assert (
        f"<b>{len(town[1].views['activities']) - 13:,}</b>activities" in page
    )  # 12 signed up and a space began before
    for shown in ("#rust", "https://a.example/x", "Sam Gamgee", "Arya", "war", 'data-numbers="users"'):
        assert shown in page, shown
    users = re.search(r'id="users">(.*?)</script>', page)
    assert users is not None
    numbers = json.loads(users[1])
    assert numbers["names"] == ["daily", "weekly", "monthly"]
    assert {len(values) for values in numbers["values"]} == {len(numbers["time"])} == {21}
    assert max(numbers["values"][2]) == 12


def test_what_people_wrote_is_text_and_nothing_is_fetched_from_elsewhere(mill: Mill, asked: Reader) -> None:
    url = "https://x.example/</script><script>alert(1)</script>"
    thing = {"type": "link", "id": 1, "content": "#<b>", "url": url, "title": "<img src=x>"}
    mill.take("post", {"actor_id": 1, "object": thing}, at=datetime(2026, 10, 2, tzinfo=UTC))
    answer = asked.get(f"/analytics?{TIME}", key="reads", accept="text/html")
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text
    assert set(re.findall(r'(?:src|href)="([^"]+)"', answer.text)) == {
        "data:,",
        "/analytics/page.css",
        "/analytics/page.js",
        "/analytics/uPlot.iife.min.js",
        "/analytics/uPlot.min.css",
    }
    assert answer.headers["Content-Security-Policy"] == rendered.POLICY


@pytest.mark.parametrize("key", [None, "abc123", "unknown"])
def test_a_browser_without_a_key_that_may_is_asked_for_one_a_program_gets_a_problem(
    key: str | None, asked: Reader
) -> None:
    page = asked.get("/analytics", key=key, accept="text/html,*/*")
    assert page.status_code in (401, 403)
    assert 'form id="key"' in page.text
    assert asked.get("/analytics", key=key).headers["content-type"] == "application/problem+json"


def test_on_a_trusted_network_no_key_is_needed(town: tuple[Mill, Town], shared_state: str) -> None:
    settings = ClickHouseSettings(url=SecretStr(town[0].server.url))
    with (
        closing(ClickHouse(settings, application="test")) as clickhouse,
        a_reader(shared_state, clickhouse=clickhouse, FEEDMILL_TRUSTED_NETWORK="true") as api,
    ):
        assert api.get(f"/analytics?{TIME}", key=None).status_code == 200


def test_a_bad_time_and_a_warehouse_that_is_away_are_said_on_a_page(asked: Reader, shared_state: str) -> None:
    assert (
        "from must lie before to"
        in asked.get("/analytics?from=2026-02-01&to=2026-01-01", key="reads", accept="text/html").text
    )
    settings = ClickHouseSettings(url=SecretStr("http://127.0.0.1:1/feedmill"))
    with closing(ClickHouse(settings, application="test")) as away, a_reader(shared_state, clickhouse=away) as api:
        answer = api.get("/analytics", key="reads", accept="text/html")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "A store" in answer.text


@pytest.mark.parametrize("name", sorted(rendered.ASSETS))
def test_its_files_are_served_and_uplot_is_unchanged(name: str, asked: Reader) -> None:
    answer = asked.get(f"/analytics/{name}", key=None)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(rendered.ASSETS[name])
    if name in UPLOT:
        assert hashlib.sha256(answer.content).hexdigest() == UPLOT[name]
    assert "Leon Sorokin" in (rendered.FOLDER / "uPlot.LICENSE").read_text()


def test_no_other_file_is_served(asked: Reader) -> None:
    for name in ("README.md", "page.html", "..%2fapp.py", "uPlot.LICENSE"):
        assert asked.get(f"/analytics/{name}", key=None).status_code == 404
