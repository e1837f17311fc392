"""Names that the list of entities lacks: found in texts by their form, for a person to choose from. Pure.

A name is a run of words with a capital inside a sentence ("left Minas Ithil at dawn"). At a sentence's beginning any
word has a capital, so a run that is never met elsewhere is none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from feedmill.sagas.entities import NAME_MAX_CHARS, EntityList
from feedmill.sagas.words import normal

WORDS_MAX: Final = 4
"""Longer runs are headlines."""
KEPT_MAX: Final = 200_000
"""Different runs kept while texts are read; beyond them those met in one text only are forgotten."""

_TOKEN: Final = re.compile(r"[^\W\d_]\w*(?:[-’'][^\W\d_]\w*)*|[^\w\s]|\n")
_SENTENCE_ENDS: Final = frozenset('.!?…:;\n"“”«»()[]—–*•')
_POSSESSIVE: Final = re.compile(r"[’']s$", re.IGNORECASE)
_COMMON: Final = frozenset(
    re.findall(
        r"\S+",
        """a an and are as at but by for from had has have he her his i i'm if in is it its me my no nor not of
        on or our she so that the their them then there these they this those to us was we were what when where
        which who why will with you your mr mrs ms dr monday tuesday wednesday thursday friday saturday sunday
        january february march april may june july august september october november december""",
    )
)
"""Words that a capital makes no name of."""


class Read(NamedTuple):
    """A text and how many read it."""

    text: str
    readers: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """`texts` that have it and their `readers`; `counted_as`: entities of the list that its words count for today."""

    name: str
    occurrences: int
    texts: int
    readers: int
    counted_as: Sequence[str]


class Candidates:
    """Takes texts one by one; what it keeps is bounded by KEPT_MAX."""

    def __init__(self, listed: EntityList) -> None:
        self._listed = {entity.id: entity.name for entity in listed.entities}
        self._inside: Counter[str] = Counter()
        self._met: Counter[str] = Counter()
        self._texts: Counter[str] = Counter()
        self._readers: Counter[str] = Counter()

    def read(self, read: Read) -> None:
        here = [(name, begins) for name, begins in runs(read.text) if normal(name) not in self._listed]
        self._inside.update(name for name, begins in here if not begins)
        self._met.update(name for name, _ in here)
        for name in {name for name, _ in here}:
            self._texts[name] += 1
            self._readers[name] += read.readers
        if len(self._texts) > KEPT_MAX:
            self._forget([name for name, texts in self._texts.items() if texts == 1])

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            for counter in (self._inside, self._met, self._texts, self._readers):
                del counter[name]

    def found(self, *, texts: int = 2, limit: int = 100) -> list[Candidate]:
        """Names of so many texts or more, those of most texts first."""
        names = [name for name, n in self._texts.items() if n >= texts and self._inside[name]]
        names.sort(key=lambda name: (-self._texts[name], -self._met[name], name))
        return [
            Candidate(
                name,
                self._met[name],
                self._texts[name],
                self._readers[name],
                self._counted_as(name.split()),
            )
            for name in names[:limit]
        ]

    def _counted_as(self, words: Sequence[str]) -> list[str]:
        """Leftmost and longest, as the finder counts; a run is too short to need its automaton."""
        for first, last in ((i, j) for i in range(len(words)) for j in range(len(words), i, -1)):
            known = self._listed.get(normal(" ".join(words[first:last])))
            if known is not None:
                return [known, *self._counted_as(words[last:])]
        return []


def runs(text: str) -> Iterator[tuple[str, bool]]:
    """Each run of capitalised words, a possessive 's left out, and whether it begins a sentence."""
    run: list[str] = []
    run_begins, begins = False, True
    for token in _TOKEN.findall(text):
        bare = _POSSESSIVE.sub("", token)
        if _is_name(bare):
            run_begins = run_begins if run else begins
            run.append(bare)
        if not _is_name(bare) or bare != token:
            yield from _named(run, run_begins)
            run = []
        begins = token in _SENTENCE_ENDS
    yield from _named(run, run_begins)


def _is_name(word: str) -> bool:
    return word[0].isupper() and not word.isupper() and word.lower() not in _COMMON


def _named(run: Sequence[str], begins: bool) -> Iterator[tuple[str, bool]]:
    name = " ".join(run)
    if 0 < len(run) <= WORDS_MAX and 2 < len(name) <= NAME_MAX_CHARS:
        yield name, begins
