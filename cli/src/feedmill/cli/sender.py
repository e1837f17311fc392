"""Events and people through the doors, as a well-behaved client sends them: what was not surely taken is sent again
with the same id, which makes it the same event.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import msgspec

from feedmill.runtime.deadline import Deadline

EVENTS_PATH: Final = "/v1/events"
USERS_PATH: Final = "/v1/users"
AGAIN: Final = (429, 502, 503, 504)
"""Come back later, with `Retry-After`; or the answer was lost on its way."""
RETRY_S: Final = 0.2
REQUEST_TIMEOUT_S: Final = 45.0
"""Above the 30 s that a request may ask to wait."""

Place = tuple[int, int]
"""Partition and offset in the raw topic."""

_encode: Final = msgspec.json.encode


class NotTaken(Exception):
    """The door refused for good, or time ran out; says what it said."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """`object` is (type, id) of what the event created or names, known only where its storing was waited for."""

    event_id: str
    place: Place
    object: tuple[str, int] | None


class Sender:
    """Not more than `at_once` requests at a time; everything until `deadline`."""

    def __init__(self, client: httpx2.AsyncClient, deadline: Deadline, at_once: int = 4) -> None:
        self._client = client
        self._deadline = deadline
        self._free = asyncio.Semaphore(at_once)

    async def events(self, events: Sequence[dict[str, Any]], *, stored: bool = False) -> list[Accepted]:
        """Returns when every one is accepted, in their order; with `stored`, when every one is stored.

        Raises NotTaken.
        """
        accepted: dict[int, Accepted] = {}
        left = list(range(len(events)))
        prefer = {"Prefer": f"wait={30 if stored else 0}"}
        while left:
            answer = await self._post(EVENTS_PATH, [events[n] for n in left], prefer)
            again = []
            for n, result in zip(left, answer["results"], strict=True):
                if result["status"] == "invalid":
                    raise NotTaken(f"{events[n]['type']} was refused: {result['error']}")
                if result["status"] != "accepted" or (stored and not result["applied"]):
                    again.append(n)
                    continue
                accepted[n] = taken(result)
            left = again
            if left:
                await self._pause(RETRY_S)
        return [accepted[n] for n in range(len(events))]

    async def users(self, users: Sequence[dict[str, Any]]) -> list[int]:
        """Their ids. Raises NotTaken."""
        key = hashlib.sha256(_encode(users)).hexdigest()
        while True:
            answer = await self._post(USERS_PATH, users, {"Idempotency-Key": key})
            results = answer["results"]
            refused = [r for r in results if r["status"] in ("conflict", "invalid")]
            if refused:
                raise NotTaken(f"{len(refused)} people were refused, the first: {refused[0]['error']}")
            if all(r["status"] == "created" and r["user"] for r in results):
                return [int(r["user"]["id"]) for r in results]
            await self._pause(RETRY_S)

    async def _post(self, path: str, body: object, headers: Mapping[str, str]) -> Any:
        """The JSON of a 2xx. A lost answer and a busy door are met by sending the same again."""
        content = _encode(body)
        headers = {"Content-Type": "application/json", **headers}
        while True:
            try:
                async with self._free:
                    answer = await self._client.post(path, content=content, headers=headers)
            except httpx2.TransportError as error:
                await self._pause(RETRY_S, error)
                continue
            if answer.status_code in AGAIN:
                await self._pause(retry_after_s(answer.headers), answer.text)
                continue
            if not answer.is_success:
                raise NotTaken(f"POST {path}: {answer.status_code} {answer.text}")
            return answer.json()

    async def _pause(self, seconds: float, why: object = "not every event was accepted") -> None:
        if self._deadline.passed:
            raise NotTaken(f"time ran out: {why}")
        await asyncio.sleep(self._deadline.slice_s(seconds))


def taken(result: Mapping[str, Any]) -> Accepted:
    """What an accepted event's result says; its `position` is `topic/partition:offset`."""
    partition, _, offset = result["position"].rpartition("/")[2].partition(":")
    thing = result["object"]
    return Accepted(result["event_id"], (int(partition), int(offset)), (thing["type"], thing["id"]) if thing else None)


def retry_after_s(headers: Mapping[str, str]) -> float:
    """What `Retry-After` says in seconds."""
    said = headers.get("Retry-After", "")
    return max(RETRY_S, float(said)) if said.isdecimal() else RETRY_S


def client_of(origin: str, key: str, at_once: int = 16) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=origin,
        headers={"X-App-Key": key},
        timeout=REQUEST_TIMEOUT_S,
        limits=httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once),
    )
