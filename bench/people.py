"""Readers and authors on a running platform, made through its own doors."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.records import text
from feedmill.testkit.people import Operator, Person

BATCH = 500


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody whose home feed has a known number of rows."""

    person: Person
    rows: int


def reader_of(operator: Operator, rows: int, *, authors: int) -> Reader:
    """Follows so many authors, who together published so many posts."""
    reader, *followed = operator.people("reader", *["author"] * authors)
    follows = [_event("follow", reader.id, {"type": "user", "id": author.id}) for author in followed]
    operator.send(*follows)
    posts(operator, followed, rows)
    return Reader(reader, rows)


def posts(operator: Operator, authors: Sequence[Person], count: int) -> list[int]:
    """So many posts, authors in turns; their ids."""
    rng = random.Random(count)
    events = [
        _event("post", authors[number % len(authors)].id, {"type": "post", "content": text(rng, 180)})
        for number in range(count)
    ]
    results: list[dict[str, Any]] = []
    for start in range(0, count, BATCH):
        results += operator.send(*events[start : start + BATCH])
    assert all(result["applied"] for result in results)
    return [int(result["object"]["id"]) for result in results]


def _event(verb: str, actor: int, thing: dict[str, Any]) -> dict[str, Any]:
    ce_id = f"{verb}-{actor}-{time.perf_counter_ns()}"
    data = {"actor_id": actor, "object": thing}
    return {"specversion": "1.0", "id": ce_id, "source": "bench", "type": f"feedmill.{verb}.v1", "data": data}
