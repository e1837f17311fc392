"""Family S over the whole pipe: an article counts once whichever way it comes, and what is asked of it is answered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from feedmill.cli.migrate import clickhouse_client
from feedmill.contracts.ids import event_id_of_article
from feedmill.contracts.topics import ARTICLE_PUBLISHED
from feedmill.runtime.kafka import Producer
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.people import Operator
from feedmill.testkit.platform import Platform
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.e2e

ARRIVAL_S = 30.0
TEXT = "Frodo’s friend Sam Gamgee left Hobbiton. SAM! cried Gandalf; Sam's pony, Samson, stayed."
NAMED = {"frodo": 1, "sam gamgee": 1, "sam": 2, "hobbiton": 1, "gandalf": 1}


def an_article(readers: int, text: str = TEXT) -> dict[str, Any]:
    return {"id": uuid.uuid4().hex, "time": 1_700_000_000, "readers": readers, "text": text}


def counted(platform: Platform, article: dict[str, Any]) -> dict[str, tuple[int, int, str]]:
    sql = (
        "SELECT entity_id, sum(entity_counter), sum(readers), any(saga_id) FROM fact_readers FINAL"
        " WHERE id = {id:String} GROUP BY entity_id"
    )
    with closing(clickhouse_client(platform.connections.clickhouse)) as client:
        rows = client.query(sql, parameters={"id": article["id"]}).result_rows
    return {entity: (count, readers, saga) for entity, count, readers, saga in rows}


def test_an_article_over_http_is_counted_once_it_says_applied(platform: Platform, operator: Operator) -> None:
    article = an_article(1_200)
    for _ in range(2):
        answer = operator.request("POST", "/v1/articles", {"Prefer": "wait=20"}, json=article)
        [result] = answer.json()["results"]
        assert (answer.status_code, result["status"], result["applied"]) == (200, "accepted", True)
    assert result["event_id"] == str(event_id_of_article(ARTICLE_PUBLISHED.name, article["id"], article["time"]))
    assert counted(platform, article) == {entity: (n, 1_200, "lotr") for entity, n in NAMED.items()}


def test_bare_and_over_http_it_is_the_same_article(platform: Platform, operator: Operator) -> None:
    article, empty = an_article(700), an_article(9, "")
    settings = KafkaSettings(bootstrap_servers=platform.connections.kafka)
    with closing(Producer(settings, gapless=True)) as producer:
        for one in (article, empty, article, empty):
            producer.send(ARTICLE_PUBLISHED.name, None, json.dumps(one).encode(), [])
        producer.flush(ARRIVAL_S)
    answer = operator.request("POST", "/v1/articles", {"Prefer": "wait=20"}, json=[article, empty])
    assert [result["applied"] for result in answer.json()["results"]] == [True, True]
    assert {entity: n for entity, (n, _, _) in counted(platform, article).items()} == NAMED
    assert counted(platform, empty) == {}
    with closing(clickhouse_client(platform.connections.clickhouse)) as client:
        sql = "SELECT reason, readers FROM article_set_aside FINAL WHERE id = {id:String}"
        assert client.query(sql, parameters={"id": empty["id"]}).result_rows == [("empty", 9)]


def test_its_clients_ask_as_they_did_and_more(operator: Operator) -> None:
    """Keyless, as the local mode is a trusted network."""
    operator.request("POST", "/v1/articles", {"Prefer": "wait=20"}, json=an_article(50))
    assert operator.http.post("/predict", json={"text": TEXT}).json() == {"label": "lotr"}
    assert operator.http.post("/v1/classify", json={"text": TEXT}).json()["saga"] == "lotr"
    top = operator.request("GET", "/v1/analytics/sagas/lotr/entities?limit=100")
    items = {item["name"]: item for item in top.json()["items"]}
    assert items["Sam"]["total_entity_occurrences"] >= 2
    assert items["Sam"]["total_readers"] >= 50
    assert top.headers["Feedmill-Complete-Through"] > "2026"
    page = operator.http.get("/analytics", headers={"Accept": "text/html"})
    assert (page.status_code, "<h1>Feedmill analytics</h1>" in page.text) == (200, True)


def test_names_that_the_list_lacks_are_found_in_the_warehouse(platform: Platform, operator: Operator) -> None:
    name = f"Kel{uuid.uuid4().hex[:8].translate(str.maketrans('0123456789', 'ghijklmnop'))}"
    articles = [an_article(readers, f"here came {name} and Frodo") for readers in (3, 4)]
    operator.request("POST", "/v1/articles", {"Prefer": "wait=20"}, json=articles)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FEEDMILL_")}
    ended = subprocess.run(
        [str(Path(sys.prefix) / "bin" / "feedmill"), "saga", "names", "--limit", "1000", "--json"],
        env=kept | {"FEEDMILL_HOME": str(platform.home.root), **platform.connections.environment()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    [found] = [one for one in json.loads(ended.stdout) if one["name"] == name]
    assert (found["texts"], found["readers"]) == (2, 7)


def test_what_it_answers_is_fresh_for_who_carries_the_position(operator: Operator) -> None:
    name = f"x{uuid.uuid4().hex[:8]}"
    posted = operator.request("POST", "/v1/articles", json=an_article(3, f"{name} Arya"))
    assert posted.status_code == 202

    def seen() -> bool:
        headers = {"Feedmill-Position": posted.headers["Feedmill-Position"], "Prefer": "wait=10"}
        answer = operator.request("GET", "/v1/analytics/sagas/got/entities?limit=100", headers)
        return answer.status_code == 200 and any(item["name"] == "Arya" for item in answer.json()["items"])

    wait_until(seen, "Arya is counted", within_s=ARRIVAL_S)
