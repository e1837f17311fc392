"""How good a model is on labelled texts: precision and recall of each class, and what was taken for what. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from feedmill.sagas.labelled import Labelled
from feedmill.sagas.model import UNKNOWN, Model


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one class; NaN-free: a class that was never said has precision 0."""

    precision: float
    recall: float
    f1: float
    texts: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`confusion`: true label -> said label (`unknown` too, where `with_unknown`) -> texts."""

    texts: int
    accuracy: float
    unknown: int
    classes: Mapping[str, Scores]
    confusion: Mapping[str, Mapping[str, int]]


def evaluate(model: Model, rows: Iterable[Labelled], *, with_unknown: bool = False) -> Evaluation:
    """As `/predict` answers (a saga; texts of none are passed over), or as `/v1/classify` (`with_unknown`)."""
    pairs: Counter[tuple[str, str]] = Counter()
    unknown = 0
    for row in rows:
        if row.label == UNKNOWN and not with_unknown:
            continue
        verdict = model.classify(row.text)
        unknown += verdict.saga != verdict.label
        pairs[row.label, verdict.saga if with_unknown else verdict.label] += 1
    texts = pairs.total()
    right = sum(n for (true, said), n in pairs.items() if true == said)
    labels = sorted({*model.labels, *(true for true, _ in pairs)} - ({UNKNOWN} if not with_unknown else set()))
    said = sorted({*labels, *(said for _, said in pairs)})
    return Evaluation(
        texts=texts,
        accuracy=right / texts if texts else 0.0,
        unknown=unknown,
        classes={label: _scores(label, pairs, labels) for label in labels},
        confusion={true: {name: pairs[true, name] for name in said} for true in labels},
    )


def _scores(label: str, pairs: Counter[tuple[str, str]], labels: Sequence[str]) -> Scores:
    hits = pairs[label, label]
    said = sum(n for (_, name), n in pairs.items() if name == label)
    true = sum(n for (name, _), n in pairs.items() if name == label)
    precision, recall = hits / said if said else 0.0, hits / true if true else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return Scores(precision, recall, f1, true)
