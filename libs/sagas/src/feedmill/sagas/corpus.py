"""The training corpus, generated: `python -m feedmill.sagas.corpus [--check]`.

Own sentences over each saga's people, places, words and things (`data/lexicon`), and over everyday ones for what is of
no saga; no sentence of any book. The same seed gives the same file, which is checked in, so that a change of either
shows.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from feedmill.sagas.model import UNKNOWN

DATA: Final = Path(__file__).with_name("data")
CORPUS: Final = DATA / "corpus.ndjson"
SAGAS: Final = ("got", "lotr", "hp")
EVERYDAY: Final = "everyday"
"""The lexicon of what is of no saga: labelled `unknown`, so that a word of any text speaks for none."""
TEXTS_PER_SAGA: Final = 400
EVERYDAY_TEXTS: Final = 600
SENTENCES: Final = (1, 4)
SEED: Final = 7

TEMPLATES: Final = (
    "{people} walked towards {places} with {things} and said nothing of the {words}.",
    "Nobody in {places} had seen {people} since the morning of the {words}.",
    '"{people} will never agree to this," said {people}, looking at {things}.',
    "Between {places} and {places} the talk was of {words}, {words} and {words}.",
    "{people} and {people} argued about the {words} until it was dark.",
    "It was {people} who had brought {things} to {places}.",
    "They asked {people} for {words}, but all they were given was {things}.",
    "The way to {places} was longer than {people} remembered, and the {words} made it no shorter.",
    "{people}'s hands shook when {people} spoke of the {words}.",
    "Late that night {people} found {things} under the bed and thought of {places}.",
    "What {people} wanted was a quiet day in {places}, without {words} and without {words}.",
    "Three letters came for {people}: one from {places}, one about {words}, and one that was empty.",
    "{people} laughed, put down {things}, and asked where {people} had gone.",
    '"There are {words} here," {people} whispered. "And {words}."',
    "On the table lay {things}; beside it {people} was asleep.",
    "For a {words} like that, {people} would have crossed {places} on foot.",
    "The {words} had been quiet for a week when {people} came back from {places}.",
    "{people} told the others to wait outside {places} and took only {things}.",
    "why is it always {people} who pays for the {words}?",
    "Breaking: {words} in {places}, says {people}.",
    "{words}, {words}, {words}",
    "{people} or {people}? Tell us below.",
    "How far is it from {places} to {places} with {things}?",
    "{words} for beginners",
    "Last seen in {places}: {people}, {things}, no {words}.",
    "Sources near {people} deny that there was any talk of {words}.",
    "Is there a {words} left in {places}, or has {people} taken the last?",
    "{people} and the {words}: what we know so far.",
)
"""No word in them belongs to one saga: what tells them apart is what is put in."""

Lexicon = Mapping[str, Sequence[str]]


def lexicon(saga: str) -> Lexicon:
    """Section -> its words."""
    sections: dict[str, list[str]] = {}
    for line in (DATA / "lexicon" / f"{saga}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            entries = sections.setdefault(line.strip("[]"), [])
        else:
            entries += [entry.strip() for entry in line.split(",")]
    return sections


class _Bag:
    """Gives every entry once, in random order, before any comes again."""

    def __init__(self, entries: Sequence[str], chance: random.Random) -> None:
        self._entries = list(dict.fromkeys(entries))
        self._chance = chance
        self._left: list[str] = []

    def __str__(self) -> str:
        if not self._left:
            self._left = self._chance.sample(self._entries, len(self._entries))
        return self._left.pop()


def texts(saga: str, count: int, seed: int) -> Iterator[str]:
    """`count` texts of a few sentences."""
    chance = random.Random(f"{saga} {seed}")  # noqa: S311  sentences are no secrets
    bags = {section: _Bag(entries, chance) for section, entries in lexicon(saga).items()}
    for _ in range(count):
        chosen = chance.sample(TEMPLATES, chance.randint(*SENTENCES))
        yield " ".join(_sentence(template, bags) for template in chosen)


def _sentence(template: str, bags: Mapping[str, _Bag]) -> str:
    text = template.format(**bags)
    return text[0].upper() + text[1:]


def generated() -> str:
    """The corpus as NDJSON: the sagas in turns, then what is of none."""
    each = zip(*(texts(saga, TEXTS_PER_SAGA, SEED) for saga in SAGAS), strict=True)
    rows = [{"label": saga, "text": text} for turn in each for saga, text in zip(SAGAS, turn, strict=True)]
    rows += [{"label": UNKNOWN, "text": text} for text in texts(EVERYDAY, EVERYDAY_TEXTS, SEED)]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="feedmill.sagas.corpus", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 where the file differs")
    if not parser.parse_args(arguments).check:
        CORPUS.write_text(generated(), encoding="utf-8")
        return 0
    if CORPUS.read_text(encoding="utf-8") == generated():
        return 0
    print("stale: corpus.ndjson; run python -m feedmill.sagas.corpus", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
