"""A labelled file -> the artefact: `python -m feedmill.sagas.train [FILE] [--out FILE]`. Needs scikit-learn.

Install runs it on the packaged corpus; `feedmill saga train FILE` on yours.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from feedmill.sagas import model
from feedmill.sagas.corpus import CORPUS
from feedmill.sagas.labelled import BadLabels, Labelled, read
from feedmill.sagas.words import normal

THRESHOLD: Final = 0.5
INVERSE_REGULARISATION: Final = 100.0
DIGITS: Final = 9
"""Significant digits of a weight: more than matters, fewer than differ between two machines' linear algebra."""
MIN_TEXTS: Final = 2
"""Of each label."""


def vectorizer() -> Any:
    """scikit-learn's own, set as `model.Model` weighs words; what is in any English text says nothing of a saga."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        preprocessor=normal, token_pattern=model.WORD_PATTERN, sublinear_tf=True, stop_words="english"
    )


def trained(rows: Sequence[Labelled], threshold: float = THRESHOLD) -> bytes:
    """The artefact. Raises BadLabels where there is too little to learn from."""
    from sklearn.linear_model import LogisticRegression

    counts = {label: sum(row.label == label for row in rows) for label in {row.label for row in rows}}
    if len(counts.keys() - {model.UNKNOWN}) < 2 or min(counts.values()) < MIN_TEXTS:
        raise BadLabels(f"two labels or more, each with {MIN_TEXTS} texts or more, are needed; found {counts}")
    words = vectorizer()
    matrix = words.fit_transform([row.text for row in rows])
    regression = LogisticRegression(C=INVERSE_REGULARISATION, class_weight="balanced", max_iter=1_000)
    regression.fit(matrix, [row.label for row in rows])
    labels = [str(label) for label in regression.classes_]
    coefficients, intercepts = _both_sides(regression, len(labels))
    weights = {
        word: [_rounded(words.idf_[place]), *(_rounded(row[place]) for row in coefficients)]
        for word, place in words.vocabulary_.items()
    }
    return model.document(labels, threshold, [_rounded(value) for value in intercepts], weights)


def _both_sides(regression: Any, labels: int) -> tuple[Any, Any]:
    """Of two labels scikit-learn keeps one row, the second label's; the same odds with a row for each."""
    if labels > 2:
        return regression.coef_, regression.intercept_
    row, intercept = regression.coef_[0], regression.intercept_[0]
    return [-row / 2, row / 2], [-intercept / 2, intercept / 2]


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def build(source: Path, out: Path, threshold: float = THRESHOLD) -> model.Model:
    """Train and put in place at once: whoever reads `out` sees the old model or the new one."""
    artefact = trained(read(source), threshold)
    made = model.of(artefact)
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    beside.write_bytes(artefact)
    beside.replace(out)
    return made


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="feedmill.sagas.train", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=CORPUS)
    parser.add_argument("--out", type=Path, default=model.PACKAGED)
    options = parser.parse_args(arguments)
    try:
        made = build(options.file, options.out)
    except (BadLabels, OSError) as error:
        print(f"feedmill.sagas.train: {error}", file=sys.stderr)
        return 1
    print(f"saga model {made.version}: {len(made.weights)} words, labels {', '.join(made.labels)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
