"""Nasty bodies: nothing a client can send ends in a 5xx, and what is wrong is named."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from feedmill.testkit.door import FakeHouse, a_client, a_house

TOWN = {"X-App-Key": "town"}
JSON = {**TOWN, "Content-Type": "application/json"}
LIKE: dict[str, Any] = {
    "id": "a1",
    "source": "my-app",
    "type": "feedmill.like.v1",
    "data": {"actor_id": 1, "object": {"type": "photo", "id": 21}},
}


def with_data(type_: str, **data: Any) -> dict[str, Any]:
    return {**LIKE, "type": f"feedmill.{type_}.v1", "data": data}


def a_post(content: str) -> bytes:
    """`content` is raw JSON."""
    event = with_data("post", actor_id=1, object={"type": "post", "content": "CONTENT"})
    return json.dumps(event).encode().replace(b'"CONTENT"', content.encode())


def a_like(actor_id: object, type_: str = "post", **more: object) -> dict[str, Any]:
    return with_data("like", actor_id=actor_id, object={"type": type_, "id": 1}, **more)


def a_reading(percent: float, day: str) -> dict[str, Any]:
    return with_data("read", user_id="u", content_id=1, read_percent=percent, updated_at=day)


USER_2 = {"type": "user", "id": 2}
UNREADABLE = {
    "nothing": (b"", "not_json"),
    "truncated": (b'{"id": "a1", ', "not_json"),
    "two documents": (b"{} {}", "not_json"),
    "broken UTF-8": (b'{"id": "\xff"}', "not_utf8"),
    "an encoded surrogate": (b'{"id": "\xed\xa0\x80"}', "not_utf8"),
    "UTF-16": (json.dumps(LIKE).encode("utf-16"), "not_utf8"),
    "a byte order mark": (b"\xef\xbb\xbf" + json.dumps(LIKE).encode(), "not_json"),
    "NaN": (b'{"id": NaN}', "not_json"),
    "Infinity": (b"[Infinity]", "not_json"),
    "a lone surrogate": (a_post('"\\ud800"'), "lone_surrogate"),
    "a raw control character": (b'{"id": "a\x00"}', "not_json"),
    "an array that never ends": (b"[" * 100_000, "too_deep"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_body_that_cannot_be_read_is_400_and_says_why(client: TestClient, name: str) -> None:
    body, code = UNREADABLE[name]
    answer = client.post("/v1/events", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["code"] == code


INVALID: dict[str, tuple[Any, str, str | None]] = {
    "no object": (b"7", "wrong_type", None),
    "a duplicate key": (b'{"id": "a1", "id": "a2"}', "duplicate_key", None),
    "a duplicate key deep inside": (a_post('{"a": {"b": 1, "b": 2}}'), "duplicate_key", None),
    "NUL": (a_post('"\\u0000"'), "nul", None),
    "NUL in a name": (a_post('{"\\u0000": 1}'), "nul", None),
    "1e400": (a_post("1e400"), "number_out_of_range", "data.object.content"),
    "a huge integer": (a_post("1" + "0" * 400), "number_out_of_range", "data.object.content"),
    "an integer no parser takes": (a_post("9" * 5_000), "number_out_of_range", None),
    "an integer beyond 53 bits": (a_post("[9007199254740993]"), "number_out_of_range", "data.object.content"),
    "deep nesting": (a_post("[" * 60 + "]" * 60), "too_deep", "data.object.content"),
    "very deep nesting": (a_post("[" * 10_000 + "]" * 10_000), "too_deep", None),
    "a long text": (a_post(json.dumps("x" * 65_537)), "too_large", "data.object.content"),
    "long other content": (a_post(json.dumps(["x" * 65_537])), "too_large", "data.object.content"),
    "null content": (a_post("null"), "missing", "data.object.content"),
    "no type": ({"id": "a1", "source": "s"}, "missing", "type"),
    "a type that is no text": ({**LIKE, "type": 7}, "wrong_type", "type"),
    "an unknown verb": ({**LIKE, "type": "feedmill.fly.v1"}, "unknown_type", "type"),
    "a version of the future": ({**LIKE, "type": "feedmill.like.v99"}, "unknown_version", "type"),
    "a verb with an endpoint": ({**LIKE, "type": "feedmill.user-created.v1"}, "use_endpoint", "type"),
    "no id": ({k: v for k, v in LIKE.items() if k != "id"}, "missing", "id"),
    "an empty id": ({**LIKE, "id": ""}, "out_of_range", "id"),
    "a long id": ({**LIKE, "id": "x" * 257}, "too_large", "id"),
    "a newline in the id": ({**LIKE, "id": "a\nb"}, "control_character", "id"),
    "CRLF in the source": ({**LIKE, "source": "a\r\nb: c"}, "control_character", "source"),
    "an id that is a number": ({**LIKE, "id": 7}, "wrong_type", "id"),
    "an unknown field": ({**LIKE, "colour": 1}, "unknown_field", "colour"),
    "an unknown field of data": (a_like(1, x=1), "unknown_field", "data.x"),
    "another specversion": ({**LIKE, "specversion": "0.3"}, "out_of_range", "specversion"),
    "another content": ({**LIKE, "datacontenttype": "text/plain"}, "out_of_range", "datacontenttype"),
    "a naive time": ({**LIKE, "time": "2026-11-21T10:00:00"}, "bad_time", "time"),
    "no such day": ({**LIKE, "time": "2026-02-30T10:00:00Z"}, "bad_time", "time"),
    "the year 9999, west": ({**LIKE, "time": "9999-12-31T23:59:59-23:59"}, "bad_time", "time"),
    "the year 1": ({**LIKE, "time": "0001-01-01T00:00:00+23:59"}, "bad_time", "time"),
    "a time that is a number": ({**LIKE, "time": 1}, "wrong_type", "time"),
    "tomorrow": ({**LIKE, "time": "2099-01-01T00:00:00Z"}, "too_far_ahead", "time"),
    "an actor as text": (a_like("1"), "wrong_type", "data.actor_id"),
    "an actor that is true": (a_like(True), "wrong_type", "data.actor_id"),
    "actor 0": (a_like(0), "out_of_range", "data.actor_id"),
    "actor 2**53": (a_like(2**53), "out_of_range", "data.actor_id"),
    "no object of that type": (a_like(1, "cow"), "out_of_range", "data.object.type"),
    "itself": (with_data("follow", actor_id=2, object=USER_2), "self_reference", "data"),
    "a wrong backfill": (
        with_data("follow", actor_id=1, object=USER_2, backfill="most"), "out_of_range", "data.backfill",
    ),
    "a percentage of 101": (
        a_reading(101, "2026-11-21"), "out_of_range", "data.read_percent"
    ),
    "a date with a time": (
        a_reading(1, "2026-11-21T00:00:00Z"), "bad_time", "data.updated_at"
    ),
    "a link that is none": (
        with_data("post", actor_id=1, object={"type": "link", "content": "x", "url": "javascript:alert(1)"}),
        "out_of_range", "data.object.url",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_an_event_that_can_never_be_taken_is_invalid_and_its_field_is_named(
    client: TestClient, fake: FakeHouse, name: str
) -> None:
    body, code, field = INVALID[name]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post("/v1/events", content=raw, headers=JSON)
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["results"]
    assert (result["status"], result["error"]["code"], result["error"]["field"]) == ("invalid", code, field)
    assert fake.log.records == []


def test_what_may_be_of_several_kinds_is_refused_with_all_of_them(client: TestClient) -> None:
    body = with_data("follow", actor_id=1, object=USER_2, backfill=-1)
    answer = client.post("/v1/events", content=json.dumps(body).encode(), headers=JSON)
    message = answer.json()["results"][0]["error"]["message"]
    assert message == "Input should be 'all' or 'none', or: Input should be greater than or equal to 0"


@pytest.mark.parametrize("name", [n for n in INVALID if n not in ("an array that never ends", "no object")])
def test_a_bad_event_harms_no_other(client: TestClient, fake: FakeHouse, name: str) -> None:
    body = INVALID[name][0]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    good = [json.dumps({**LIKE, "id": f"good-{n}"}).encode() for n in range(2)]
    answer = client.post("/v1/events", content=b"[%b, %b, %b]" % (good[0], raw, good[1]), headers=JSON)
    if answer.status_code == 400:  # nested deeper than a parser goes
        assert answer.json()["errors"][0]["code"] == "too_deep"
        return
    assert answer.status_code == 202
    assert [result["status"] for result in answer.json()["results"]] == ["accepted", "invalid", "accepted"]
    assert len(fake.log.records) == 2


def test_each_line_of_ndjson_is_judged_by_itself(client: TestClient) -> None:
    lines = b"\n".join([json.dumps(LIKE).encode(), b"", b"{broken", b"\xff", json.dumps({**LIKE, "id": "a2"}).encode()])
    answer = client.post("/v1/events", content=lines, headers={**TOWN, "Content-Type": "application/x-ndjson"})
    results = answer.json()["results"]
    assert [result["status"] for result in results] == ["accepted", "invalid", "invalid", "accepted"]
    assert [result["error"] and result["error"]["code"] for result in results] == [None, "not_json", "not_utf8", None]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 202),
        ("application/json; charset=UTF-8", 202),
        ("application/cloudevents+json", 202),
        ("application/x-ndjson", 202),
        ("application/cloudevents-batch+json", 400),
        ("application/json; charset=utf-16", 415),
        ("text/plain", 415),
        ("", 415),
    ],
)
def test_one_event_in_each_content_type(client: TestClient, content_type: str, status: int) -> None:
    answer = client.post("/v1/events", content=json.dumps(LIKE), headers={**TOWN, "Content-Type": content_type})
    assert answer.status_code == status


@pytest.mark.parametrize("form", ["application/json", "application/cloudevents-batch+json"])
def test_an_array_in_both_content_types(client: TestClient, form: str) -> None:
    answer = client.post("/v1/events", content=json.dumps([LIKE]), headers={**TOWN, "Content-Type": form})
    assert answer.status_code == 202


def test_a_compressed_body_is_not_taken(client: TestClient) -> None:
    answer = client.post("/v1/events", content=b"x", headers={**JSON, "Content-Encoding": "gzip"})
    assert answer.status_code == 415


def test_10_000_events_are_taken_and_10_001_are_not(fake: FakeHouse, client: TestClient) -> None:
    events = [{**LIKE, "id": str(n)} for n in range(10_001)]
    assert client.post("/v1/events", content=json.dumps(events[:-1]), headers=JSON).status_code == 202
    assert len(fake.log.records) == 10_000
    assert client.post("/v1/events", content=json.dumps(events), headers=JSON).status_code == 413
    lines = "\n".join(json.dumps(event) for event in events)
    answer = client.post("/v1/events", content=lines, headers={**TOWN, "Content-Type": "application/x-ndjson"})
    assert answer.status_code == 413


def test_a_body_over_the_limit_is_413_declared_or_streamed() -> None:
    client = a_client(a_house(limits={"request_max_bytes": 2_000}))
    big = json.dumps([{**LIKE, "id": str(n)} for n in range(50)]).encode()
    assert client.post("/v1/events", content=big, headers=JSON).status_code == 413
    chunks = (big[n : n + 500] for n in range(0, len(big), 500))
    assert client.post("/v1/events", content=chunks, headers=JSON).status_code == 413
    small = json.dumps(LIKE).encode()
    assert client.post("/v1/events", content=iter([small[:10], small[10:]]), headers=JSON).status_code == 202


def test_an_event_over_256_kb_is_invalid_and_harms_no_other(client: TestClient) -> None:
    padded = json.dumps(LIKE).replace('"data"', " " * (256 * 1024) + '"data"')
    answer = client.post("/v1/events", content=f"[{json.dumps({**LIKE, 'id': 'b'})},{padded}]", headers=JSON)
    assert [result["status"] for result in answer.json()["results"]] == ["accepted", "invalid"]
    assert answer.json()["results"][1]["error"]["code"] == "too_large"


def test_a_big_batch_of_small_events_goes_the_fast_way(fake: FakeHouse, client: TestClient) -> None:
    events = [{**LIKE, "id": f"{n}-{'x' * 200}"} for n in range(1_000)]
    assert client.post("/v1/events", content=json.dumps(events), headers=JSON).status_code == 202
    assert len(fake.log.records) == 1_000


def test_an_empty_array_is_an_empty_answer(client: TestClient) -> None:
    answer = client.post("/v1/events", content=b"[]", headers=JSON)
    assert (answer.status_code, answer.json()) == (200, {"results": []})


@pytest.mark.parametrize(
    ("event", "id_"),
    [
        (json.dumps(LIKE)[:-1].encode() + b', "data": {}}', "a1"),
        (a_post("9007199254740993"), "a1"),
        (b'{"id": 7, "id": 8}', None),
        (b'{"id": NaN}', None),
    ],
)
def test_a_refused_event_is_named_as_it_names_itself(client: TestClient, event: bytes, id_: str | None) -> None:
    body = b"\n".join((event, json.dumps(LIKE).encode()))
    answer = client.post("/v1/events", headers={**TOWN, "Content-Type": "application/x-ndjson"}, content=body)
    first, second = answer.json()["results"]
    assert (first["status"], first["id"]) == ("invalid", id_)
    assert (second["status"], second["id"]) == ("accepted", "a1")
