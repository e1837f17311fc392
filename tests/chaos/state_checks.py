"""O the order within each key, S the state the log adds up to. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from chaos.contents import Check, Contents
from chaos.ledger import Entry, Ledger
from chaos.observed import Place, Record


def raw_order(ledger: Ledger, contents: Contents) -> Check:
    offsets = {i: (r.partition, r.offset) for i, r in contents.first.items()}
    return order("O the raw log keeps the order of each key", ledger, offsets)


def stored_order(ledger: Ledger, contents: Contents) -> Check:
    """By the place in the enriched log, which is the order in which sinks take them."""
    offsets: dict[str, Place] = {}
    for record in contents.canonical:
        offsets.setdefault(record.event_id or "", (record.partition, record.offset))
    return order("O the enriched log keeps the order of each key", ledger, offsets)


def order(name: str, ledger: Ledger, offsets: Mapping[str, Place]) -> Check:
    check = Check(name, 0)
    by_key: dict[str, list[Entry]] = defaultdict(list)
    for entry in ledger.entries.values():
        if entry.event_id in offsets:
            by_key[entry.key].append(entry)
    for key, entries in by_key.items():
        entries.sort(key=lambda e: offsets[e.event_id])
        check.examined += len(entries)
        check.expect(len({offsets[e.event_id][0] for e in entries}) == 1, f"key {key} is on several partitions")
        latest = entries[0]
        for entry in entries:
            if entry.acked_at is not None and entry.acked_at < latest.first_sent_at:
                check.problems.append(f"key {key}: {entry.event_id} was acked before {latest.event_id} was sent")
            latest = max(latest, entry, key=lambda e: e.first_sent_at)
        check.problems += out_of_turn(key, entries)
    return check


def out_of_turn(key: str, entries: list[Entry]) -> list[str]:
    """Events of one key that were sent once, in one request: they lie as they stood in it."""
    turns: dict[int, int] = {}
    problems = []
    for entry in entries:
        if len(entry.requests) == 1 and entry.acked_at is not None:
            request, turn = entry.requests[0]
            if turn < turns.get(request, -1):
                problems.append(f"key {key}: {entry.event_id} lies behind a later one of its request")
            turns[request] = turn
    return problems


def winners(contents: Contents, verbs: tuple[str, ...]) -> Iterable[Record]:
    """First copies of these verbs in the log's order, partition by partition."""
    return sorted((r for r in contents.first.values() if r.verb in verbs), key=lambda r: (r.partition, r.offset))


def follows_are_the_fold(contents: Contents) -> Check:
    state: dict[tuple[int, int], datetime | None] = {}
    check = Check("S who follows whom is the fold of the log", 0)
    for record in winners(contents, ("follow", "unfollow")):
        check.examined += 1
        data = record.json()
        pair = (data["actor_id"], data["object"]["id"])
        if record.verb == "unfollow":
            state.pop(pair, None)
        elif pair not in state:
            state[pair] = datetime.fromisoformat(data["since"]).astimezone(UTC) if data.get("since") else None
    wanted = {(a, b, since) for (a, b), since in state.items()}
    check.problems += differing(contents.observed.follows, wanted)
    return check


def likes_are_the_fold(contents: Contents) -> Check:
    state: set[tuple[int, str, int]] = set()
    check = Check("S who likes what is the fold of the log", 0)
    for record in winners(contents, ("like", "unlike")):
        check.examined += 1
        data = record.json()
        like = (data["actor_id"], data["object"]["type"], data["object"]["id"])
        (state.add if record.verb == "like" else state.discard)(like)
    check.problems += differing(contents.observed.likes, state)
    return check


T = TypeVar("T")


def differing(found: set[T], wanted: set[T]) -> list[str]:
    return [f"missing {x}" for x in wanted - found] + [f"not to be there {x}" for x in found - wanted]
