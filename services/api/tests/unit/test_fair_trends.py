"""A trend compares equal times: what is not over yet is not held against what is."""

from datetime import UTC, datetime, timedelta

from feedmill.api.queries.analytics.asking import Time
from feedmill.api.queries.analytics.trends import By, fairly

BEGIN = datetime(2026, 11, 15, tzinfo=UTC)
WEEK = Time(BEGIN, BEGIN + timedelta(days=7))
NOW = datetime(2026, 11, 21, 21, 9, 30, tzinfo=UTC)


def test_a_day_that_goes_on_ends_with_the_minute() -> None:
    assert fairly(By.TAG, WEEK, NOW) == Time(BEGIN, datetime(2026, 11, 21, 21, 10, tzinfo=UTC))


def test_a_time_that_is_over_or_yet_to_come_stays_as_asked() -> None:
    assert fairly(By.VERB, WEEK, WEEK.end) == WEEK
    assert fairly(By.VERB, WEEK, BEGIN) == WEEK


def test_readings_are_known_by_the_day_so_days_stay_whole() -> None:
    assert fairly(By.CATEGORY, WEEK, NOW) == WEEK
