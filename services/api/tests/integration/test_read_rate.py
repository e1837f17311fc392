"""Reads have a rate an owner; who asks too much is told when to come again, in the shape of what was asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from feedmill.testkit.reader import Reader, a_reader
from feedmill.testkit.state import Seed

pytestmark = pytest.mark.integration


@pytest.fixture
def narrow(seed: Seed, state: str) -> Iterator[Reader]:
    seed.user("ivan", key="abc123")
    seed.user("nico", key="abc124")
    with a_reader(state, FEEDMILL_API__RATE__REQUESTS="2") as opened:
        yield opened


def test_beyond_the_rate_it_is_429_and_others_go_on(narrow: Reader) -> None:
    first, second, third = (narrow.get("/v1/users/1/feed") for _ in range(3))
    assert [answer.status_code for answer in (first, second, third)] == [200, 200, 429]
    assert first.headers["RateLimit-Policy"] == '"requests";q=2;w=60'
    assert second.headers["RateLimit"].startswith('"requests";r=0;t=')
    assert third.json()["type"] == "urn:feedmill:problem:too-many-requests"
    assert 0 < int(third.headers["Retry-After"]) <= 60
    assert narrow.get("/v1/users/2/feed", key="abc124").status_code == 200


def test_families_say_it_in_their_own_shape(narrow: Reader) -> None:
    answers = [narrow.get("/feed/my") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "type" not in answers[2].json()
    assert "Retry-After" in answers[2].headers
