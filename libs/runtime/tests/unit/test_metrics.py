"""Names of metrics follow the conventions, and declaring one is enough to see it."""

import re

import pytest

from feedmill.runtime import metrics


@pytest.mark.parametrize("name", list(metrics.TABLE))
def test_a_metrics_name_says_kind_and_unit(name: str) -> None:
    metric = metrics.TABLE[name]
    assert re.fullmatch(r"feedmill_[a-z0-9_]+", name)
    assert name.endswith("_total") == (metric.kind == "counter")
    assert metric.help.endswith(".")


def test_a_series_is_the_same_object_each_time_and_shows_up() -> None:
    series = metrics.DEPENDENCY_UP.at("a-test")
    series.set(1)
    assert metrics.DEPENDENCY_UP.at("a-test") is series
    assert b'feedmill_dependency_up{dependency="a-test"} 1.0' in metrics.exposition()


def test_a_wrong_number_of_labels_is_an_error() -> None:
    with pytest.raises(ValueError, match="label"):
        metrics.HTTP_REQUESTS.at("GET")


def test_the_process_shows_its_own_memory() -> None:
    assert b"process_resident_memory_bytes" in metrics.exposition()
