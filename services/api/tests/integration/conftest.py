"""One api over a real Postgres, called over HTTP; its rows are each test's own."""

from collections.abc import Iterator

import pytest

from feedmill.testkit.reader import Reader, a_reader
from feedmill.testkit.state import Seed


@pytest.fixture(scope="session")
def shared_reader(shared_state: str) -> Iterator[Reader]:
    with a_reader(shared_state) as opened:
        yield opened


@pytest.fixture
def state(shared_state: str) -> str:
    """Empty: `seed` sees to it."""
    return shared_state


@pytest.fixture
def seed(state: str) -> Iterator[Seed]:
    with Seed(state) as opened:
        opened.clear()
        yield opened


@pytest.fixture
def reader(seed: Seed, shared_reader: Reader) -> Reader:
    shared_reader.forget()
    return shared_reader
