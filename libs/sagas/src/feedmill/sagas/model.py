"""The saga classifier as it serves: words weighed by tf-idf, a logistic regression over them, in plain Python. Pure.

scikit-learn trains it (`feedmill.sagas.train`) and is not needed here: a process that only classifies stays small and
starts at once. A test holds both equal to 1e-9. The artefact is data (JSON), never code; its version is its hash.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from feedmill.sagas.words import normal

PACKAGED: Final = Path(__file__).with_name("data") / "saga-model.json"
"""Built at install: `python -m feedmill.sagas.train`."""
FORM: Final = 1
WORD_PATTERN: Final = r"[^\W\d_]{2,}"
UNKNOWN: Final = "unknown"
MAX_WORDS: Final = 200_000
_words_in: Final = re.compile(WORD_PATTERN).findall


class BadModel(ValueError):
    """The artefact cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`label`: the likeliest saga, always; `saga`: the same, or `unknown` where that is below the threshold or none is
    likelier."""

    label: str
    saga: str
    probabilities: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Model:
    """`weights`: word -> its idf, then a weight for each label. A label may be `unknown`, of texts of none."""

    labels: Sequence[str]
    threshold: float
    intercepts: Sequence[float]
    weights: Mapping[str, Sequence[float]]
    version: str

    def classify(self, text: str) -> Verdict:
        """A text without a known word gets what the intercepts say."""
        values = dict(zip(self.labels, self.probabilities(text), strict=True))
        label = max((label for label in self.labels if label != UNKNOWN), key=values.__getitem__)
        likeliest = values[label] >= max(self.threshold, values.get(UNKNOWN, 0.0))
        return Verdict(label, label if likeliest else UNKNOWN, values)

    def probabilities(self, text: str) -> list[float]:
        """In the order of `labels`; their sum is 1."""
        known = self.weights
        terms = [(1 + math.log(n), known[w]) for w, n in Counter(_words_in(normal(text))).items() if w in known]
        length = math.sqrt(math.fsum((tf * word[0]) ** 2 for tf, word in terms)) or 1.0
        scores = [
            intercept + math.fsum(tf * word[0] * word[place] for tf, word in terms) / length
            for place, intercept in enumerate(self.intercepts, start=1)
        ]
        highest = max(scores)
        raised = [math.exp(score - highest) for score in scores]
        return [value / sum(raised) for value in raised]


def document(
    labels: Sequence[str], threshold: float, intercepts: Sequence[float], weights: Mapping[str, Sequence[float]]
) -> bytes:
    """The artefact's bytes: the same model gives the same, so their hash is its name."""
    content = {
        "form": FORM,
        "labels": list(labels),
        "threshold": threshold,
        "intercepts": list(intercepts),
        "weights": {word: list(weights[word]) for word in sorted(weights)},
    }
    return (json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def load(path: Path = PACKAGED) -> Model:
    """Raises BadModel; OSError where the file cannot be read."""
    return of(path.read_bytes())


def of(data: bytes) -> Model:
    """Whatever the bytes are, a model or BadModel: nothing in them is ever run."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise BadModel("the model is no JSON") from None
    if not isinstance(content, dict) or content.get("form") != FORM:
        raise BadModel(f"the model is not of form {FORM}")
    labels: Any = content.get("labels")
    weights: Any = content.get("weights")
    if not _are(str, labels) or len({*labels} - {UNKNOWN}) < 2 or len(set(labels)) != len(labels):
        raise BadModel(f"labels: two or more different words, and {UNKNOWN} at most once")
    if not _numbers(content.get("intercepts"), len(labels)):
        raise BadModel("intercepts: one number a label")
    if not isinstance(weights, dict) or not 0 < len(weights) <= MAX_WORDS:
        raise BadModel(f"weights: from 1 to {MAX_WORDS} words")
    if not all(_numbers(row, len(labels) + 1) for row in weights.values()):
        raise BadModel("weights: an idf and one number a label for each word")
    if not _numbers([content.get("threshold")], 1) or not 0 <= content["threshold"] <= 1:
        raise BadModel("threshold: from 0 to 1")
    version = sha256(data).hexdigest()[:12]
    rows = {word: tuple(map(float, row)) for word, row in weights.items()}
    return Model(tuple(labels), float(content["threshold"]), tuple(content["intercepts"]), rows, version)


def _are(kind: type, values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is kind for value in values)


def _numbers(values: Any, count: int) -> bool:
    if not isinstance(values, list) or len(values) != count:
        return False
    return all(type(value) in (int, float) and math.isfinite(value) for value in values)
