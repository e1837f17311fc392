"""Compares what clients were told with what lies in the log and in both stores. Pure.

K the raw log, E the enriched one behind the position filter, P Postgres, C ClickHouse, D dead letters; then the order
within each key, and the state the log adds up to. Everything is compared as sets of ids, never as counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from chaos.events import essence
from chaos.ledger import Entry, Ledger
from chaos.observed import Observed, Place, Record, Row

T = TypeVar("T")


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


def check_all(
    ledger: Ledger, observed: Observed, *, memory_covers: bool = True, others: Collection[str] = ()
) -> list[Check]:
    """Every check. `memory_covers=False` where the enricher's memory was made small: older repeats may reach sinks.
    `others` are sources of events that no ledger was kept of."""
    contents = contents_of(ledger, observed)
    return [
        raw_holds_what_was_acked(ledger, contents, others),
        nothing_refused_anywhere(ledger, contents),
        told_positions_are_true(ledger, contents),
        bodies_are_as_sent(ledger, contents),
        new_objects_have_ids_of_their_own(contents),
        enriched_once(contents, memory_covers),
        enriched_has_no_holes(ledger, contents),
        stored_once("P activity once", observed.activity, contents),
        stored_once("C fact_activity FINAL once", observed.facts, contents),
        facts_raw(observed, memory_covers),
        days_add_up(contents),
        dead_letters_are_the_poison(ledger, contents),
        raw_order(ledger, contents),
        stored_order(ledger, contents),
        follows_are_the_fold(contents),
        likes_are_the_fold(contents),
    ]


def raw_holds_what_was_acked(ledger: Ledger, contents: Contents, others: Collection[str]) -> Check:
    check = Check("K every acknowledged event is in the raw log", len(ledger.acked))
    check.problems += [f"lost {i}" for i in sorted(ledger.acked - contents.ids)]
    ours = {i for i, record in contents.first.items() if record.headers["ce_source"] not in others}
    check.problems += [f"never sent {i}" for i in sorted(ours - ledger.entries.keys())]
    return check


def nothing_refused_anywhere(ledger: Ledger, contents: Contents) -> Check:
    refused = ledger.refused
    clients = {(ledger.entries[i].source, ledger.entries[i].ce_id) for i in refused}
    check = Check("K nothing refused is anywhere", len(refused))
    for record in contents.observed.raw:
        named = (record.headers.get("ce_source", ""), record.headers.get("ce_id", ""))
        check.expect(named not in clients, f"refused, yet at {place(record)}: {named}")
    stored = {row.event_id for rows in (contents.observed.activity, contents.observed.facts) for row in rows}
    check.problems += [f"refused, yet stored: {i}" for i in sorted(refused & stored)]
    return check


def told_positions_are_true(ledger: Ledger, contents: Contents) -> Check:
    at = {place(r): r.event_id for r in contents.observed.raw}
    check = Check("K every position told is the event's", sum(len(e.positions) for e in ledger.entries.values()))
    for entry in ledger.entries.values():
        for position in entry.positions:
            check.expect(at.get(position) == entry.event_id, f"{entry.event_id} told {position}: {at.get(position)}")
    return check


def bodies_are_as_sent(ledger: Ledger, contents: Contents) -> Check:
    check = Check("K every body is what the client sent, under its key", len(contents.first))
    for event_id, record in contents.first.items():
        entry = ledger.entries.get(event_id)
        if entry is None:
            continue
        check.expect(record.key == entry.key.encode(), f"{event_id}: key {record.key!r}, not {entry.key}")
        check.expect(essence(entry.verb, record.json()) == entry.essence, f"{event_id}: another body {record.value!r}")
    return check


def new_objects_have_ids_of_their_own(contents: Contents) -> Check:
    made = [
        f"{data['object']['type']} {data['object']['id']}"
        for r in contents.first.values()
        if r.verb in ("post", "comment") and (data := r.json())
    ]
    check = Check("K no object id is handed out twice", len(made))
    check.problems += [f"{n} objects are {name}" for name, n in Counter(made).items() if n > 1]
    return check


def enriched_once(contents: Contents, memory_covers: bool) -> Check:
    check = Check("E the enriched log has each event once, as its first copy", len(contents.first))
    sources: dict[str, list[Place]] = defaultdict(list)
    for record in contents.canonical:
        sources[record.event_id or "no event-id"].append((record.partition, int(record.headers["source-offset"])))
    found = [i for i, places in sources.items() for _ in (places if memory_covers else places[:1])]
    check.same_ids(found, contents.ids)
    for event_id in contents.ids & sources.keys():
        first = contents.first[event_id]
        got = sources[event_id][0]
        check.expect(got == (first.partition, first.offset), f"{event_id}: from {got}, first at {place(first)}")
    return check


def enriched_has_no_holes(ledger: Ledger, contents: Contents) -> Check:
    check = Check("E nothing is passed over: source-from is reached, every offset accounted for", 0)
    position: dict[int, int] = defaultdict(lambda: -1)
    for record in genuine(ledger, contents.observed.enriched):
        check.examined += 1
        source, known = int(record.headers["source-offset"]), int(record.headers["source-from"])
        reached = position[record.partition]
        check.expect(known <= reached, f"{place(record)}: from {known}, reached {reached}")
        position[record.partition] = max(reached, source)
    for record in contents.observed.raw:
        check.expect(record.offset <= position[record.partition], f"never reached: {place(record)}")
    return check


def stored_once(name: str, rows: list[Row], contents: Contents) -> Check:
    check = Check(name, len(rows))
    check.same_ids((row.event_id for row in rows), contents.ids)
    for row in rows:
        first = contents.first.get(row.event_id)
        if first is not None:
            wanted = row_of(first)
            check.expect(row == wanted, f"{row.event_id}: {differences(row, wanted)}")
    return check


def row_of(first: Record) -> Row:
    """The row a raw record must become in a store."""
    data = first.json()
    thing: Mapping[str, Any] = data.get("object") or {}
    assert first.event_id is not None
    occurred_at = datetime.fromisoformat(first.headers["ce_time"]).astimezone(UTC)
    place_ = (first.partition, first.offset)
    return Row(first.event_id, first.verb, data["actor_id"], thing.get("type"), thing.get("id", 0), occurred_at, place_)


def differences(got: Row, wanted: Row) -> str:
    pairs = ((n, getattr(got, n), getattr(wanted, n)) for n in Row.__slots__)
    return ", ".join(f"{name} {a!r}, not {b!r}" for name, a, b in pairs if a != b)


def facts_raw(observed: Observed, memory_covers: bool) -> Check:
    check = Check("C fact_activity raw: one row an event", observed.facts_raw_rows)
    if memory_covers:
        doubled = observed.facts_raw_rows - observed.facts_distinct
        check.expect(doubled == 0, f"{doubled} rows too many in {observed.facts_raw_rows}")
    return check


def days_add_up(contents: Contents) -> Check:
    rows = map(row_of, contents.first.values())
    wanted = Counter((row.occurred_at.date().isoformat(), row.verb) for row in rows)
    check = Check("C activity_by_day counts each event once", len(wanted))
    for day in sorted(wanted.keys() | contents.observed.by_day.keys()):
        got = contents.observed.by_day.get(day, 0)
        check.expect(got == wanted[day], f"{day[0]} {day[1]}: {got}, not {wanted[day]}")
    return check


def dead_letters_are_the_poison(ledger: Ledger, contents: Contents) -> Check:
    written = [*contents.observed.raw, *contents.observed.enriched]
    origins = {(r.topic, r.partition, r.offset): r for r in written}
    check = Check("D dead letters are the planted poison, whole and with a reason", len(ledger.poison))
    found = {origin_of(letter) for letter in contents.observed.dead}
    check.problems += [f"no dead letter for {o}: {ledger.poison[o]}" for o in sorted(ledger.poison.keys() - found)]
    check.problems += [f"dead letter of no poison: {o}" for o in sorted(found - ledger.poison.keys())]
    for letter in contents.observed.dead:
        origin = origins.get(origin_of(letter))
        check.expect(bool(letter.headers.get("dlq-reason")), f"without a reason: {origin_of(letter)}")
        if origin is not None:
            whole = (letter.key, letter.value) == (origin.key, origin.value)
            check.expect(whole, f"other bytes than at {place(origin)}")
    return check


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


def differing(found: set[T], wanted: set[T]) -> list[str]:
    return [f"missing {x}" for x in wanted - found] + [f"not to be there {x}" for x in found - wanted]


def place(record: Record) -> str:
    return f"{record.topic}/{record.partition}:{record.offset}"
