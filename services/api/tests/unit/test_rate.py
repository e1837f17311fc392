"""What one owner may ask in a window, and what the next one hears."""

from __future__ import annotations

import pytest

from feedmill.api.rate import Rate
from feedmill.api.settings import RateSettings
from feedmill.runtime.problem import Kind, Problem


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rate(clock: Clock) -> Rate:
    return Rate(RateSettings(requests=2, window_s=60), clock)


def test_each_answer_says_what_is_left(rate: Rate, clock: Clock) -> None:
    assert rate.spend("user:ivan") == {"RateLimit-Policy": '"requests";q=2;w=60', "RateLimit": '"requests";r=1;t=60'}
    clock.now_s += 10.5
    assert rate.spend("user:ivan")["RateLimit"] == '"requests";r=0;t=50'


def test_one_too_many_is_told_when_to_come_again(rate: Rate, clock: Clock) -> None:
    rate.spend("user:ivan")
    rate.spend("user:ivan")
    clock.now_s += 20
    with pytest.raises(Problem) as refused:
        rate.spend("user:ivan")
    assert (refused.value.kind, refused.value.retry_after_s) == (Kind.TOO_MANY_REQUESTS, 40)
    clock.now_s += 40
    assert rate.spend("user:ivan")["RateLimit"] == '"requests";r=1;t=60'


def test_owners_do_not_spend_each_others(rate: Rate) -> None:
    for _ in range(2):
        rate.spend("user:ivan")
    assert rate.spend("user:nico")["RateLimit"] == '"requests";r=1;t=60'


def test_windows_that_are_over_are_forgotten(rate: Rate, clock: Clock) -> None:
    for number in range(10_000):
        rate.spend(f"user:{number}")
    clock.now_s += 60
    rate.spend("user:ivan")
    assert len(rate._windows) == 1
