"""A metric that is declared but never set is a blank panel and an alert that cannot fire."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feedmill.runtime import metrics

ROOT = Path(__file__).resolve().parents[2]
DECLARED = {name for name, value in vars(metrics).items() if isinstance(value, metrics.Metric)}
SOURCES = [path for folder in ("libs", "services", "cli") for path in sorted((ROOT / folder).glob("**/src/**/*.py"))]
USED = {name for path in SOURCES for name in re.findall(r"metrics\.([A-Z_]+)\b", path.read_text())}


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_a_declared_metric_is_set_somewhere(name: str) -> None:
    assert name in USED
