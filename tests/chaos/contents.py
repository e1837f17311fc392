"""What was read, in the forms that several checks need, and what a check is. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chaos.ledger import Ledger
from chaos.observed import Observed, Record, Row


@dataclass(slots=True)
class Check:
    """One promise. No problems: it held. `examined` says over how many things, so that a check of nothing shows."""

    name: str
    examined: int
    problems: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        return not self.problems

    def expect(self, held: bool, problem: str) -> None:
        if not held:
            self.problems.append(problem)

    def same_ids(self, found: Iterable[str], expected: set[str]) -> None:
        """`found` has each of `expected` once and nothing else."""
        counts = Counter(found)
        self.problems += [f"lost {i}" for i in sorted(expected - counts.keys())]
        self.problems += [f"not to be there {i}" for i in sorted(counts.keys() - expected)]
        self.problems += [f"{n} times {i}" for i, n in sorted(counts.items()) if n > 1]


@dataclass(frozen=True, slots=True)
class Contents:
    """The observed log, put in the forms that several checks need."""

    observed: Observed
    first: dict[str, Record]
    """The first raw record of each event: the one that wins."""
    canonical: list[Record]
    """Enriched records that are no markers and not at or below their partition's position: what a sink would take."""

    @property
    def ids(self) -> set[str]:
        return set(self.first)


def contents_of(ledger: Ledger, observed: Observed) -> Contents:
    """Poison is no event: it counts among the dead letters only."""
    first: dict[str, Record] = {}
    for record in observed.raw:
        if record.event_id is not None and (record.topic, record.partition, record.offset) not in ledger.poison:
            first.setdefault(record.event_id, record)
    return Contents(observed, first, behind_position_filter(genuine(ledger, observed.enriched)))


def genuine(ledger: Ledger, enriched: Iterable[Record]) -> list[Record]:
    """What the enricher wrote."""
    return [r for r in enriched if (r.topic, r.partition, r.offset) not in ledger.poison]


def behind_position_filter(enriched: Iterable[Record]) -> list[Record]:
    position: dict[int, int] = defaultdict(lambda: -1)
    kept = []
    for record in enriched:
        source = int(record.headers["source-offset"])
        if source > position[record.partition]:
            position[record.partition] = source
            if record.value is not None:
                kept.append(record)
    return kept


def origin_of(letter: Record) -> tuple[str, int, int]:
    return letter.headers["dlq-topic"], int(letter.headers["dlq-partition"]), int(letter.headers["dlq-offset"])


def row_of(first: Record) -> Row:
    """The row a raw record must become in a store."""
    data = first.json()
    thing: Mapping[str, Any] = data.get("object") or {}
    assert first.event_id is not None
    occurred_at = datetime.fromisoformat(first.headers["ce_time"]).astimezone(UTC)
    place_ = (first.partition, first.offset)
    return Row(first.event_id, first.verb, data["actor_id"], thing.get("type"), thing.get("id", 0), occurred_at, place_)


def place(record: Record) -> str:
    return f"{record.topic}/{record.partition}:{record.offset}"
