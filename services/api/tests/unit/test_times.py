"""Family A's two ways to write a time."""

from datetime import UTC, datetime
from email.utils import format_datetime

from hypothesis import given
from hypothesis import strategies as st

from feedmill.api.times import iso_8601, rfc_1123

FIRST, LAST = (datetime.fromisoformat(day) for day in ("1970-01-01", "2099-12-31"))
TIMES = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


@given(TIMES)
def test_rfc_1123_is_what_the_standard_library_writes(at: datetime) -> None:
    assert rfc_1123(at) == format_datetime(at, usegmt=True)


@given(TIMES)
def test_iso_8601_has_offset_and_microseconds_always(at: datetime) -> None:
    text = iso_8601(at)
    assert text.endswith("+00:00")
    assert len(text) == len("2026-11-21T10:00:00.000000+00:00")
    assert datetime.fromisoformat(text) == at
