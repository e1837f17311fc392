"""Family P's history as CSV: rows of a file -> records of the topics its producers write to. Pure.

A row's event_id is made of the dataset and its line, so the same file again is the same events. Columns by header
(P3's and P4's names, any order, any case, more are ignored); without a header in that order. The delimiter is the first
line's. A line is a row, quoted or not: a quote somebody left open takes no other row with it.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import pydantic

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
    """One row. `line`: of the file, from 1."""

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

    Raises BadHistory where a header names some of the columns, but not all of them, or the first row is no CSV.
    """
    numbered = enumerate(lines, start=1)
    number, head = next(((n, line) for n, line in numbered if line.strip("\ufeff\r\n")), (0, ""))
    if not number:
        return
    head = head.removeprefix("\ufeff")
    delimiter = max(DELIMITERS, key=head.count)
    first = _cells(head, delimiter)
    if isinstance(first, Rejected):
        raise BadHistory(f"the first row is {first.detail}")
    places = _places(history, first)
    if places is None:
        places = range(len(history.columns))
        if number > after_line:
            yield _row(history, number, first, places)
    for number, line in numbered:
        if number <= after_line:
            continue
        cells = _cells(line, delimiter)
        if isinstance(cells, Rejected):
            yield Bad(number, cells, (line.rstrip("\r\n"),))
        elif cells:
            yield _row(history, number, cells, places)


def _cells(line: str, delimiter: str) -> Sequence[str] | Rejected:
    line = line.rstrip("\r\n")
    if '"' not in line:
        return line.split(delimiter) if line else ()
    try:
        return next(csv.reader((line,), delimiter=delimiter, strict=True))
    except csv.Error as error:
        if line.count('"') % 2:
            return Rejected(Code.WRONG_TYPE, "no CSV: a quote is left open")
        return Rejected(Code.WRONG_TYPE, f"no CSV: {error}")


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
        return Bad(line, _why(history, given) or Rejected(Code.OUT_OF_RANGE, str(error)), cells)
    except UnicodeEncodeError:
        return Bad(line, Rejected(Code.NOT_UTF8, "must be UTF-8"), cells)


def _why(history: History, given: Mapping[str, object]) -> Rejected | None:
    """The column and what is wrong with it, as the model says it."""
    try:
        history.verb.model.model_validate(given)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return Rejected(Code.OUT_OF_RANGE, first["msg"].removeprefix("Value error, "), str(first["loc"][0]))
    return None
