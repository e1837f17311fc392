"""From raw articles to counts: known answers, repeats, late repeats, and what holds no text."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from feedmill.enricher.articles import Articles
from feedmill.sagas import corpus, model
from warehouse.conftest import Mill

pytestmark = pytest.mark.integration

T0 = 1_762_000_000


def article(id_: str, text: str, readers: int = 100, time: int = T0) -> dict[str, Any]:
    return {"id": id_, "time": time, "readers": readers, "text": text}


def test_an_article_s_entities_are_facts_with_its_readers_and_saga(mill: Mill) -> None:
    mill.take("article", article("a", "Frodo's Sam Gamgee, SAM; Frodo!", readers=700))
    assert mill.rows(
        "SELECT id, saga_id, entity_id, entity_counter, readers, entities FROM fact_readers ORDER BY 3"
    ) == [
        ("a", "lotr", "frodo", 2, 700, 3),
        ("a", "lotr", "sam", 1, 700, 3),
        ("a", "lotr", "sam gamgee", 1, 700, 3),
    ]
    assert mill.one("SELECT toUnixTimestamp(any(date_time)) FROM fact_readers") == T0
    assert mill.rows("SELECT * FROM dim_entity ORDER BY 1")[2] == ("sam gamgee", "Sam Gamgee")
    assert mill.rows("SELECT saga_id, set_aside FROM article") == [("lotr", "")]


def test_the_same_article_twice_counts_once_within_the_memory_and_after_it(mill: Mill) -> None:
    twice = [article("a", "Arya and Jon Snow"), article("b", "Arya"), article("a", "Arya and Jon Snow")]
    mill.take("article", *twice)
    assert mill.one("SELECT sum(entity_counter) FROM fact_readers") == 3
    mill.clear()
    mill.take("article", *twice[:2])
    mill.take("article", twice[2])
    assert mill.one("SELECT count() FROM fact_readers") == 5
    assert mill.one("SELECT sum(entity_counter) FROM fact_readers FINAL") == 3
    assert mill.rows("SELECT sum(readers), count() FROM analytics.articles") == [(200, 2)]
    assert mill.one("SELECT sum(occurrences) FROM analytics.article_entities") == 3


def test_a_late_repeat_read_with_another_list_and_model_adds_nothing(mill: Mill, tmp_path: Path) -> None:
    """What was read first stands: an entity or a saga that only the repeat has is in no sum."""
    mill.take("article", article("a", "Arya and the zorg", readers=10))
    (tmp_path / "list.txt").write_text("zorg\n")
    (tmp_path / "model.json").write_bytes(model.document(["x", "y"], 0.5, [9.0, 0.0], {"arya": [1.0, 1.0, 0.0]}))
    later = replace(mill, articles=Articles(tmp_path / "list.txt", tmp_path / "model.json"))
    later.take("article", article("a", "Arya and the zorg", readers=10))
    assert mill.one("SELECT count() FROM fact_readers FINAL") == 2
    assert mill.rows("SELECT saga_id, entity_id, occurrences, readers_share FROM analytics.article_entities") == [
        ("got", "arya", 1, 10.0)
    ]
    assert mill.rows("SELECT saga_id, readers FROM analytics.articles") == [("got", 10)]


def test_texts_without_text_are_kept_apart_with_their_readers(mill: Mill) -> None:
    mill.take("article", article("000000", "", 5), article("b", " \n", 7), article("c", "\ufffd\ufffd\ufffd", 11))
    mill.take("article", article("d", "Nobody of note.", 13))
    assert mill.rows("SELECT reason, id, readers, text_bytes FROM article_set_aside ORDER BY readers") == [
        ("empty", "000000", 5, 0),
        ("empty", "b", 7, 2),
        ("unreadable", "c", 11, 9),
    ]
    assert mill.one("SELECT count() FROM fact_readers") == 0
    assert mill.one("SELECT sum(readers) FROM analytics.articles") == 13
    assert mill.one("SELECT sum(readers) FROM analytics.articles_set_aside") == 23


def test_the_three_questions_of_the_old_system_are_answered_as_a_plain_loop_answers_them(mill: Mill) -> None:
    """S4: top entities of a saga by occurrences, with readers, in a time range."""
    chance = random.Random(3)
    texts = [(saga, text) for saga in corpus.SAGAS for text in corpus.texts(saga, 60, seed=11)]
    chance.shuffle(texts)
    rows = [
        article(str(n), text, chance.randint(100, 100_000), T0 + chance.randint(0, 400_000))
        for n, (_, text) in enumerate(texts)
    ]
    mill.take("article", *rows)
    finder, classifier = mill.articles._finder.current, mill.articles._model.current
    for saga, begin, end in (
        ("got", T0, T0 + 400_001),
        ("lotr", T0 + 100_000, T0 + 200_000),
        ("hp", 1_000_000, T0 + 150_000),
    ):
        occurrences: Counter[str] = Counter()
        readers: defaultdict[str, int] = defaultdict(int)
        for row in rows:
            if begin <= row["time"] < end and classifier.classify(row["text"]).saga == saga:
                for entity, count in finder.counts(row["text"]).items():
                    occurrences[entity.id] += count
                    readers[entity.id] += row["readers"]
        wanted = sorted(((n, readers[e], e) for e, n in occurrences.items()), key=lambda r: (-r[0], -r[1], r[2]))[:8]
        found = mill.rows(
            "SELECT sum(entity_counter) AS total_entity_occurrences, sum(readers) AS total_readers, entity_id"
            " FROM fact_readers FINAL WHERE saga_id = {saga:String} AND date_time >= {begin:DateTime}"
            " AND date_time < {end:DateTime} GROUP BY entity_id"
            " ORDER BY total_entity_occurrences DESC, total_readers DESC, entity_id LIMIT 8",
            saga=saga,
            begin=begin,
            end=end,
        )
        assert found == wanted
        assert len(found) == 8
