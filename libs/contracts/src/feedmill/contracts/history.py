"""Family P's history as CSV: rows of a file -> records of the topics its producers write to. Pure.

A row's event_id is made of the dataset and its line, so the same file again is the same events. Columns by header
(P3's and P4's names, any order, any case, more are ignored); without a header in that order. The delimiter is the first
line's.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from feedmill.contracts import headers
from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.ids import uuid5_text
from feedmill.contracts.verbs import VERBS, Verb

DELIMITERS: Final = ",;\t|"
DATASET_MAX_CHARS: Final = 256
_encode: Final = msgspec.json.Encoder().encode


class BadHistory(ValueError):
    """The file as a whole cannot be read; says why."""


class Good(NamedTuple):
    """One row. `line`: of the file, from 1, where the row ends."""

    line: int
    key: str
    value: bytes


class Bad(NamedTuple):
    """A row that can never be taken, and its cells as they were."""

    line: int
    rejected: Rejected
    cells: Sequence[str]


class History(NamedTuple):
    """A kind of history: what its columns are called and which events its rows are."""

    name: str
    verb: Verb
    columns: tuple[str, ...]
    converted: Mapping[str, Callable[[str], object]]


def _number(text: str) -> float:
    if "_" in text:
        raise ValueError(text)
    return float(text)


READINGS: Final = History(
    "readings", VERBS["read"], ("user_id", "content_id", "read_percent", "updated_at"), {"read_percent": _number}
)
CONTENT: Final = History("content", VERBS["content-meta"], ("content_id", "category_name"), {})
HISTORIES: Final[Mapping[str, History]] = {history.name: history for history in (READINGS, CONTENT)}


def event_id_of_line(dataset: str, line: int) -> str:
    """uuid5 of the dataset and the line number, as header text."""
    return uuid5_text(f"{dataset}\n{line}")


def headers_of(history: History, dataset: str, line: int) -> list[tuple[str, str]]:
    """The envelope of a row's record."""
    return [
        (headers.CE_SPECVERSION, "1.0"),
        (headers.CE_ID, str(line)),
        (headers.CE_SOURCE, dataset),
        (headers.CE_TYPE, history.verb.type),
        (headers.EVENT_ID, event_id_of_line(dataset, line)),
    ]


def rows_of(history: History, lines: Iterable[str], after_line: int = 0) -> Iterator[Good | Bad]:
    """Every row behind `after_line`; blank lines are none. Bytes that are no UTF-8 come as surrogate escapes.

    Raises BadHistory where a header names some of the columns, but not all of them.
    """
    reader, first = _opened(lines)
    if first is None:
        return
    places = _places(history, first)
    if places is None:
        places = range(len(history.columns))
        if reader.line_num > after_line and first:
            yield _row(history, reader.line_num, first, places)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Bad(reader.line_num, Rejected(Code.WRONG_TYPE, f"no CSV: {error}"), ())
            continue
        if cells and reader.line_num > after_line:
            yield _row(history, reader.line_num, cells, places)


def _opened(lines: Iterable[str]) -> tuple[Any, list[str] | None]:
    source = iter(lines)
    head = next(source, None)
    if head is None:
        return None, None
    head = head.removeprefix("\ufeff")
    delimiter = max(DELIMITERS, key=head.count)

    def again() -> Iterator[str]:
        yield head
        yield from source

    reader = csv.reader(again(), delimiter=delimiter)
    try:
        return reader, next(reader, [])
    except csv.Error as error:
        raise BadHistory(f"the first line is no CSV: {error}") from error


def _places(history: History, first: Sequence[str]) -> Sequence[int] | None:
    """Where each column stands, if the first row is a header."""
    names = [cell.strip().lower() for cell in first]
    missing = [column for column in history.columns if column not in names]
    if len(missing) == len(history.columns):
        return None
    if missing:
        raise BadHistory(f"the header has no column {', '.join(missing)}")
    return [names.index(column) for column in history.columns]


def _row(history: History, line: int, cells: Sequence[str], places: Sequence[int]) -> Good | Bad:
    given: dict[str, object] = {}
    for column, place in zip(history.columns, places, strict=True):
        text = cells[place].strip() if place < len(cells) else ""
        if not text:
            return Bad(line, Rejected(Code.MISSING, "must not be empty", column), cells)
        if "\0" in text:
            return Bad(line, Rejected(Code.NUL, "must not hold NUL", column), cells)
        convert = history.converted.get(column)
        try:
            given[column] = convert(text) if convert else text
        except ValueError:
            return Bad(line, Rejected(Code.WRONG_TYPE, "must be a number", column), cells)
    try:
        data = msgspec.convert(given, history.verb.struct)
        return Good(line, history.verb.key(data), _encode(data))
    except msgspec.ValidationError as error:
        return Bad(line, Rejected(Code.OUT_OF_RANGE, str(error)), cells)
    except UnicodeEncodeError:
        return Bad(line, Rejected(Code.NOT_UTF8, "must be UTF-8"), cells)
