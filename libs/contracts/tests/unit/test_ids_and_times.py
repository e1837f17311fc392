"""Ids by name, times within what every store holds."""

import time
from datetime import UTC, datetime
from uuid import NAMESPACE_DNS, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.contracts import ids, times

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@given(st.tuples(WORDS, WORDS, WORDS, WORDS, WORDS, WORDS))
def test_an_event_id_is_the_standard_librarys_uuid5(parts: tuple[str, str, str, str, str, str]) -> None:
    expected = uuid5(uuid5(NAMESPACE_DNS, "feedmill"), "\n".join(parts))
    assert ids.event_id(*parts) == expected
    assert ids.event_id_text(*parts) == str(expected)


@given(st.lists(WORDS, max_size=20))
def test_many_are_named_as_each_is(names: list[str]) -> None:
    assert ids.uuid5_texts(names) == [str(uuid5(ids.NAMESPACE, name)) for name in names]


def test_events_without_an_envelope_are_named_by_their_place_or_by_themselves() -> None:
    here = ids.event_id_of_place("user-interaction", 3, 7)
    assert here == ids.event_id_of_place("user-interaction", 3, 7)
    assert here not in (ids.event_id_of_place("user-interaction", 7, 3), ids.event_id_of_place("content-meta", 3, 7))
    assert ids.event_id_of_article("t", "1", 7) == uuid5(ids.NAMESPACE, "t\n1\n7")


def test_uuid7_is_of_version_7_and_sorts_by_time() -> None:
    some = [ids.uuid7() for _ in range(1_000)]
    assert {(one.version, one.variant) for one in some} == {(7, "specified in RFC 4122")}
    assert len(set(some)) == 1_000
    milliseconds = [one.int >> 80 for one in some]
    assert milliseconds == sorted(milliseconds)
    assert abs(milliseconds[-1] - time.time() * 1_000) < 5_000


GOOD = [
    ("2026-11-21T10:00:00Z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
    ("2026-11-21t10:00:00z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
    ("2026-11-21T10:00:00.123Z", datetime(2026, 11, 21, 10, 0, 0, 123_000, tzinfo=UTC)),
    ("2026-11-21T10:00:00.123456Z", datetime(2026, 11, 21, 10, 0, 0, 123_456, tzinfo=UTC)),
    ("2026-11-21T10:00:00.123456789Z", datetime(2026, 11, 21, 10, 0, 0, 123_456, tzinfo=UTC)),
    ("2026-11-21T10:00:00.5+02:00", datetime(2026, 11, 21, 8, 0, 0, 500_000, tzinfo=UTC)),
    ("2026-11-21 10:00:00-00:30", datetime(2026, 11, 21, 10, 30, tzinfo=UTC)),
    ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
]


@pytest.mark.parametrize(("text", "moment"), GOOD)
def test_rfc_3339_with_an_offset_is_read(text: str, moment: datetime) -> None:
    assert times.parse_time(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "now",
            "2026-11-21",
            "2026-11-21T10:00:00",
            "2026-11-21T10:00Z",
            "20261121T100000Z",
            "2026-W47-6T10:00:00Z",
        ),
        *("2026-02-30T10:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T10:60:00Z", "2026-11-21T10:00:61Z"),
        *("2026-11-21T10:00:00+99:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"),
        *("1969-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "2026-11-21T10:00:00.1_3Z", "2026-11-21T1 :00:00Z"),
        *("٢٠٢٦-11-21T10:00:00Z", "2026-11-21T10:00:00.12٣Z", " 2026-11-21T10:00:00Z"),
    ],
)
def test_whatever_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        times.parse_time(text)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_we_write_we_read_back(moment: datetime) -> None:
    assert times.parse_time(times.format_time(moment)) == moment
    shown = times.short_time(moment)
    assert times.parse_time(shown) == moment
    assert ("." in shown, shown[-2] == "0" and "." in shown) == (moment.microsecond > 0, False)


@pytest.mark.parametrize(
    "text", ["2026-11-21T00:00:00", "20261121", "2026-02-30", "1969-12-31", "2100-01-01", "2026-1-1"]
)
def test_dates_are_days_in_the_same_range(text: str) -> None:
    assert times.parse_date("2026-11-21").day == 21
    with pytest.raises(ValueError, match=r"."):
        times.parse_date(text)
