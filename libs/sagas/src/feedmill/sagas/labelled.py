"""Labelled texts: NDJSON, a line `{"text": "...", "label": "got"}`; other keys are passed over. The label `unknown` is
for texts that no label fits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class BadLabels(ValueError):
    """The file cannot be learned from; says the line."""


@dataclass(frozen=True, slots=True)
class Labelled:
    text: str
    label: str


def read(path: Path) -> list[Labelled]:
    """Empty lines are passed over. Raises BadLabels, OSError."""
    rows = []
    with path.open(encoding="utf-8") as lines:
        try:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    rows.append(_row(number, line))
        except UnicodeDecodeError:
            raise BadLabels(f"{path.name} is not UTF-8") from None
    if not rows:
        raise BadLabels(f"{path.name} is empty")
    return rows


def _row(number: int, line: str) -> Labelled:
    try:
        value: Any = json.loads(line)
    except ValueError:
        raise BadLabels(f"line {number} is no JSON") from None
    if not isinstance(value, dict):
        raise BadLabels(f"line {number} is no object")
    text, label = value.get("text"), value.get("label")
    if not isinstance(text, str) or not isinstance(label, str) or not label:
        raise BadLabels(f"line {number} needs text and label, both strings")
    return Labelled(text, label)
