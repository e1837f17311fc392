"""An api over a real Postgres of the test's own, called over HTTP."""

from collections.abc import Iterator

import pytest

from feedmill.testkit.reader import Reader, a_reader
from feedmill.testkit.state import Seed


@pytest.fixture
def seed(state: str) -> Iterator[Seed]:
    with Seed(state) as opened:
        yield opened


@pytest.fixture
def reader(state: str) -> Iterator[Reader]:
    with a_reader(state) as opened:
        yield opened
