"""Rows of a file -> records: headers found, bad rows told apart, the same line the same event."""

from __future__ import annotations

import json

import pytest

from feedmill.contracts.history import CONTENT, READINGS, Bad, BadHistory, Good, History, event_id_of_line, rows_of

HEADER = "user_id,content_id,read_percent,updated_at\n"
ROW = "u1,c1,95.5,2026-11-21\n"
VALUE = {"user_id": "u1", "content_id": "c1", "read_percent": 95.5, "updated_at": "2026-11-21"}


def values(history: History, *lines: str) -> list[tuple[int, str, dict[str, object]]]:
    rows = list(rows_of(history, lines))
    assert all(isinstance(row, Good) for row in rows), rows
    return [(row.line, row.key, json.loads(row.value)) for row in rows if isinstance(row, Good)]


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ((HEADER, ROW), 2),
        ((ROW,), 1),
        (("\ufeffUpdated_At;extra; READ_PERCENT ;content_id;user_id\n", "2026-11-21;x;95.5;c1;u1\n"), 2),
        ((HEADER, "\n", '"u1","c1"," 95.5","2026-11-21"'), 3),
        ((HEADER.replace(",", "\t"), ROW.replace(",", "\t")), 2),
        (("\n", "\r\n", HEADER, ROW), 4),
        (("\ufeff\n", '"updated_at","read_percent","content_id","user_id"\r\n', "2026-11-21,95.5,c1,u1\r\n"), 3),
    ],
)
def test_a_header_is_found_or_missed_in_any_dress(lines: tuple[str, ...], line: int) -> None:
    assert values(READINGS, *lines) == [(line, "u1", VALUE)]


def test_contents_have_their_own_columns() -> None:
    rows = values(CONTENT, "category_name,content_id\n", '"a, b",7\n')
    assert rows == [(2, "7", {"content_id": "7", "category_name": "a, b"})]


def test_a_header_without_all_columns_is_no_history() -> None:
    with pytest.raises(BadHistory, match="updated_at"):
        list(rows_of(READINGS, ["user_id,content_id,read_percent\n", "1,2,3\n"]))


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ("u1,c1,95.5,2026-02-30", "out_of_range", "updated_at"),
        ("u1,c1,101,2026-11-21", "out_of_range", "read_percent"),
        ("u1,c1,nan,2026-11-21", "out_of_range", "read_percent"),
        ('u1,"c1,95.5,2026-11-21', "wrong_type", None),
        ('u1,"c"1,95.5,2026-11-21', "wrong_type", None),
        ("u1,c1,much,2026-11-21", "wrong_type", "read_percent"),
        ("u1,c1,1_0,2026-11-21", "wrong_type", "read_percent"),
        ("u1,,95.5,2026-11-21", "missing", "content_id"),
        ("u1", "missing", "content_id"),
        (f"{'u' * 257},c1,95.5,2026-11-21", "out_of_range", "user_id"),
        ("u\0,c1,95.5,2026-11-21", "nul", "user_id"),
        ("u\udcff,c1,95.5,2026-11-21", "not_utf8", None),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_stops_nothing(row: str, code: str, field: str | None) -> None:
    before, bad, after = rows_of(READINGS, [HEADER, ROW, f"{row}\n", ROW])
    assert isinstance(before, Good)
    assert isinstance(after, Good)
    assert isinstance(bad, Bad)
    assert (bad.line, str(bad.rejected.reason), bad.rejected.field) == (3, code, field)


def test_a_quote_left_open_takes_no_other_row_with_it_and_its_line_is_kept() -> None:
    """However far the next quote is: a reader of whole cells would swallow what lies between."""
    lines = [HEADER, *(f"u{n},c,95,2026-11-21\n" for n in range(5_000))]
    lines[7] = 'u6,"c,95,2026-11-21\n'
    rows = list(rows_of(READINGS, lines))
    assert len(rows) == 5_000
    assert [(row.line, row.cells) for row in rows if isinstance(row, Bad)] == [(8, ('u6,"c,95,2026-11-21',))]


def test_a_first_row_that_cannot_be_read_is_no_history() -> None:
    with pytest.raises(BadHistory, match="left open"):
        list(rows_of(READINGS, ['user_id,"content_id,read_percent,updated_at\n', ROW]))


def test_what_lies_behind_a_line_is_what_comes_after_it() -> None:
    lines = [HEADER, *(f"u{n},c,95,2026-11-21\n" for n in range(5))]
    assert [row.line for row in rows_of(READINGS, lines, after_line=4)] == [5, 6]
    assert [row.line for row in rows_of(READINGS, lines[1:], after_line=4)] == [5]


def test_the_same_line_of_a_dataset_is_the_same_event() -> None:
    assert event_id_of_line("d", 2) == event_id_of_line("d", 2)
    assert len({event_id_of_line(d, n) for d in ("d", "e") for n in (2, 3)}) == 4


def test_nothing_is_no_row() -> None:
    assert list(rows_of(READINGS, [])) == []
    assert list(rows_of(READINGS, [HEADER])) == []
