"""The entity list: a file with a name a line -> entities, cleaned. Pure but for reading the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from feedmill.sagas.words import is_word_character, normal

PACKAGED: Final = Path(__file__).with_name("data") / "entities.txt"
NAME_MAX_CHARS: Final = 256
_POSSESSIVE: Final = "'s"


class BadEntities(ValueError):
    """The list cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Entity:
    """`id` is the name as it is compared (`jon snow`): of nothing else, so it stays when the list changes around it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class EntityList:
    """`version`: the hash of ids and names, however the file was written. `dropped`: lines left out, with why."""

    entities: Sequence[Entity]
    version: str
    dropped: Sequence[tuple[str, str]]


def load(path: Path = PACKAGED) -> EntityList:
    """Raises BadEntities; OSError where the file cannot be read."""
    try:
        return clean(path.read_text(encoding="utf-8-sig").splitlines())
    except UnicodeDecodeError:
        raise BadEntities(f"{path.name} is not UTF-8") from None


def clean(lines: Iterable[str]) -> EntityList:
    """Blanks trimmed, empty lines and repeats left out; two spellings that differ in case, in blanks or by a possessive
    's are one entity, named as its first whole line. Lines that begin with # are notes."""
    found: dict[str, str] = {}
    dropped: list[tuple[str, str]] = []
    for line in lines:
        name = " ".join(line.split())
        if not name or name.startswith("#"):
            continue
        if len(name) > NAME_MAX_CHARS or not any(map(is_word_character, name)):
            dropped.append((name[:NAME_MAX_CHARS], "no name"))
            continue
        known = found.setdefault(normal(name), name)
        if known is not name:
            dropped.append((name, f"repeats {known}"))
    for key in [key for key in found if key.endswith(_POSSESSIVE) and key.removesuffix(_POSSESSIVE) in found]:
        dropped.append((found.pop(key), f"possessive of {found[key.removesuffix(_POSSESSIVE)]}"))
    if not found:
        raise BadEntities("the list names no entity")
    entities = tuple(Entity(key, name) for key, name in found.items())
    return EntityList(entities, _version(entities), tuple(dropped))


def _version(entities: Sequence[Entity]) -> str:
    text = "\n".join(sorted(f"{entity.id}\t{entity.name}" for entity in entities))
    return sha256(text.encode()).hexdigest()[:12]
