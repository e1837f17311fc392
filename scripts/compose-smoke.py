"""What a client, an analyst and an operator see of a running compose stack. Standard library only; ports and keys come
in the environment from compose-smoke.sh. Exit status 1 at the first thing that is not as promised."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

WAIT_S = 60.0
ORIGIN = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"
CLICKHOUSE = f"http://127.0.0.1:{os.environ['CLICKHOUSE_PORT']}"
PROMETHEUS = f"http://127.0.0.1:{os.environ['PROMETHEUS_PORT']}"
KEY = {"X-App-Key": os.environ["SMOKE_KEY"]}
ANALYST = {"X-ClickHouse-User": "analyst", "X-ClickHouse-Key": os.environ["SMOKE_ANALYST"].strip()}
DASHBOARDS = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "dashboards"
SERVICES = ("ingest", "api", "enricher", "feed-writer-postgres", "feed-writer-clickhouse")


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(method: str, url: str, body: object = None, headers: dict[str, str] | None = None) -> Answer:
    """Answers of any status; `body` is sent as JSON, bytes as they are."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data, sent, method=method)  # noqa: S310  our own ports
    try:
        with urllib.request.urlopen(request, timeout=45) as reply:  # noqa: S310
            return Answer(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.read())
    except urllib.error.HTTPError as refusal:
        return Answer(refusal.code, {k.lower(): v for k, v in refusal.headers.items()}, refusal.read())


def eventually(what: str, look: Callable[[], Any]) -> Any:
    """The first true thing `look` finds."""
    ends_s = time.monotonic() + WAIT_S
    while time.monotonic() < ends_s:
        try:
            found = look()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.2)
    raise SystemExit(f"not within {WAIT_S:.0f} s: {what}")


def must(holds: bool, what: str, answer: Answer | None = None) -> None:
    print(f"  {'ok ' if holds else 'NOT'} {what}", flush=True)
    if not holds:
        raise SystemExit(f"{what}: {answer.status} {answer.body[:500]!r}" if answer else what)


def event(source: str, number: int, verb: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"specversion": "1.0", "id": f"{number}", "source": source, "type": f"feedmill.{verb}.v1", "data": data}


def user(handle: str) -> int:
    made = ask("POST", f"{ORIGIN}/v1/users", {"handle": handle, "name": handle.title()}, KEY)
    must(made.status == 201, f"POST /v1/users through nginx: {handle}", made)
    return int(made.json["id"])


def the_way_of_an_event(source: str) -> None:
    author, reader = user(f"author-{source}"), user(f"reader-{source}")
    follow = event(source, 1, "follow", {"actor_id": reader, "object": {"type": "user", "id": author}})
    post = event(source, 2, "post", {"actor_id": author, "object": {"type": "post", "content": "hello #compose"}})
    sent = ask("POST", f"{ORIGIN}/v1/events", [follow, post], {**KEY, "Prefer": "wait=30"})
    must(sent.status == 200, "POST /v1/events waits until both events are applied", sent)
    results = sent.json["results"]
    again = ask("POST", f"{ORIGIN}/v1/events", [follow, post], {**KEY, "Prefer": "wait=30"})
    must(
        [r["event_id"] for r in again.json["results"]] == [r["event_id"] for r in results], "a retry is the same event"
    )

    position = {"Feedmill-Position": sent.headers["feedmill-position"]}
    feed = ask("GET", f"{ORIGIN}/v1/users/{reader}/feed", headers={**KEY, **position})
    items = feed.json["items"]
    must([i["activity_id"] for i in items if i["verb"] == "post"] == [results[1]["event_id"]], "once in the feed", feed)

    def hops() -> list[str]:
        found = ask("GET", f"{ORIGIN}/v1/events/{results[1]['event_id']}", headers=KEY).json
        return [hop["hop"] for hop in found["hops"]]

    wanted = ["accepted", "enriched", "postgres", "clickhouse"]
    eventually("the trace has all four hops", lambda: hops() == wanted)
    must(True, "the trace has all four hops")
    sql = f"SELECT count() FROM feedmill.fact_activity WHERE event_id = '{results[1]['event_id']}'"  # noqa: S608
    counted = ask("POST", CLICKHOUSE, sql.encode(), ANALYST)
    must(counted.body.strip() == b"1", "once in fact_activity, as analyst reads it", counted)
    refused = ask("POST", CLICKHOUSE, b"TRUNCATE TABLE feedmill.fact_activity", ANALYST)
    must(refused.status >= 400, "analyst changes nothing", refused)


def the_gateway(source: str) -> None:
    must(ask("GET", f"{ORIGIN}/readyz").status == 200, "the origin is ready")
    paths = ask("GET", f"{ORIGIN}/openapi.json").json["paths"]
    must({"/v1/events", "/feed/friends"} <= paths.keys(), "one OpenAPI document of both services")
    page = ask("GET", f"{ORIGIN}/docs").body.decode()
    parts = re.findall(r'(?:href|src)="(/[^"]+)"', page)
    must(all(ask("GET", ORIGIN + part).status == 200 for part in parts), f"/docs with all its {len(parts)} parts")
    must(ask("GET", f"{ORIGIN}/metrics").status == 404, "metrics are not for clients")
    must(ask("POST", f"{ORIGIN}/v1/events", []).status == 401, "no key, no entry")
    content = "x" * 4_000
    many = [
        event(source, 10 + n, "post", {"actor_id": 1, "object": {"type": "post", "content": content}})
        for n in range(2_000)
    ]
    sent = ask("POST", f"{ORIGIN}/v1/events", many, KEY)
    size_mb = len(json.dumps(many)) / 1e6
    accepted = sum(r["status"] == "accepted" for r in sent.json["results"]) if sent.status < 300 else 0
    must(accepted == 2_000, f"a body of {size_mb:.1f} MB passes nginx", sent)
    large = ask("POST", f"{ORIGIN}/v1/events", b"[" + b" " * 10_500_000 + b"]", KEY)
    must(large.status == 413, "more than 10 MB is 413", large)


def the_operator() -> None:
    def up() -> bool:
        query = urllib.parse.urlencode({"query": "up == 1"})
        found = ask("GET", f"{PROMETHEUS}/api/v1/query?{query}").json["data"]["result"]
        return {series["metric"]["job"] for series in found} >= set(SERVICES)

    eventually("Prometheus reads all five processes", up)
    must(True, "Prometheus reads all five processes")
    rules = ask("GET", f"{PROMETHEUS}/api/v1/rules").json["data"]["groups"]
    must(all(rule["health"] != "err" for group in rules for rule in group["rules"]), "every alert can be evaluated")
    queries = [
        target["expr"].replace("$__rate_interval", "1m")
        for path in sorted(DASHBOARDS.glob("*.json"))
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
        if "expr" in target  # others ask ClickHouse
    ]
    for query in queries:
        answer = ask("GET", f"{PROMETHEUS}/api/v1/query?{urllib.parse.urlencode({'query': query})}")
        if answer.status != 200:
            must(False, query, answer)
    must(bool(queries), f"all {len(queries)} queries of the dashboards run")


def the_ledger() -> None:
    def agrees() -> bool:
        query = urllib.parse.urlencode({"query": 'sum(feedmill_audit_differences{job="audit"}) == 0'})
        return bool(ask("GET", f"{PROMETHEUS}/api/v1/query?{query}").json["data"]["result"])

    eventually("the log is held against both stores, and Prometheus knows", agrees)
    must(True, "the log is held against both stores, and Prometheus knows")


def main() -> None:
    source = uuid.uuid4().hex[:8]
    eventually("the origin is ready", lambda: ask("GET", f"{ORIGIN}/readyz").status == 200)
    the_way_of_an_event(source)
    the_gateway(source)
    extra = os.environ.get("SMOKE_EXTRA", "").split()
    if "prometheus" in extra:
        the_operator()
    if {"prometheus", "audit"} <= {*extra}:
        the_ledger()
    print("compose-smoke: all of it holds")


if __name__ == "__main__":
    main()
