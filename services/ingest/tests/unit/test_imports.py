"""`POST /v1/imports`: rows as events named by dataset and line, bad ones told, nothing unpacked beyond a body."""

from __future__ import annotations

import gzip
import hashlib

import pytest
from starlette.testclient import TestClient

from feedmill.contracts.history import event_id_of_line
from feedmill.testkit.door import FakeHouse, a_client, a_house

ROWS = b"user_id,content_id,read_percent,updated_at\nu1,c1,95.5,2026-11-21\nu2,c1,x,2026-11-21\nu3,c2,91,2026-11-20\n"
KEY = {"X-App-Key": "town", "Content-Type": "text/csv"}
PATH = "/v1/imports?kind=readings"


@pytest.fixture
def fake() -> FakeHouse:
    return a_house(limits={"request_max_bytes": 4_096, "request_max_events": 50})


@pytest.fixture
def client(fake: FakeHouse) -> TestClient:
    return a_client(fake)


def test_rows_become_events_and_bad_ones_are_told(client: TestClient, fake: FakeHouse) -> None:
    answer = client.post(f"{PATH}&dataset=d", content=ROWS, headers=KEY)
    body = answer.json()
    assert (answer.status_code, body["rows"], body["accepted"], body["retry"]) == (202, 3, 2, 0)
    assert [(row["line"], row["error"]["field"], row["error"]["code"]) for row in body["rejected"]] == [
        (3, "read_percent", "wrong_type")
    ]
    first, last = fake.log.records
    assert (first.topic, first.key, first.headers["ce_type"]) == ("user-interaction", "u1", "feedmill.read.v1")
    assert first.value == {"user_id": "u1", "content_id": "c1", "read_percent": 95.5, "updated_at": "2026-11-21"}
    assert [first.headers["event-id"], last.headers["event-id"]] == [event_id_of_line("d", n) for n in (2, 4)]
    assert answer.headers["Feedmill-Position"].startswith("user-interaction/")


def test_the_same_rows_packed_are_the_same_dataset(client: TestClient, fake: FakeHouse) -> None:
    packed = client.post(PATH, content=gzip.compress(ROWS), headers=KEY | {"Content-Type": "application/gzip"})
    plain = client.post(PATH, content=ROWS, headers=KEY)
    assert packed.json()["dataset"] == plain.json()["dataset"] == hashlib.sha256(ROWS).hexdigest()
    ids = [record.headers["event-id"] for record in fake.log.records]
    assert ids[:2] == ids[2:]
    assert plain.json()["dataset_is"] == "sha256"


def test_a_line_that_says_something_else_than_before_is_told_and_nothing_is_lost_in_silence(
    client: TestClient, fake: FakeHouse
) -> None:
    """Two pieces of a file under one name: their lines would be the same events."""
    first = client.post(f"{PATH}&dataset=d", content=b"u1,c1,95,2026-11-21\nu2,c1,95,2026-11-21\n", headers=KEY)
    assert (first.json()["accepted"], first.json()["dataset_is"]) == (2, "name")
    other = client.post(f"{PATH}&dataset=d", content=b"u1,c1,95,2026-11-21\nu3,c1,x,2026-11-21\nu4,c1,9,2026-11-21\n",
                        headers=KEY)  # fmt: skip
    again = client.post(f"{PATH}&dataset=d", content=b"u1,c1,95,2026-11-21\nu3,c1,95,2026-11-21\n", headers=KEY)
    assert (other.json()["rows"], other.json()["accepted"]) == (3, 2)
    assert [(row["line"], row["error"]["code"]) for row in other.json()["rejected"]] == [(2, "wrong_type")]
    assert (again.json()["rows"], again.json()["accepted"]) == (2, 1)
    assert [(row["line"], row["error"]["code"]) for row in again.json()["rejected"]] == [(2, "conflict")]
    assert len(fake.log.records) == 5


def test_a_name_may_be_both_of_readings_and_of_contents(client: TestClient) -> None:
    assert client.post(f"{PATH}&dataset=d", content=b"u1,c1,95,2026-11-21\n", headers=KEY).json()["accepted"] == 1
    body = client.post("/v1/imports?kind=content&dataset=d", content=b"c1,romance\n", headers=KEY).json()
    assert (body["accepted"], body["rejected"]) == (1, [])


def test_contents_go_to_their_own_topic(client: TestClient, fake: FakeHouse) -> None:
    answer = client.post("/v1/imports?kind=content", content=b"c1,romance\n", headers=KEY)
    assert (answer.status_code, [record.topic for record in fake.log.records]) == (202, ["content-meta"])


BOMB = gzip.compress(b"u,c,95,2026-11-21\n" * 100_000, mtime=0)


@pytest.mark.parametrize(
    ("path", "content", "headers", "status"),
    [
        ("/v1/imports", ROWS, {}, 400),
        ("/v1/imports?kind=articles", ROWS, {}, 400),
        (f"{PATH}&dataset={'d' * 257}", ROWS, {}, 400),
        (PATH, ROWS, {"Content-Type": "application/json"}, 415),
        (PATH, b"no gzip", {"Content-Type": "application/gzip"}, 400),
        (PATH, gzip.compress(ROWS, mtime=0)[:-4], {"Content-Type": "application/gzip"}, 400),
        (PATH, BOMB, {"Content-Type": "application/gzip"}, 413),
        (PATH, b"u,c,95,2026-11-21\n" * 51, {}, 413),
        (PATH, b"user_id,content_id\n1,2\n", {}, 422),
        (PATH, ROWS, {"X-App-Key": "abc123"}, 403),
        (PATH, ROWS, {"X-App-Key": "nobody's"}, 401),
    ],
)
def test_what_cannot_be_imported_is_a_problem(
    client: TestClient, path: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.post(path, content=content, headers=KEY | headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_rows_that_are_all_bad_are_no_error_of_the_request(client: TestClient) -> None:
    answer = client.post(PATH, content=b"u,c,x,2026-11-21\n", headers=KEY)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 0)


def test_what_the_log_does_not_take_is_to_be_sent_again(client: TestClient, fake: FakeHouse) -> None:
    fake.log.available = False
    answer = client.post(PATH, content=ROWS, headers=KEY)
    assert (answer.status_code, answer.json()["retry"], answer.headers["Retry-After"]) == (503, 2, "1")
    fake.log.available = True
    other = client.post(f"{PATH}&dataset=d", content=ROWS, headers=KEY).json()
    assert (other["accepted"], len(other["rejected"])) == (2, 1)


def test_what_the_log_did_not_take_conflicts_with_nothing(client: TestClient, fake: FakeHouse) -> None:
    fake.log.available = False
    client.post(f"{PATH}&dataset=d", content=b"u1,c1,95,2026-11-21\n", headers=KEY)
    fake.log.available = True
    answer = client.post(f"{PATH}&dataset=d", content=b"u2,c1,95,2026-11-21\n", headers=KEY)
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (1, [])


def test_a_trusted_network_needs_no_key() -> None:
    client = a_client(a_house(trusted_network=True))
    assert client.post(PATH, content=ROWS, headers={"Content-Type": "text/csv"}).status_code == 202
