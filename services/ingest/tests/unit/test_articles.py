"""`POST /v1/articles`: an article is its id and time, whoever sends it and how often."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from feedmill.contracts.ids import event_id_of_article
from feedmill.testkit.door import FakeHouse, a_client, a_house

SERVICE = {"X-App-Key": "town"}
ARTICLE: dict[str, Any] = {"id": "7", "time": 1_700_000_000, "readers": 1_200, "text": "Frodo and Sam Gamgee"}


def test_an_article_is_kept_under_the_name_it_would_have_without_an_envelope(
    client: TestClient, fake: FakeHouse
) -> None:
    answer = client.post("/v1/articles", json=ARTICLE, headers=SERVICE)
    (record,) = fake.log.records
    name = str(event_id_of_article("analytics.article.e", "7", 1_700_000_000))
    assert answer.status_code == 202
    assert answer.headers["Feedmill-Position"].startswith("analytics.article.e/0:")
    (result,) = answer.json()["results"]
    assert (result["id"], result["event_id"], result["status"]) == ("7", name, "accepted")
    assert (record.key, record.value, record.headers["event-id"]) == ("7", ARTICLE, name)
    assert record.headers["ce_type"] == "feedmill.article.v1"


def test_a_repeat_is_the_same_event_and_another_text_under_its_name_a_conflict(
    client: TestClient, fake: FakeHouse
) -> None:
    first = client.post("/v1/articles", json=ARTICLE, headers=SERVICE).json()
    again = client.post("/v1/articles", json=ARTICLE, headers=SERVICE).json()
    assert first["results"][0]["event_id"] == again["results"][0]["event_id"]
    other = client.post("/v1/articles", json={**ARTICLE, "text": "x"}, headers=SERVICE)
    assert (other.status_code, other.json()["type"]) == (409, "urn:feedmill:problem:conflict")
    later = client.post("/v1/articles", json={**ARTICLE, "time": 1_700_000_001}, headers=SERVICE)
    assert later.status_code == 202
    assert len({record.headers["event-id"] for record in fake.log.records}) == 2


def test_an_array_is_judged_one_by_one(client: TestClient, fake: FakeHouse) -> None:
    sent = [ARTICLE, {"id": "8"}, 7, {**ARTICLE, "id": "a\u0085b"}, {**ARTICLE, "id": "9", "text": ""}]
    answer = client.post("/v1/articles", json=sent, headers=SERVICE)
    assert answer.status_code == 202
    assert [r["status"] for r in answer.json()["results"]] == ["accepted", "invalid", "invalid", "invalid", "accepted"]
    assert [r["id"] for r in answer.json()["results"]] == ["7", "8", None, "a\u0085b", "9"]
    assert [record.key for record in fake.log.records] == ["7", "9"]
    assert client.post("/v1/articles", json=[{"id": "8"}], headers=SERVICE).status_code == 200
    assert client.post("/v1/articles", json=[], headers=SERVICE).json() == {"results": []}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"id": "1", "id": "2"}', 400),
        (b'{"id": "1"}', 422),
        (b'{"id": 1, "time": 1, "readers": 1, "text": "x"}', 422),
        (b'{"id": "1", "time": -1, "readers": 1, "text": "x"}', 422),
        (b'{"id": "1", "time": 1, "readers": 1, "text": "x", "more": 1}', 422),
        (b'"x"', 422),
        (b'{"id": "1", "time": 1, "readers": 1, "text": "' + b"x" * 300_000 + b'"}', 413),
    ],
)
def test_what_is_no_article_is_refused_with_its_reason(client: TestClient, body: bytes, status: int) -> None:
    answer = client.post("/v1/articles", content=body, headers=SERVICE)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["code"]


def test_articles_are_no_users_and_need_a_key_unless_the_network_is_trusted() -> None:
    client = a_client(a_house())
    assert client.post("/v1/articles", json=ARTICLE).status_code == 401
    assert client.post("/v1/articles", json=ARTICLE, headers={"X-App-Key": "abc123"}).status_code == 403
    trusted = a_client(a_house(trusted_network=True))
    assert trusted.post("/v1/articles", json=ARTICLE).status_code == 202
    assert trusted.post("/v1/articles", json=ARTICLE, headers={"X-App-Key": "wrong"}).status_code == 401
    assert trusted.post("/v1/articles", json=ARTICLE, headers={"X-App-Key": "abc123"}).status_code == 403


def test_a_log_that_is_away_is_said_at_once(client: TestClient, fake: FakeHouse) -> None:
    fake.log.available = False
    answer = client.post("/v1/articles", json=[ARTICLE, {"id": "8"}], headers=SERVICE)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert [r["status"] for r in answer.json()["results"]] == ["retry", "invalid"]
    fake.log.available = True
    corrected = client.post("/v1/articles", json={**ARTICLE, "text": "corrected"}, headers=SERVICE)
    assert corrected.status_code == 202, "what the log did not take conflicts with nothing"
