from __future__ import annotations

import pytest

from feedmill.testkit.running import Bench

pytest_plugins = ["pytester"]

FAILS = """
import pytest

def test_it(parts):
    assert not "held"
"""


def test_a_failed_test_shows_how_the_logs_of_its_parts_end(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILS)

    class Given:
        @pytest.fixture
        def parts(self) -> Bench:
            return bench

    with Bench() as bench:
        bench.home.log_of("kafka").write_text("first\n" + "more\n" * 20 + "the broker is gone\n")
        shown = pytester.runpytest_inprocess(plugins=[Given()]).stdout
    shown.fnmatch_lines(["*kafka.log ends*", "the broker is gone"])
    shown.no_fnmatch_line("first")
