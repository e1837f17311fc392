"""`python -m bench.sagas`: megabytes of text a second through the entity finder and the classifier, one core."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from feedmill.sagas import corpus, entities, model
from feedmill.sagas.finder import Finder

MEGABYTES = 12
TEXT_CHARS = 5_000
"""What an article of the old system had."""
ROUNDS = 3


def texts() -> Sequence[str]:
    chance = random.Random(1)
    found = [text for saga in corpus.SAGAS for text in corpus.texts(saga, 600, seed=3)]
    chance.shuffle(found)
    whole = " ".join(found)
    whole *= 1 + MEGABYTES * 1_000_000 // len(whole)
    return [whole[at : at + TEXT_CHARS] for at in range(0, MEGABYTES * 1_000_000, TEXT_CHARS)]


def many_names(count: int) -> entities.EntityList:
    chance = random.Random(2)
    names = [entity.name for entity in entities.load().entities]
    letters = "abcdefghijklmnoprstuvw"
    while len(names) < count:
        names.append("".join(chance.choices(letters, k=chance.randint(4, 9))).capitalize())
    return entities.clean(names)


def megabytes_a_second(work: Callable[[str], object], given: Sequence[str]) -> float:
    """The best of ROUNDS."""
    size = sum(len(text.encode()) for text in given) / 1e6
    best_s = float("inf")
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        for text in given:
            work(text)
        best_s = min(best_s, time.perf_counter() - began_s)
    return size / best_s


def main() -> int:
    given = texts()
    listed = Finder(entities.load())
    ten_thousand = Finder(many_names(10_000))
    rows = {
        f"finder, {listed.size} names": listed.find,
        f"finder, {ten_thousand.size} names": ten_thousand.find,
        "classifier": model.load().classify,
    }
    for name, work in rows.items():
        print(f"{name:<24} {megabytes_a_second(work, given):6.1f} MB/s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
