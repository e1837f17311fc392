"""What the clients did and were told: JSON lines on disk, written as it happens, read by the checker afterwards.

Lines: `event` (a planned event, once), `sent` (a request leaves), `answered` (an answer came, or is known to be lost),
`poison` (written straight to Kafka, with its place). Times are one process's monotonic seconds, so they compare.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from chaos.events import Planned, essence


class Outcome(StrEnum):
    ACKED = "acked"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class LedgerWriter:
    """Appends; one per run."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("w", encoding="utf-8", buffering=1)
        self._requests = itertools.count(1)
        self.acked = 0
        self.in_flight = 0

    def event(self, planned: Planned) -> None:
        self._write(
            kind="event",
            event_id=planned.event_id,
            ce_id=planned.ce_id,
            source=planned.source,
            verb=planned.verb,
            key=planned.key,
            essence=None if planned.refused else essence(planned.verb, planned.data),
            refused=planned.refused,
        )

    def sent(self, events: Sequence[Planned]) -> int:
        """The number of the request."""
        number = next(self._requests)
        self.in_flight += len(events)
        self._write(kind="sent", request=number, at=time.monotonic(), events=[e.event_id for e in events])
        return number

    def answered(self, request: int, outcomes: Sequence[Outcome], positions: Sequence[str | None]) -> None:
        self.in_flight -= len(outcomes)
        self.acked += sum(o is Outcome.ACKED for o in outcomes)
        at = time.monotonic()
        self._write(kind="answered", request=request, at=at, outcomes=list(outcomes), positions=list(positions))

    def poison(self, name: str, topic: str, partition: int, offset: int) -> None:
        self._write(kind="poison", name=name, topic=topic, partition=partition, offset=offset)

    def _write(self, **line: Any) -> None:
        self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        self._file.close()


@dataclass(slots=True)
class Entry:
    """One event's story."""

    event_id: str
    ce_id: str
    source: str
    verb: str
    key: str
    essence: str | None
    must_be_refused: bool
    first_sent_at: float = float("inf")
    acked_at: float | None = None
    refused: bool = False
    requests: list[tuple[int, int]] = field(default_factory=list)
    """(request, place in it) of each sending, in their order."""
    positions: set[str] = field(default_factory=set)
    """Where the door said it lies."""


@dataclass(slots=True)
class Ledger:
    entries: dict[str, Entry] = field(default_factory=dict)
    poison: dict[tuple[str, int, int], str] = field(default_factory=dict)
    """(topic, partition, offset) -> what it is."""

    @property
    def acked(self) -> set[str]:
        return {i for i, e in self.entries.items() if e.acked_at is not None}

    @property
    def refused(self) -> set[str]:
        """Told invalid and never accepted, or such as must be."""
        return {i for i, e in self.entries.items() if e.must_be_refused or (e.refused and e.acked_at is None)}

    @property
    def by_client_id(self) -> dict[tuple[str, str], Entry]:
        return {(e.source, e.ce_id): e for e in self.entries.values()}


def read_ledger(path: Path) -> Ledger:
    ledger = Ledger()
    sent: dict[int, list[str]] = {}
    for line in lines_of(path):
        match line["kind"]:
            case "event":
                ledger.entries[line["event_id"]] = Entry(
                    *(line[name] for name in ("event_id", "ce_id", "source", "verb", "key", "essence", "refused"))
                )
            case "sent":
                sent[line["request"]] = line["events"]
                for place, event_id in enumerate(line["events"]):
                    entry = ledger.entries[event_id]
                    entry.first_sent_at = min(entry.first_sent_at, line["at"])
                    entry.requests.append((line["request"], place))
            case "answered":
                answers = zip(sent[line["request"]], line["outcomes"], line["positions"], strict=True)
                for event_id, outcome, position in answers:
                    take(ledger.entries[event_id], Outcome(outcome), line["at"], position)
            case "poison":
                ledger.poison[line["topic"], line["partition"], line["offset"]] = line["name"]
    return ledger


def take(entry: Entry, outcome: Outcome, at: float, position: str | None) -> None:
    if outcome is Outcome.ACKED and entry.acked_at is None:
        entry.acked_at = at
    entry.refused = entry.refused or outcome is Outcome.REFUSED
    if outcome is Outcome.ACKED and position:
        entry.positions.add(position)


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
