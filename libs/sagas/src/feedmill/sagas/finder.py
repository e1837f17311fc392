"""Text -> entities in it: whole words, from left to right, at each place the longest name. Pure.

An Aho-Corasick automaton reads the text once, however many names there are; what it reports is then held to word
boundaries, and of overlapping names the one that begins first, and of those the longest, counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import ahocorasick

from feedmill.sagas.entities import Entity, EntityList
from feedmill.sagas.words import is_word_character, normal

MAX_ENTITIES: Final = 5_000
"""Different entities one text may have: with a text of 256 KiB they still fit an enriched record of 1 MiB."""


@dataclass(frozen=True, slots=True)
class Found:
    entity: Entity
    count: int


class TooManyEntities(ValueError):
    """More than MAX_ENTITIES different ones."""


class Finder:
    def __init__(self, entities: EntityList) -> None:
        self.version = entities.version
        self.size = len(entities.entities)
        self._automaton = ahocorasick.Automaton()
        for entity in entities.entities:
            name = normal(entity.name)
            self._automaton.add_word(name, (len(name), entity))
        self._automaton.make_automaton()

    def find(self, text: str) -> list[Found]:
        """Each entity once, with its count, by falling count and then id. Raises TooManyEntities."""
        counts = self.counts(text)
        if len(counts) > MAX_ENTITIES:
            raise TooManyEntities(f"{len(counts)} different entities")
        return [Found(entity, n) for entity, n in sorted(counts.items(), key=lambda item: (-item[1], item[0].id))]

    def counts(self, text: str) -> Counter[Entity]:
        read = normal(text)
        size = len(read)
        whole: list[tuple[int, int, Entity]] = []
        for last, (length, entity) in self._automaton.iter(read):
            start, end = last - length + 1, last + 1
            if end < size and is_word_character(read[end]) and is_word_character(read[last]):
                continue
            if start and is_word_character(read[start - 1]) and is_word_character(read[start]):
                continue
            whole.append((start, -end, entity))
        return Counter(_not_overlapping(whole))


def _not_overlapping(matches: list[tuple[int, int, Entity]]) -> Sequence[Entity]:
    matches.sort(key=lambda match: match[:2])
    kept: list[Entity] = []
    free_from = 0
    for start, minus_end, entity in matches:
        if start >= free_from:
            kept.append(entity)
            free_from = -minus_end
    return kept
