"""A small world in which everything went right, made by hand: what the checker must find nothing wrong with."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from chaos.contents import row_of
from chaos.events import CREATING, Planned, Writer, essence
from chaos.ledger import Entry, Ledger
from chaos.observed import ENRICHED, RAW, Observed, Record, Row

PARTITIONS = 6
OWNER = "service:chaos"


@dataclass(slots=True)
class World:
    ledger: Ledger
    observed: Observed


def perfect_world(seed: int = 1, events: int = 300) -> World:
    """One client after the other; every tenth event is repeated in the raw log with another time."""
    rng = random.Random(seed)
    writers = [Writer(rng, OWNER, f"w{n}", range(1_000 + 6 * n, 1_006 + 6 * n), 1_100) for n in range(4)]
    ledger = Ledger()
    raw: list[Record] = []
    for turn in range(events):
        writer = rng.choice(writers)
        event = writer.next_refused() if turn % 25 == 24 else writer.next()
        entry = entry_of(event, turn)
        ledger.entries[event.event_id] = entry
        if event.refused:
            continue
        raw.append(raw_record(event, raw, turn))
        entry.positions.add(f"{RAW}/{raw[-1].partition}:{raw[-1].offset}")
        if turn % 10 == 0:
            raw.append(repeated(raw[-1], raw))
    plant_poison(ledger, raw)
    return World(ledger, everything_applied(ledger, raw))


def entry_of(event: Planned, turn: int) -> Entry:
    said = None if event.refused else essence(event.verb, event.data)
    entry = Entry(event.event_id, event.ce_id, event.source, event.verb, event.key, said, event.refused)
    entry.first_sent_at, entry.requests = turn, [(turn, 0)]
    entry.acked_at, entry.refused = (None, True) if event.refused else (turn + 0.5, False)
    return entry


def next_place(raw: list[Record], key: str) -> tuple[int, int]:
    partition = int(key) % PARTITIONS
    return partition, sum(r.partition == partition for r in raw)


def raw_record(event: Planned, raw: list[Record], turn: int) -> Record:
    data = copy.deepcopy(event.data)
    occurred_at = event.time or datetime(2026, 11, 21, tzinfo=UTC).isoformat()
    if event.verb in CREATING:
        data["object"]["id"] = turn + 1
    if event.verb == "follow":
        data["since"] = occurred_at if data.pop("backfill", None) == "none" else None
    headers = {
        "ce_id": event.ce_id,
        "ce_source": event.source,
        "ce_type": event.type,
        "ce_time": occurred_at,
        "event-id": event.event_id,
    }
    return Record(RAW, *next_place(raw, event.key), event.key.encode(), json.dumps(data).encode(), headers)


def repeated(record: Record, raw: list[Record]) -> Record:
    assert record.key is not None
    _, offset = next_place(raw, record.key.decode())
    return replace(record, offset=offset, headers={**record.headers, "ce_time": "2026-09-01T00:00:00+00:00"})


def plant_poison(ledger: Ledger, raw: list[Record]) -> None:
    for actor in ("1000", "1001"):
        bad = Record(RAW, *next_place(raw, actor), actor.encode(), b'{"trunc', {"event-id": f"bad-{actor}"})
        ledger.poison[RAW, bad.partition, bad.offset] = "truncated JSON"
        raw.append(bad)


def everything_applied(ledger: Ledger, raw: list[Record]) -> Observed:
    """What a faultless pipeline makes of a raw log."""
    enriched: list[Record] = []
    first: list[Record] = []
    dead: list[Record] = []
    ends: Counter[int] = Counter()
    reached: dict[int, int] = {}
    seen: set[str] = set()
    for record in sorted(raw, key=lambda r: (r.partition, r.offset)):
        poison = (record.topic, record.partition, record.offset) in ledger.poison
        new = not poison and record.event_id not in seen
        if poison:
            dead.append(dead_letter(record, len(dead)))
        elif new:
            first.append(record)
            seen.add(record.event_id or "")
        enriched.append(enriched_record(record, ends, reached, new))
    rows = [row_of(record) for record in first]
    return Observed(
        raw=sorted(raw, key=lambda r: (r.partition, r.offset)),
        enriched=enriched,
        dead=dead,
        activity=list(rows),
        facts=list(rows),
        facts_raw_rows=len(rows),
        facts_distinct=len(rows),
        by_day=dict(Counter((row.occurred_at.date().isoformat(), row.verb) for row in rows)),
        follows=follows_of(first),
        likes=likes_of(first),
    )


def enriched_record(record: Record, ends: Counter[int], reached: dict[int, int], new: bool) -> Record:
    added = {"source-offset": str(record.offset), "source-from": str(reached.get(record.partition, -1))}
    offset = ends[record.partition]
    ends[record.partition] += 1
    reached[record.partition] = record.offset
    if not new:
        return Record(ENRICHED, record.partition, offset, None, None, {**added, "marker": "1"})
    return Record(ENRICHED, record.partition, offset, record.key, b"{}", {**record.headers, **added})


def dead_letter(record: Record, offset: int) -> Record:
    origin = {"dlq-topic": RAW, "dlq-partition": str(record.partition), "dlq-offset": str(record.offset)}
    headers = {**record.headers, **origin, "dlq-reason": "not_json"}
    return Record(f"{RAW}.dlq", 0, offset, record.key, record.value, headers)


def follows_of(first: list[Record]) -> set[tuple[int, int, datetime | None]]:
    edges: dict[tuple[int, int], datetime | None] = {}
    for record in first:
        data = record.json()
        pair = (data["actor_id"], data["object"].get("id", 0))
        if record.verb == "unfollow":
            edges.pop(pair, None)
        elif record.verb == "follow":
            edges.setdefault(pair, datetime.fromisoformat(data["since"]).astimezone(UTC) if data["since"] else None)
    return {(*pair, since) for pair, since in edges.items()}


def likes_of(first: list[Record]) -> set[tuple[int, str, int]]:
    likes: set[tuple[int, str, int]] = set()
    for record in first:
        data = record.json()
        like = (data["actor_id"], data["object"]["type"], data["object"].get("id", 0))
        if record.verb == "like":
            likes.add(like)
        elif record.verb == "unlike":
            likes.discard(like)
    return likes


def without(rows: list[Row], row: Row) -> list[Row]:
    return [kept for kept in rows if kept is not row]
