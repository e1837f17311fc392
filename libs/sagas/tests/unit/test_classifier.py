"""The classifier: equal to scikit-learn, the same artefact every time, and good on texts it has not seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.sagas import corpus, model, train
from feedmill.sagas.evaluate import evaluate
from feedmill.sagas.labelled import BadLabels, Labelled, read
from feedmill.sagas.model import BadModel, Model

ROWS = read(corpus.CORPUS)
SOME = ROWS[:240] + ROWS[-60:]


@pytest.fixture(scope="module")
def artefact() -> bytes:
    return train.trained(SOME)


@pytest.fixture(scope="module")
def small(artefact: bytes) -> Model:
    return model.of(artefact)


@pytest.fixture(scope="module")
def in_scikit_learn(small: Model) -> Any:
    """scikit-learn's own vectorizer and regression with the artefact's numbers in them."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    words = sorted(small.weights)
    vectorizer = train.vectorizer().set_params(vocabulary={word: place for place, word in enumerate(words)})
    vectorizer.fit([row.text for row in SOME])
    vectorizer.idf_ = np.array([small.weights[word][0] for word in words])
    regression = LogisticRegression()
    regression.classes_ = np.array(small.labels)
    regression.coef_ = np.array([[small.weights[w][i] for w in words] for i in range(1, len(small.labels) + 1)])
    regression.intercept_ = np.array(small.intercepts)
    return lambda text: regression.predict_proba(vectorizer.transform([text]))[0]


WORDS = st.sampled_from(
    [w for row in SOME[:30] for w in row.text.split()] + ["xyzzy", "’", "Éowyn", "naïve", "O'Neil", "42"]
)


@given(st.one_of(st.lists(WORDS, max_size=40).map(" ".join), st.text(max_size=80)))
@settings(max_examples=200, deadline=None)
def test_probabilities_are_scikit_learn_s(small: Model, in_scikit_learn: Any, text: str) -> None:
    assert small.probabilities(text) == pytest.approx(list(in_scikit_learn(text)), abs=1e-9)


def test_training_twice_gives_the_same_artefact_and_so_the_same_version(artefact: bytes, small: Model) -> None:
    assert train.trained(SOME) == artefact
    assert small.version == model.of(artefact).version
    assert len(small.version) == 12


def test_texts_of_another_seed_are_told_apart() -> None:
    """Other sentences, and words held back from training."""
    fresh = [Labelled(text, saga) for saga in corpus.SAGAS for text in corpus.texts(saga, 60, seed=99)]
    result = evaluate(model.of(train.trained(ROWS)), fresh)
    assert result.accuracy >= 0.97
    assert all(scores.precision >= 0.95 and scores.recall >= 0.95 for scores in result.classes.values())


def test_a_text_of_no_saga_is_unknown_and_still_has_a_likeliest(small: Model) -> None:
    verdict = small.classify("Quarterly inflation figures surprised economists.")
    assert verdict.saga == "unknown"
    assert verdict.label in corpus.SAGAS
    assert verdict.probabilities.keys() == {*corpus.SAGAS, "unknown"}
    assert sum(verdict.probabilities.values()) == pytest.approx(1)


def test_two_labels_are_enough() -> None:
    rows = [Labelled("apples and pears", "fruit"), Labelled("ripe pears", "fruit")]
    rows += [Labelled("hammers and nails", "tool"), Labelled("bent nails", "tool")]
    two = model.of(train.trained(rows))
    assert two.classify("pears").label == "fruit"
    assert two.classify("nails").label == "tool"


def test_the_corpus_is_what_its_generator_makes() -> None:
    assert corpus.main(["--check"]) == 0


@pytest.mark.parametrize("line", ['{"text": "a"}', '{"label": "got", "text": 1}', "[]", "{"])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "rows.ndjson"
    file.write_text('{"text": "a", "label": "got"}\n\n' + line + "\n")
    with pytest.raises(BadLabels, match="line 3"):
        read(file)


@pytest.mark.parametrize("other", ["got", "unknown"])
def test_one_saga_cannot_be_learned_from(other: str) -> None:
    with pytest.raises(BadLabels):
        train.trained([Labelled("a b", "got"), Labelled("b c", "got"), *[Labelled("c d", other)] * 2])


def test_what_is_likelier_of_none_is_unknown_and_without_that_class_the_threshold_alone_decides() -> None:
    learned = {**GOOD, "labels": ["a", "b", "unknown"], "intercepts": [0, 0, 0], "weights": {"xx": [1, 1, 0, 1.1]}}
    verdict = model.of(json.dumps({**learned, "threshold": 0.1}).encode()).classify("xx")
    assert (verdict.label, verdict.saga) == ("a", "unknown")
    verdict = model.of(json.dumps({**GOOD, "threshold": 0.1}).encode()).classify("xx")
    assert (verdict.label, verdict.saga) == ("a", "a")


GOOD = {"form": 1, "labels": ["a", "b"], "threshold": 0.5, "intercepts": [0, 0], "weights": {"xx": [1, 1, -1]}}


@pytest.mark.parametrize(
    "change",
    [
        {"form": 2},
        {"labels": ["a"]},
        {"labels": ["a", "a"]},
        {"labels": ["a", "unknown"]},
        {"labels": None},
        {"threshold": 2},
        {"threshold": "0.5"},
        {"intercepts": [0]},
        {"intercepts": [0, 1e999]},
        {"weights": {}},
        {"weights": {"x": [1, 1]}},
        {"weights": {"x": [1, 1, None]}},
        {"weights": []},
    ],
)
def test_an_artefact_that_is_none_is_refused(change: dict[str, Any]) -> None:
    model.of(json.dumps(GOOD).encode())
    with pytest.raises(BadModel):
        model.of(json.dumps({**GOOD, **change}).encode())


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    with pytest.raises(BadModel):
        model.of(data)


def test_scores_count_what_was_taken_for_what() -> None:
    made = model.of(json.dumps(GOOD | {"threshold": 0.6}).encode())
    rows = [Labelled("xx", "a"), Labelled("xx", "b"), Labelled("q", "b"), Labelled("xx", "a")]
    result = evaluate(made, rows, with_unknown=True)
    assert result.confusion == {"a": {"a": 2, "b": 0, "unknown": 0}, "b": {"a": 1, "b": 0, "unknown": 1}}
    assert (result.accuracy, result.unknown) == (0.5, 1)
    assert result.classes["a"].precision == pytest.approx(2 / 3)
    assert result.classes["a"].recall == 1
    assert result.classes["b"].f1 == 0
