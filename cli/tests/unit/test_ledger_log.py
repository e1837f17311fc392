"""Chunks of the log: cut at their multiples, read in runs, every record the event it stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from feedmill.cli import ledger_log
from feedmill.cli.ledger_log import UNREADABLE, entries, spans
from feedmill.contracts import headers
from feedmill.contracts.ids import event_id_of_article, event_id_of_place
from feedmill.runtime.outcome import Record, TopicPartition

PLACE = TopicPartition("analytics.article.e", 0)


class Log:
    """Stands for a LogReader; notes what was asked for."""

    def __init__(self, offsets: list[int]) -> None:
        self.offsets = offsets
        self.asked: list[tuple[int, int]] = []

    def read(self, ranges: Mapping[TopicPartition, tuple[int, int]], deadline: object) -> Iterator[Record]:
        ((low, high),) = ranges.values()
        self.asked.append((low, high))
        yield from (Record(*PLACE_OF, n, 0, None, b"{", []) for n in self.offsets if low <= n < high)


PLACE_OF = (PLACE.topic, PLACE.partition)


@pytest.mark.parametrize("bounds", [(0, 1), (0, 10), (3, 31), (10, 20), (19, 21), (5, 5)])
def test_bounds_are_cut_at_multiples_of_a_chunk(bounds: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_log, "CHUNK", 10)
    cut = list(spans(bounds))
    assert [n for low, high in cut for n in range(low, high)] == list(range(*bounds))
    assert all(before[1] == after[0] and after[0] % 10 == 0 for before, after in pairwise(cut))


def test_spans_side_by_side_are_one_question_and_empty_ones_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    log: Any = Log([0, 9, 10, 35, 55])
    asked = [(0, 10), (10, 20), (20, 30), (30, 40), (50, 60), (60, 70)]
    found = [(span, [each.offset for each in those]) for span, those in entries(log, PLACE, asked, set())]
    assert found == [((0, 10), [0, 9]), ((10, 20), [10]), ((20, 30), []), ((30, 40), [35]), ((50, 60), [55]),
                     ((60, 70), [])]  # fmt: skip
    assert log.asked == [(0, 40), (50, 70)]
    assert list(entries(log, PLACE, [], set())) == []


GIVEN = uuid4()
REPLAYED = [(headers.DLQ_TOPIC, PLACE.topic.encode()), (headers.DLQ_PARTITION, b"0"), (headers.DLQ_OFFSET, b"3")]


@pytest.mark.parametrize(
    ("value", "said", "event_id", "verb", "dead"),
    [
        (b"{", [], event_id_of_place(PLACE.topic, 0, 7), "article", False),
        (b'{"id": "a", "time": 5}', [], event_id_of_article(PLACE.topic, "a", 5), "article", False),
        (b"{", [(headers.EVENT_ID, str(GIVEN).encode())], GIVEN, "article", False),
        (b"{", [(headers.EVENT_ID, b"no uuid")], event_id_of_place(PLACE.topic, 0, 7), "article", False),
        (b"{", [(headers.EVENT_ID, b"abcd")], event_id_of_place(PLACE.topic, 0, 7), "article", False),
        (b"{", [(headers.CE_TYPE, b"feedmill.like.v1")], event_id_of_place(PLACE.topic, 0, 7), "like", False),
        (b"{", REPLAYED, event_id_of_place(PLACE.topic, 0, 3), "article", True),
        (b"{", [*REPLAYED[:2], (headers.DLQ_OFFSET, b"x")], event_id_of_place(PLACE.topic, 0, 7), "article", False),
    ],
)
def test_a_record_is_the_event_that_the_enricher_makes_of_it(
    value: bytes, said: list[tuple[str, bytes]], event_id: UUID, verb: str, dead: bool
) -> None:
    entry = ledger_log._entry(Record(*PLACE_OF, 7, 0, None, value, said), {(PLACE.topic, 0, 3)})
    assert entry == (7, event_id.bytes, verb, dead)


def test_what_no_verb_stands_for_is_unreadable() -> None:
    record = Record("activity.published.v1", 0, 1, 0, None, b"{", [(headers.CE_TYPE, b"\xff")])
    assert ledger_log._entry(record, set()).verb == UNREADABLE
