"""Keys, and what people write, are in no log, no metric and no error: canaries through every door, then a search."""

from __future__ import annotations

import uuid

import httpx2
import pytest

from feedmill.testkit.people import Operator

pytestmark = pytest.mark.e2e


def test_no_key_and_no_text_is_in_a_log_a_metric_or_an_error(operator: Operator) -> None:
    ivan = operator.person("ivan")
    canary = f"canary{uuid.uuid4().hex}"
    refused = refused_calls(operator, canary, ivan.key)
    said = {f"{answer.request.method} {answer.request.url.path}": answer.text for answer in refused}
    assert {answer.status_code for answer in refused} <= {200, 400, 401, 403, 404, 413, 415, 422}
    ivan.publishes({"text": canary})
    thing = ivan.publishes(canary)
    ivan.likes(thing)
    operator.send({**an_event(ivan.id, canary), "id": canary})
    logs = {
        path.name: path.read_text(encoding="utf-8", errors="replace") for path in operator.platform.home.logs.iterdir()
    }
    metrics = {
        name: httpx2.get(f"{operator.platform.address(name)}/metrics").text
        for name in operator.platform.service_names()
    }
    assert logs
    assert all(metrics.values())
    for secret in (canary, ivan.key, operator.key):
        assert [where for where, text in {**said, **logs, **metrics}.items() if secret in text] == []


def an_event(actor_id: int, content: object) -> dict[str, object]:
    data = {"actor_id": actor_id, "object": {"type": "post", "content": content}}
    return {"specversion": "1.0", "id": "a1", "source": "secrets", "type": "feedmill.post.v1", "data": data}


def refused_calls(operator: Operator, canary: str, key: str) -> list[httpx2.Response]:
    """Each with the canary where it does not belong."""
    http, own, json_type = operator.http, {"X-App-Key": key}, {"Content-Type": "application/json"}
    unreadable = b'{"content": "%b", "content": NaN' % canary.encode()
    wrong = {**an_event(1, {"a": canary}), "id": 7, "source": canary}
    return [
        http.get("/me", headers={"X-App-Key": canary}),
        http.get("/v1/users/1", headers={"Authorization": f"Bearer {canary}"}),
        http.get(f"/v1/users/{canary}", headers=own),
        http.get(f"/v1/events/{canary}", headers=own),
        http.get("/feed/my", params={"cursor": canary}, headers=own),
        http.get("/v1/users/1/activities", params={"limit": canary}, headers=own),
        http.get("/me", headers={**own, "Feedmill-Position": canary}),
        http.get(f"/{canary}", headers=own),
        http.post("/post", content=unreadable, headers={**own, **json_type}),
        http.post("/follow", json={"follow": canary}, headers=own),
        http.post("/activity", json={"verb": canary, "object": canary}, headers=own),
        http.post("/v1/events", content=unreadable, headers={**own, **json_type}),
        http.post("/v1/events", json=wrong, headers=own),
        http.post("/v1/users", json={"handle": canary, "name": 7}, headers=own),
        http.post("/v1/articles", json={"id": "1", "text": canary}, headers=own),
        http.post("/v1/imports", content=canary.encode(), headers={**own, "Content-Type": "text/csv"}),
    ]
