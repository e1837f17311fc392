"""The clients' side of `POST /v1/events`: one request, its answer taken down in the ledger."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx2

from chaos.events import Json, Planned
from chaos.ledger import LedgerWriter, Outcome

REQUEST_TIMEOUT_S = 5.0
"""Shorter than a frozen broker's freeze, so that some answers are lost and their events sent again."""

Answer = tuple[Outcome, str | None]
"""What became of an event, and the place in the log it was told."""

NOT_KNOWN: Answer = (Outcome.UNKNOWN, None)
OUTCOMES = {"accepted": Outcome.ACKED, "dead-lettered": Outcome.ACKED, "invalid": Outcome.REFUSED}


@dataclass(slots=True)
class Door:
    """`surprises` collects answers that the interface does not allow: a run with any is red."""

    url: str
    key: str
    ledger: LedgerWriter
    http: httpx2.AsyncClient = field(default_factory=lambda: httpx2.AsyncClient(timeout=REQUEST_TIMEOUT_S))
    surprises: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def headers(self) -> dict[str, str]:
        return {"X-App-Key": self.key, "Content-Type": "application/json"}

    async def post(self, events: Sequence[Planned], time: str | None = None) -> list[Outcome]:
        """One request; `time` stamps all events anew. A single event goes as an object, more as an array."""
        bodies = [e.body(time) for e in events]
        content = json.dumps(bodies[0] if len(bodies) == 1 else bodies)
        request = self.ledger.sent(events)
        answers = [NOT_KNOWN] * len(events)
        try:
            response = await self.http.post(f"{self.url}/v1/events", content=content, headers=self.headers)
            self.statuses[str(response.status_code)] += 1
            answers = self._answers(events, response)
        except httpx2.TransportError as lost:
            self.statuses[type(lost).__name__] += 1
        finally:
            self.ledger.answered(request, [o for o, _ in answers], [p for _, p in answers])
        return [outcome for outcome, _ in answers]

    def _answers(self, events: Sequence[Planned], response: httpx2.Response) -> list[Answer]:
        if response.status_code not in (200, 202, 503, 429):
            self.surprises.append(f"status {response.status_code}: {response.text[:300]}")
            return [NOT_KNOWN] * len(events)
        if response.status_code in (503, 429) and "retry-after" not in response.headers:
            self.surprises.append(f"{response.status_code} without Retry-After")
        results = response.json().get("results") if response.content else None
        if not isinstance(results, list):
            return [NOT_KNOWN] * len(events)
        return [self._answer(event, result) for event, result in zip(events, results, strict=True)]

    def _answer(self, event: Planned, result: Json) -> Answer:
        outcome = OUTCOMES.get(result["status"], Outcome.UNKNOWN)
        nameless = result["id"] is None and outcome is Outcome.REFUSED  # what cannot be read has no name
        if result["id"] != event.ce_id and not nameless:
            self.surprises.append(f"answered {result['id']} where {event.ce_id} was sent")
        if outcome is Outcome.ACKED and result["event_id"] != event.event_id:
            self.surprises.append(f"{event.source} {event.ce_id}: event_id {result['event_id']}, not {event.event_id}")
        if outcome is Outcome.REFUSED and not event.refused:
            self.surprises.append(f"refused a valid event: {result['error']}")
        if outcome is Outcome.ACKED and event.refused:
            self.surprises.append(f"accepted what cannot be true: {event.data} {event.time}")
        return outcome, result.get("position") if outcome is Outcome.ACKED else None

    async def post_and_hang_up(self, events: Sequence[Planned]) -> None:
        """Sends and goes away before the answer: whether it was taken is not known."""
        content = json.dumps([e.body() for e in events]).encode()
        address = httpx2.URL(self.url)
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        request = self.ledger.sent(events)
        try:
            _, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(
                f"POST /v1/events HTTP/1.1\r\nHost: chaos\r\n{head}Content-Length: {len(content)}\r\n\r\n".encode()
            )
            writer.write(content)
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.close()
            self.statuses["hung up"] += 1
        except OSError:
            self.statuses["not reached"] += 1
        self.ledger.answered(request, [Outcome.UNKNOWN] * len(events), [None] * len(events))

    async def close(self) -> None:
        await self.http.aclose()
