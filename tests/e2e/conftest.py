"""One platform for all of a run's end-to-end tests, on free ports and in a home of its own; every test has people of
its own on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from feedmill.cli.local.part import last_lines
from feedmill.testkit.people import Operator
from feedmill.testkit.platform import Platform

ROUNDS = int(os.environ.get("FAMILY_A_ROUNDS", "1"))
"""How many times each test of family A runs, on the same platform: `make family-a-20`."""

LINES_SHOWN = 30


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if ROUNDS > 1 and metafunc.module.__name__.rpartition(".")[2].startswith("test_family_a_"):
        metafunc.fixturenames.append("round_number")
        metafunc.parametrize("round_number", range(ROUNDS))


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    """Where tests failed, what its services said last is printed: their logs go with the platform."""
    with Platform(auto_restart=True) as running:
        yield running
        if request.session.testsfailed:
            for name in running.service_names():
                print(f"--- {name}\n{last_lines(running.log(name), LINES_SHOWN)}")
        statuses = {name: running.down(name) for name in reversed(running.service_names())}
        assert set(statuses.values()) == {0}, f"not all drained: {statuses}"


@pytest.fixture(scope="session")
def operator(platform: Platform) -> Iterator[Operator]:
    made = Operator(platform)
    yield made
    made.close()
