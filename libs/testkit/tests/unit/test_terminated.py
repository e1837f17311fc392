from __future__ import annotations

import signal

import pytest

from feedmill.testkit.plugin import Terminated, pytest_sessionstart


def test_sigterm_fails_the_test_it_came_in_and_the_next_one_ends_the_run() -> None:
    try:
        with pytest.raises(Terminated):
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        pytest_sessionstart()
