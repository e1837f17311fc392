"""What was not surely taken is sent again with the same id; what is refused is said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from feedmill.cli import sender as sending
from feedmill.cli.sender import Accepted, NotTaken, Sender, retry_after_s
from feedmill.runtime.deadline import Deadline

Answer = Callable[[list[dict[str, Any]]], httpx2.Response]
EVENTS = [{"id": name, "type": "feedmill.post.v1"} for name in "abc"]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "RETRY_S", 0.0)


def result(event: dict[str, Any], status: str = "accepted", *, applied: bool = True) -> dict[str, Any]:
    thing = {"type": "post", "id": ord(event["id"])} if applied else None
    error = {"field": "data", "code": "missing", "message": "is missing"} if status == "invalid" else None
    place = f"activity.published.v1/3:{ord(event['id'])}"
    made = {"event_id": f"e-{event['id']}", "status": status, "applied": applied, "position": place}
    return {**made, "object": thing, "error": error}


class Door:
    """Answers in turn; the last one for good. Keeps what it was sent."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[list[str]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        events = json.loads(request.content)
        self.asked.append([event["id"] for event in events])
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(events)


def all_of(status: str = "accepted", *, applied: bool = True) -> Answer:
    return lambda events: httpx2.Response(200, json={"results": [result(e, status, applied=applied) for e in events]})


def busy(status: int) -> Answer:
    return lambda events: httpx2.Response(status, json={"title": "later"}, headers={"Retry-After": "0"})


def send(door: Door, *, stored: bool = False, deadline_s: float = 10.0) -> list[Accepted]:
    async def run() -> list[Accepted]:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(door), base_url="http://door") as client:
            return await Sender(client, Deadline(deadline_s)).events(EVENTS, stored=stored)

    return asyncio.run(run())


def test_what_is_accepted_comes_back_in_the_order_sent() -> None:
    assert send(Door(all_of())) == [Accepted(f"e-{name}", (3, ord(name)), ("post", ord(name))) for name in "abc"]


def test_only_what_is_to_be_retried_is_sent_again() -> None:
    def second_not_taken(events: list[dict[str, Any]]) -> httpx2.Response:
        statuses = ["accepted", "retry", "accepted"]
        return httpx2.Response(202, json={"results": [result(e, s) for e, s in zip(events, statuses, strict=True)]})

    door = Door(second_not_taken, all_of())
    assert [accepted.event_id for accepted in send(door)] == ["e-a", "e-b", "e-c"]
    assert door.asked == [["a", "b", "c"], ["b"]]


@pytest.mark.parametrize(
    "first", [busy(503), busy(429), busy(502), httpx2.ReadError("gone"), httpx2.ConnectError("no")]
)
def test_a_busy_door_and_a_lost_answer_are_met_with_the_same_again(first: Answer | Exception) -> None:
    door = Door(first, all_of())
    assert len(send(door)) == 3
    assert door.asked == [["a", "b", "c"]] * 2


def test_what_was_to_be_stored_is_asked_for_until_it_is() -> None:
    door = Door(all_of(applied=False), all_of())
    assert all(accepted.object for accepted in send(door, stored=True))
    assert len(door.asked) == 2


def test_an_invalid_event_is_told() -> None:
    with pytest.raises(NotTaken, match=r"feedmill\.post\.v1 was refused: .*is missing"):
        send(Door(all_of("invalid")))


def test_any_other_refusal_is_told() -> None:
    with pytest.raises(NotTaken, match="403"):
        send(Door(lambda events: httpx2.Response(403, json={})))


def test_time_runs_out() -> None:
    with pytest.raises(NotTaken, match="time ran out"):
        send(Door(busy(503)), deadline_s=0.0)


@pytest.mark.parametrize(("said", "seconds"), [({"Retry-After": "3"}, 3.0), ({}, 0.0), ({"Retry-After": "Sat"}, 0.0)])
def test_retry_after_is_heeded(said: dict[str, str], seconds: float) -> None:
    assert retry_after_s(said) == seconds
