"""Names that the list lacks: known answers, counts, and bounded memory."""

from __future__ import annotations

import pytest

from feedmill.sagas import candidates, entities
from feedmill.sagas.candidates import Candidate, Candidates, Read, runs


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("They left Minas Ithil at dawn.", [("Minas Ithil", False)]),
        ("Yesterday Samwell Tarly read. Nobody saw it", [("Yesterday Samwell Tarly", True), ("Nobody", True)]),
        ("with Fitz's hound and Anne-Marie’s cat", [("Fitz", False), ("Anne-Marie", False)]),
        ("in The House, on Monday, with I and MORDOR", [("House", False)]),
        ("so Kelsier, Vin and Élodie d'Arc came", [("Kelsier", False), ("Vin", False), ("Élodie", False)]),
        ("of A Very Long Title With Words", [("Very Long Title", False), ("Words", False)]),
        ("by One Two Three Four Five", []),
        ("nothing here, 12 4th x_Y", []),
        ("", []),
    ],
)
def test_a_run_of_capitalised_words_inside_a_sentence_is_a_name(text: str, found: list[tuple[str, bool]]) -> None:
    assert list(runs(text)) == found


def of(*texts: Read, listed: tuple[str, ...] = ("Sam", "Frodo")) -> Candidates:
    made = Candidates(entities.clean(listed))
    for text in texts:
        made.read(text)
    return made


def test_names_of_several_texts_are_counted_with_their_readers_and_what_they_count_for_today() -> None:
    texts = [
        Read("Here was Sam Tarly with Frodo, and Kelsier; later Sam Tarly left.", 100),
        Read("Kelsier met Sam Tarly's friend. Suddenly it rained.", 30),
        Read("Kelsier slept. Suddenly the sun came out.", 7),
        Read("it was Dalinar", 1),
    ]
    assert of(*texts).found() == [
        Candidate("Kelsier", 3, 3, 137, []),
        Candidate("Sam Tarly", 3, 2, 130, ["Sam"]),
    ]
    assert [one.name for one in of(*texts).found(texts=1)] == ["Kelsier", "Sam Tarly", "Dalinar"]
    assert [one.name for one in of(*texts).found(texts=1, limit=1)] == ["Kelsier"]


def test_what_is_on_the_list_however_it_is_written_is_no_candidate() -> None:
    assert of(Read("with Frodo and Sam"), listed=("FRODO", "sam")).found(texts=1) == []


def test_its_words_count_for_the_longest_names_from_the_left() -> None:
    made = of(Read("with Jon Snow Sam Tarly"), listed=("Jon", "Jon Snow", "Snow Sam", "Sam", "Tarly's"))
    assert made.found(texts=1)[0].counted_as == ["Jon Snow", "Sam"]


def test_what_was_met_once_is_forgotten_when_there_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "KEPT_MAX", 3)
    often = [Read("with Kelsier"), Read("with Kelsier")]
    made = of(*often, *(Read(f"with Name{letter}") for letter in "abcdef"), *often)
    first = made.found(texts=1)[0]
    assert (first.name, first.texts) == ("Kelsier", 4)
    assert len(made.found(texts=1)) <= 4
