"""Which entities a text names, and how often: known answers, and a plain regular expression beside it."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.sagas import entities, finder
from feedmill.sagas.entities import EntityList, clean
from feedmill.sagas.finder import Finder, TooManyEntities
from feedmill.sagas.words import normal, why_no_text


def found(names: list[str], text: str) -> dict[str, int]:
    return {one.entity.name: one.count for one in Finder(clean(names)).find(text)}


SAGA = [
    "Sam",
    "Sam Gamgee",
    "Gamgee",
    "Jon",
    "Jon Snow",
    "Snow",
    "Frodo",
    "Gil-galad",
    "Grey Wind",
    "R'hllor",
    "Mr. Frodo",
]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Sam Gamgee met Sam.", {"Sam Gamgee": 1, "Sam": 1}),
        ("Samwise, Samson, flotSam, Sam2, Sam_", {}),
        ("Frodo's ring, Frodo’s sword, the Frodos' house", {"Frodo": 2}),
        ("FRODO frodo fRoDo", {"Frodo": 3}),
        ('(Frodo), "Frodo": Frodo! Frodo? Frodo… —Frodo—', {"Frodo": 6}),
        ("Jon Snow's sword; Jon\n Snow; Jon\t\tSnow", {"Jon Snow": 3}),
        ("Jon. Snow fell. Jon, Snow", {"Jon": 2, "Snow": 2}),
        ("Jon-Snow", {"Jon": 1, "Snow": 1}),
        ("Gil-galad, GIL-GALAD's, Gil galad", {"Gil-galad": 2}),
        ("R'hllor and R’hllor", {"R'hllor": 2}),
        ("Mr. Frodo; Mr Frodo", {"Mr. Frodo": 1, "Frodo": 1}),
        ("Grey Windy", {}),
        ("Jon Snow Gamgee", {"Jon Snow": 1, "Gamgee": 1}),
        ("", {}),
    ],
)
def test_a_name_counts_where_it_stands_as_words_and_the_longest_wins(text: str, answer: dict[str, int]) -> None:
    assert found(SAGA, text) == answer


def test_of_overlapping_names_the_one_that_begins_first_counts() -> None:
    assert found(["red keep", "keep gate house", "gate"], "the red keep gate house") == {"red keep": 1, "gate": 1}


def test_a_longer_name_that_is_no_whole_word_does_not_hide_a_shorter_one() -> None:
    assert found(["Sam", "Sam Gamgee"], "Sam Gamgeesh") == {"Sam": 1}


def test_accents_are_the_same_composed_or_not() -> None:
    assert found(["Éowyn", "Gloin"], "E\u0301owyn éowyn Eowyn Glóin") == {"Éowyn": 2}


def test_ten_thousand_entities_are_counted_exactly_as_planted() -> None:
    chance = random.Random(5)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "al", "en", "ir")]
    words = list({"".join(chance.sample(syllables, 2)).capitalize() for _ in range(30_000)})[:5_000]
    names = words + [f"{chance.choice(words)} {chance.choice(words)}" for _ in range(4_000)]
    names = list(dict.fromkeys(names + [f"{name} {chance.choice(words)}" for name in names[:2_000]]))[:10_000]
    assert len(names) == 10_000
    decorations = ["{}", "{}'s", "{}’s", "({})", "«{}»", "{},", "{}!", "{}."]
    cases: list[Callable[[str], str]] = [str, str.upper, str.lower, str.title]
    planted: Counter[str] = Counter()
    parts = []
    for name in chance.choices(names, k=20_000):
        planted[name] += 1
        # "&" between two names: no blank joins them to a third
        parts += [chance.choice(decorations).format(chance.choice(cases)(name)), "&", f"x{name.split()[0]}", "&"]
    many = Finder(clean(names))
    counted: Counter[str] = Counter()
    for start in range(0, len(parts), 4_000):  # a text has at most so many different entities
        counted.update({one.entity.name: one.count for one in many.find(" ".join(parts[start : start + 4_000]))})
    assert counted == planted


def reference(names: list[str], text: str) -> Counter[str]:
    """The same by a regular expression, longest name first."""
    longest_first = sorted({normal(name) for name in names}, key=lambda name: (-len(name), name))
    either = "|".join(re.escape(name) for name in longest_first)
    bound = rf"(?:(?<!\w)|(?!\w))(?:{either})(?:(?!\w)|(?<!\w))"
    return Counter(re.findall(bound, normal(text)))


NAMES = st.lists(st.text("ab '-é", min_size=1, max_size=6), min_size=1, max_size=8)


@given(NAMES, st.text("abAB '’-.é\n", max_size=60))
@settings(max_examples=300, deadline=None)
def test_it_counts_what_a_regular_expression_of_all_names_counts(names: list[str], text: str) -> None:
    if not any(c.isalnum() for name in names for c in name):
        return
    known = clean(names)
    kept = [entity.name for entity in known.entities]
    assert Counter({normal(o.entity.name): o.count for o in Finder(known).find(text)}) == reference(kept, text)


def test_the_project_s_list_is_clean_and_the_same_text_gives_the_same_order() -> None:
    listed = entities.load()
    assert len(listed.entities) == 559
    assert listed.dropped == ()
    assert len({entity.id for entity in listed.entities}) == 559
    text = "Sam and Frodo, Frodo's Sam; Arya"
    assert [(o.entity.id, o.count) for o in Finder(listed).find(text)] == [("frodo", 2), ("sam", 2), ("arya", 1)]


def test_blanks_repeats_and_possessives_are_left_out_of_a_list_and_told() -> None:
    listed = clean(
        ["", "  Dale ", "# a note", "dale", "Bilbo  Baggins", "Bilbo Baggins", "Marge's", "Marge", "O's", "--"]
    )
    assert [entity.name for entity in listed.entities] == ["Dale", "Bilbo Baggins", "Marge", "O's"]
    assert dict(listed.dropped) == {
        "dale": "repeats Dale",
        "Bilbo Baggins": "repeats Bilbo Baggins",
        "Marge's": "possessive of Marge",
        "--": "no name",
    }


def test_ids_and_version_do_not_depend_on_the_order_of_lines() -> None:
    one, other = clean(["Jon Snow", "Arya"]), clean(["Arya", "Jon Snow", "arya"])
    assert one.version == other.version
    assert {entity.id for entity in one.entities} == {"jon snow", "arya"}
    assert clean(["Arya"]).version != one.version


@pytest.mark.parametrize("lines", [[], ["", "# only"], ["..."]])
def test_a_list_without_a_name_is_refused(lines: list[str]) -> None:
    with pytest.raises(entities.BadEntities):
        clean(lines)


def test_a_list_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"Fr\xe9d\xff")
    with pytest.raises(entities.BadEntities):
        entities.load(tmp_path / "list.txt")


def test_more_different_entities_than_a_record_may_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finder, "MAX_ENTITIES", 2)
    three: EntityList = clean(["a1", "b1", "c1"])
    assert len(Finder(three).find("a1 b1 a1")) == 2
    with pytest.raises(TooManyEntities):
        Finder(three).find("a1 b1 c1")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n\t\u3000", "empty"),
        ("\ufffd\ufffd\ufffd abc", "unreadable"),
        ("\x01\x02\x03abc", "unreadable"),
        ("... — !!", "unreadable"),
        ("A caf\ufffd in Winterfell, where Arya sat.", None),
        ("Éowyn", None),
        ("line\nline", None),
    ],
)
def test_what_holds_no_text_is_told_apart(text: str, reason: str | None) -> None:
    assert why_no_text(text) == reason
