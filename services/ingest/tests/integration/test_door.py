"""The door on the real log and the real state."""

import gc
import threading
import time
from functools import partial
from typing import Any
from uuid import uuid4

import httpx2
import psycopg2
import pytest
from starlette.testclient import TestClient

from feedmill.ingest.prepare import PART_EVENTS
from feedmill.testkit.platform import Platform
from feedmill.testkit.state import Seed
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.integration

IVAN, NICO = {"X-App-Key": "abc123"}, {"X-App-Key": "abc124"}
TOWN, ADMIN = {"X-App-Key": "town"}, {"X-App-Key": "admin"}
WAIT = {"Prefer": "wait=20"}


def event(verb: str, **data: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "source": "test", "type": f"feedmill.{verb}.v1", "data": data}


def like(actor_id: int = 1) -> dict[str, Any]:
    return event("like", actor_id=actor_id, object={"type": "photo", "id": 1})


def rows(platform: Platform, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(platform.connections.postgres)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return list(cursor.fetchall())
    finally:
        connection.close()


def test_a_whole_session_of_family_a(door: TestClient) -> None:
    post = door.post("/post", json={"type": "post", "content": {"text": "hello"}}, headers=IVAN).json()
    assert post["object_id"] >= 1
    liked = door.post("/activity", json={"verb": "like", "object": f"post:{post['object_id']}"}, headers=NICO)
    assert (liked.status_code, liked.json()["message"]) == (200, "Activity recorded")
    for expected in ("User followed", "Already followed"):
        assert door.post("/follow", json={"follow": "ivan"}, headers=NICO).json()["message"] == expected
    for _ in range(2):
        answer = door.post("/unfollow", json={"unfollow": "ivan"}, headers=NICO)
        assert answer.json()["message"] == "User unfollowed"
    assert door.post("/follow", json={"follow": "ivan"}, headers=NICO).json()["message"] == "User followed"
    missing = door.post("/activity", json={"verb": "like", "object": "photo:999999"}, headers=NICO)
    assert missing.json() == {"error": True, "message": "Object is not found"}


def test_a_waited_batch_is_applied_and_its_repeat_gets_the_first_ones_object(door: TestClient) -> None:
    posts = [event("post", actor_id=1, object={"type": "article", "content": n}) for n in range(50)]
    first = door.post("/v1/events", json=posts, headers={**TOWN, **WAIT})
    again = door.post("/v1/events", json=posts, headers={**TOWN, **WAIT})
    assert first.status_code == again.status_code == 200
    objects = [result["object"] for result in first.json()["results"]]
    assert [result["object"] for result in again.json()["results"]] == objects
    assert len({object_["id"] for object_ in objects}) == 50


def test_a_delete_is_judged_by_the_stored_author(door: TestClient, platform: Platform) -> None:
    with Seed(platform.connections.postgres) as seed:
        seed.execute(
            "INSERT INTO object (type, id, author_id, content, created_at, origin_offset)"
            " VALUES ('photo', 900001, 2, '1', now(), 0)"
        )

    def delete(actor_id: int, object_id: int) -> dict[str, Any]:
        return event("delete", actor_id=actor_id, object={"type": "photo", "id": object_id})

    sent = [delete(1, 900_001), delete(2, 900_001), delete(2, 900_002)]
    results = door.post("/v1/events", json=sent, headers=TOWN).json()["results"]
    assert [result["error"] and result["error"]["code"] for result in results] == ["forbidden", None, "not_found"]


def test_a_follow_of_the_last_n_counts_back_in_the_state(door: TestClient, platform: Platform) -> None:
    for day in (1, 2, 3):
        post = event("post", actor_id=3, object={"type": "post", "content": "x"})
        door.post("/v1/events", json={**post, "time": f"2026-11-0{day}T00:00:00Z"}, headers={**TOWN, **WAIT})
    follow = event("follow", actor_id=2, object={"type": "user", "id": 3}, backfill=2)
    assert door.post("/v1/events", json=follow, headers={**TOWN, **WAIT}).status_code == 200
    since = rows(platform, "SELECT since::text FROM follow_edge WHERE follower_id = 2 AND followee_id = 3")
    assert since[0][0].startswith("2026-11-02")
    user = {"type": "user", "id": 3}
    others = [event("follow", actor_id=id_, object=user, backfill=n) for id_, n in ((5, 9), (6, 3))]
    assert door.post("/v1/events", json=others, headers={**TOWN, **WAIT}).status_code == 200
    found = "SELECT since::date::text FROM follow_edge WHERE followee_id = 3 AND follower_id IN (5, 6) ORDER BY 1"
    assert rows(platform, found) == [("2026-11-01",), (None,)]


def test_of_many_who_want_one_handle_at_once_one_gets_it(door: TestClient) -> None:
    handle, statuses = f"race-{uuid4().hex[:8]}", []

    def sign_up(number: int) -> None:
        user = {"handle": handle if number % 2 else handle.upper(), "name": "x", "email": f"{uuid4()}@example.org"}
        statuses.append(door.post("/v1/users", json=user, headers=ADMIN).status_code)

    threads = [threading.Thread(target=sign_up, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] + [409] * 7


def test_a_repeat_gets_the_same_user_and_a_loser_keeps_no_name(door: TestClient, platform: Platform) -> None:
    mark = uuid4().hex[:8]
    first = {"handle": f"a-{mark}", "name": "x", "email": f"{mark}@example.org"}
    headers = {**ADMIN, "Idempotency-Key": mark}
    ids = [door.post("/v1/users", json=first, headers=headers).json()["id"] for _ in range(2)]
    assert ids[0] == ids[1]
    loser = {"handle": f"b-{mark}", "name": "x", "email": first["email"].upper()}
    assert door.post("/v1/users", json=loser, headers=ADMIN).json()["errors"][0]["field"] == "email"
    assert rows(platform, "SELECT 1 FROM name_reservation WHERE value = %s", loser["handle"]) == []
    assert door.post("/v1/users", json={**loser, "email": None}, headers=ADMIN).status_code == 201


def test_a_reservation_nobody_used_is_free_after_its_lease_and_a_used_one_never(
    door: TestClient, platform: Platform
) -> None:
    mark = uuid4().hex[:8]
    used = {"handle": f"used-{mark}", "name": "x"}
    assert door.post("/v1/users", json=used, headers=ADMIN).status_code == 201
    with Seed(platform.connections.postgres) as seed:
        seed.execute(
            "INSERT INTO name_reservation VALUES ('handle', %s, %s, 900900, now())", (f"fresh-{mark}", str(uuid4()))
        )
        seed.execute(
            "INSERT INTO name_reservation VALUES ('handle', %s, %s, 900901, now() - interval '2 days')",
            (f"stale-{mark}", str(uuid4())),
        )
        seed.execute(
            "UPDATE name_reservation SET reserved_at = now() - interval '2 days' WHERE value = %s", (used["handle"],)
        )
    sent = [{"handle": f"{name}-{mark}", "name": "x"} for name in ("used", "fresh", "stale")]
    results = door.post("/v1/users", json=sent, headers=ADMIN).json()["results"]
    assert [result["status"] for result in results] == ["conflict", "conflict", "created"]


def test_a_name_in_the_state_is_taken_even_where_its_reservation_is_lost(door: TestClient, platform: Platform) -> None:
    with Seed(platform.connections.postgres) as seed:
        seed.execute("DELETE FROM name_reservation WHERE value = 'eric'")
    again = door.post("/v1/users", json={"handle": "eric", "name": "x"}, headers=ADMIN)
    assert again.status_code == 409


def test_while_the_state_is_rebuilt_nothing_is_judged_by_it(door: TestClient, platform: Platform) -> None:
    with Seed(platform.connections.postgres) as seed:
        seed.execute("INSERT INTO rebuild (started_at) VALUES (now())")
        try:
            assert door.post("/follow", json={"follow": "nico"}, headers=IVAN).status_code == 503
            assert door.post("/v1/users", json={"handle": "late", "name": "x"}, headers=ADMIN).status_code == 503
            delete = event("delete", actor_id=1, object={"type": "photo", "id": 900_003})
            results = door.post("/v1/events", json=[delete, like()], headers=TOWN).json()["results"]
            assert [result["status"] for result in results] == ["retry", "accepted"]
        finally:
            seed.execute("DELETE FROM rebuild")


def test_sigterm_under_load_answers_what_it_has_begun_and_loses_nothing(platform: Platform) -> None:
    """A request on its way to a connection just being closed has no answer: sent again, it is the same event."""
    address, stopped = platform.address("ingest"), threading.Event()
    outcomes: list[dict[str, Any]] = []
    unanswered: list[list[dict[str, Any]]] = []

    def take(client: httpx2.Client, events: list[dict[str, Any]]) -> None:
        answer = client.post(f"{address}/v1/events", json=events, headers=TOWN)
        outcomes.extend(answer.json()["results"])

    def send() -> None:
        with httpx2.Client(timeout=20) as client:
            while not stopped.is_set():
                events = [like() for _ in range(20)]
                try:
                    take(client, events)
                except httpx2.TransportError:
                    unanswered.append(events)
                    return

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    wait_until(lambda: len(outcomes) > 400)
    began_s = time.monotonic()
    status = platform.down("ingest")
    drained_s = time.monotonic() - began_s
    stopped.set()
    for sender in senders:
        sender.join()
    platform.start("ingest")
    platform.wait_ready("ingest")
    assert status == 0
    refused = [outcome for outcome in outcomes if outcome["status"] != "accepted"]
    assert not refused, f"drained in {drained_s:.1f} s"
    with httpx2.Client(timeout=20) as client:
        for events in unanswered:
            take(client, events)
    assert {outcome["status"] for outcome in outcomes} == {"accepted"}
    ids = [outcome["event_id"] for outcome in outcomes]
    count = "SELECT count(*) FROM activity WHERE event_id = ANY(%s::uuid[])"
    wait_until(lambda: rows(platform, count, ids) == [(len(set(ids)),)], within_s=60)
    assert len(ids) == len(set(ids))


def test_killed_amid_large_batches_and_asked_again_each_event_is_there_once_and_in_order(platform: Platform) -> None:
    """Batches of several parts: what the log has of one that was cut off is its beginning."""
    address, stopped = platform.address("ingest"), threading.Event()
    taken = dict.fromkeys((901, 902, 903), 0)

    def insist(events: list[dict[str, Any]]) -> bool:
        try:
            answer = httpx2.post(f"{address}/v1/events", json=events, headers=TOWN, timeout=20)
        except httpx2.TransportError:
            return False
        return {result["status"] for result in answer.json().get("results", [])} == {"accepted"}

    def send(actor_id: int) -> None:
        while not stopped.is_set():
            first = taken[actor_id] + 1
            photos = [{"type": "photo", "id": number} for number in range(first, first + 2 * PART_EVENTS + 50)]
            events = [event("like", actor_id=actor_id, object=photo) for photo in photos]
            wait_until(partial(insist, events), within_s=60)
            taken[actor_id] += len(events)

    senders = [threading.Thread(target=send, args=(actor_id,)) for actor_id in taken]
    for sender in senders:
        sender.start()
    try:
        for _ in range(2):
            enough = sum(taken.values()) + 2_000
            wait_until(lambda enough=enough: sum(taken.values()) > enough)  # type: ignore[misc]
            platform.kill("ingest")
            platform.start("ingest")
            platform.wait_ready("ingest")
    finally:
        stopped.set()
        for sender in senders:
            sender.join()
    liked = "SELECT object_id FROM activity WHERE actor_id = %s ORDER BY source_offset"
    for actor_id, count in taken.items():
        wait_until(lambda id_=actor_id, n=count: len(rows(platform, liked, id_)) >= n, within_s=60)  # type: ignore[misc]
        assert [number for (number,) in rows(platform, liked, actor_id)] == list(range(1, count + 1))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_postgres_away_events_go_on_and_families_are_told_at_once(door: TestClient, platform: Platform) -> None:
    door.post("/v1/events", json=like(), headers=TOWN)
    door.post("/post", json={"type": "post", "content": "x"}, headers=IVAN)
    platform.kill("postgres")
    try:
        wait_until(lambda: door.get("/readyz").status_code == 503)
        assert door.post("/v1/events", json=like(), headers=TOWN).status_code == 202
        began_s = time.monotonic()
        for path, body in (("/post", {"type": "post", "content": "x"}), ("/follow", {"follow": "nico"})):
            answer = door.post(path, json=body, headers=IVAN)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert time.monotonic() - began_s < 3
        sent = [event("post", actor_id=1, object={"type": "post", "content": "x"})]
        assert door.post("/v1/events", json=sent, headers=TOWN).status_code == 202
    finally:
        platform.start("postgres")
        platform.wait_ready("postgres")
    wait_until(lambda: door.get("/readyz").status_code == 200)
    answer = door.post("/v1/events", json=[like()], headers={**TOWN, **WAIT})
    assert answer.status_code == 200
    gc.collect()  # sockets of connection attempts that asyncio gave up on: their warnings belong here


def test_a_frozen_broker_is_503_with_retry_after_and_the_retry_is_the_same_event(
    door: TestClient, platform: Platform
) -> None:
    sent = like()
    platform.stop("kafka")
    try:
        answer = door.post("/v1/events", json=sent, headers=TOWN)
    finally:
        platform.cont("kafka")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    (result,) = answer.json()["results"]
    assert result["status"] == "retry"

    def taken() -> bool:
        again = door.post("/v1/events", json=sent, headers={**TOWN, **WAIT})
        assert again.json()["results"][0]["event_id"] in (result["event_id"], None)
        return again.status_code == 200

    wait_until(taken)
    stored = rows(platform, "SELECT count(*) FROM activity WHERE event_id = %s", result["event_id"])
    assert stored == [(1,)]


def test_a_drain_that_the_log_holds_up_ends_with_an_answer_for_everyone(platform: Platform) -> None:
    answers: list[httpx2.Response] = []

    def send() -> None:
        address = platform.address("ingest")
        answers.append(httpx2.post(f"{address}/v1/events", json=[like()], headers=TOWN, timeout=40))

    httpx2.post(f"{platform.address('ingest')}/v1/events", json=[like()], headers=TOWN, timeout=40)
    sender = threading.Thread(target=send)
    platform.stop("kafka")
    try:
        sender.start()
        in_flight = "feedmill_queued_records 1.0"
        wait_until(lambda: in_flight in httpx2.get(f"{platform.address('ingest')}/metrics").text)
        assert platform.down("ingest") == 0
        sender.join()
    finally:
        platform.cont("kafka")
    assert [answer.status_code for answer in answers] == [503]
    assert answers[0].json()["results"][0]["status"] == "retry"
