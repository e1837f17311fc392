"""The way of a batch through the door: judge -> prepare -> send -> wait, with a result for each event."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Protocol

from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.topics import ACTIVITY_PUBLISHED
from feedmill.ingest.body import Item
from feedmill.ingest.facts import Facts
from feedmill.ingest.judge import Judge
from feedmill.ingest.memory import Recent
from feedmill.ingest.plans import PLANS
from feedmill.ingest.prepare import Caller, Preparation, Prepared
from feedmill.ingest.results import ObjectName, Result, failed
from feedmill.ingest.sending import LOG_AWAY, Sender
from feedmill.ingest.world import World
from feedmill.runtime import metrics
from feedmill.runtime.applied import NotYetApplied
from feedmill.runtime.kafka import Ack, Message
from feedmill.runtime.outcome import Transient
from feedmill.runtime.position import Positions


class Waiting(Protocol):
    """feedmill.runtime.applied.Applied."""

    async def wait_for(self, positions: Positions, timeout_s: float, *, acknowledged: bool = False) -> None: ...


@dataclass(slots=True)
class Taken:
    """What became of a request's events. positions: of what Kafka has."""

    results: list[Result]
    positions: Positions
    accepted: int
    retried: int
    applied: int = 0


class Refusals(Exception):
    """An atomic request with an invalid event: nothing of it was sent."""

    def __init__(self, results: list[Result]) -> None:
        super().__init__("one invalid event refuses all")
        self.results = results


@dataclass(frozen=True, slots=True)
class Door:
    judge: Judge
    sender: Sender
    seen: Recent[str, int]
    world: World
    waiting: Waiting
    facts: Facts | None = None
    """None: readings, contents and articles are not waited for."""

    async def take(
        self, items: Sequence[Item], caller: Caller, *, atomic: bool = False, wait_s: float | None = None
    ) -> Taken:
        """Everything a request's events go through. Raises Refusals."""
        if not self.sender.available:
            return _all_away(items)
        preparation = Preparation(caller, await self.judge(items), self.seen)
        prepared, parts = preparation.out, preparation.parts(items)
        if atomic:
            parts = iter(list(parts))
            if prepared.refused:
                preparation.forget()
                _count_refused(prepared)
                raise Refusals(_refusals(items, prepared))
        acks = await self._send(items, prepared, parts)
        taken = _taken(items, prepared, acks)
        if wait_s is not None and taken.accepted:
            await self.wait(taken, wait_s)
        return taken

    async def _send(
        self, items: Sequence[Item], prepared: Prepared, parts: Iterator[Sequence[Message]]
    ) -> Sequence[Ack]:
        began_s = perf_counter()
        acks = await self.sender.send_parts(parts, len(items))
        if acks:
            metrics.ACK_DURATION.at().observe(perf_counter() - began_s)
        self.judge.recent_authors.update(dict(prepared.created.values()))
        _count(items, prepared, acks)
        return acks

    async def wait(self, taken: Taken, wait_s: float) -> None:
        """Until the positions are passed; then what is stored is applied, what is not has been dead-lettered."""
        waited: dict[str, list[Result]] = {}
        for result in taken.results:
            if result.status == "accepted" and result.position is not None:
                waited.setdefault(result.position.partition("/")[0], []).append(result)
        activities = waited.pop(ACTIVITY_PUBLISHED.name, [])
        steps = [self._wait_for_state(taken, activities, wait_s)] if activities else []
        if waited and self.facts is not None:
            steps.append(self._wait_for_facts(taken, self.facts, waited, wait_s))
        await asyncio.gather(*steps)

    async def _wait_for_state(self, taken: Taken, waited: Sequence[Result], wait_s: float) -> None:
        try:
            await self.waiting.wait_for(taken.positions, wait_s, acknowledged=True)
            stored = await self.world.stored([result.event_id for result in waited if result.event_id])
        except (NotYetApplied, Transient):
            return
        for result in waited:
            found = stored.get(result.event_id or "")
            _judge(taken, result, stored=found is not None)
            if found is not None and found.object_type and found.object_id:
                result.object = ObjectName(found.object_type, found.object_id)

    @staticmethod
    async def _wait_for_facts(
        taken: Taken, facts: Facts, waited: Mapping[str, Sequence[Result]], wait_s: float
    ) -> None:
        try:
            await facts.wait_for(taken.positions.only(waited), wait_s)
            for topic, results in waited.items():
                stored = await facts.stored(topic, [result.event_id for result in results if result.event_id])
                for result in results:
                    _judge(taken, result, stored=result.event_id in stored)
        except (NotYetApplied, Transient):
            return


def _judge(taken: Taken, result: Result, *, stored: bool) -> None:
    if stored:
        result.applied = True
        taken.applied += 1
    else:
        result.status, result.error = "dead-lettered", None
        taken.accepted -= 1


_ATOMIC: Final = Rejected(Code.UNAVAILABLE, "valid, but an event beside it is not: nothing was taken")


def _all_away(items: Sequence[Item]) -> Taken:
    """The log cannot be reached: said at once, and not after a delivery timeout."""
    results = [_refused_or(item, LOG_AWAY) for item in items]
    retried = sum(result.status == "retry" for result in results)
    metrics.EVENTS_RETRY.at(LOG_AWAY.reason).inc(retried)
    return Taken(results, Positions(), 0, retried)


def _refused_or(item: Item, why: Rejected) -> Result:
    if type(item) in PLANS:
        return failed(item.id, "retry", why)
    return failed(item.id, "invalid", item.rejected)  # type: ignore[union-attr]


def _refusals(items: Sequence[Item], prepared: Prepared) -> list[Result]:
    return [
        failed(item.id, "invalid", prepared.refused[place])
        if place in prepared.refused
        else failed(item.id, "retry", prepared.retry.get(place, _ATOMIC))
        for place, item in enumerate(items)
    ]


def _taken(items: Sequence[Item], prepared: Prepared, acks: Sequence[Ack]) -> Taken:
    results: list[Result | None] = [None] * len(items)
    for place, rejected in prepared.refused.items():
        results[place] = failed(items[place].id, "invalid", rejected)
    for place, rejected in prepared.retry.items():
        results[place] = failed(items[place].id, "retry", rejected)
    highest: dict[tuple[str, int], int] = {}
    accepted = 0
    for place, event_id, topic, ack in zip(prepared.places, prepared.event_ids, prepared.topics, acks, strict=True):
        partition, offset, error = ack
        if error is not None:
            results[place] = failed(items[place].id, "retry", LOG_AWAY, event_id)
            continue
        accepted += 1
        if highest.get((topic, partition), -1) < offset:
            highest[topic, partition] = offset
        results[place] = Result(items[place].id, event_id, "accepted", False, f"{topic}/{partition}:{offset}")
    retried = len(items) - accepted - len(prepared.refused)
    return Taken(results, Positions(highest), accepted, retried)  # type: ignore[arg-type]


def _count_refused(prepared: Prepared) -> None:
    for code, count in Counter(str(why.reason) for why in prepared.refused.values()).items():
        metrics.EVENTS_REFUSED.at(code).inc(count)


def _count(items: Sequence[Item], prepared: Prepared, acks: Sequence[Ack]) -> None:
    """One addition a verb and outcome, however large the batch."""
    if len(items) == 1 and acks and acks[0].error is None:
        metrics.EVENTS_ACCEPTED.at(PLANS[type(items[0])].verb.name).inc()  # type: ignore[index]
        return
    taken = [type(items[place]) for place, ack in zip(prepared.places, acks, strict=True) if ack[2] is None]
    for class_, count in Counter(taken).items():
        metrics.EVENTS_ACCEPTED.at(PLANS[class_].verb.name).inc(count)  # type: ignore[index]
    _count_refused(prepared)
    for code, count in Counter(str(why.reason) for why in prepared.retry.values()).items():
        metrics.EVENTS_RETRY.at(code).inc(count)
    if len(taken) < len(acks):
        metrics.EVENTS_RETRY.at(LOG_AWAY.reason).inc(len(acks) - len(taken))
