"""Articles on their way: what their text says, what is set aside, and that a record of any of them fits."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from feedmill.contracts import headers, strict_json
from feedmill.contracts.enriched import EnrichedArticle, EnrichedArticleModel
from feedmill.contracts.limits import EVENT_MAX_BYTES
from feedmill.contracts.structs import Article
from feedmill.contracts.topics import ARTICLE_ENRICHED, ARTICLE_PUBLISHED
from feedmill.enricher import metrics
from feedmill.enricher.articles import Articles, read_article
from feedmill.enricher.lane import Lane
from feedmill.enricher.memory import SeenIds
from feedmill.enricher.pipeline import Pipeline
from feedmill.runtime.outcome import Record, TopicPartition
from feedmill.sagas import corpus, entities, model
from feedmill.sagas.finder import MAX_ENTITIES, Finder


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Articles:
    weights = {"frodo": [1.0, -1.0, 2.0], "jon": [1.0, 2.0, -1.0]}
    path = tmp_path_factory.mktemp("model") / "model.json"
    path.write_bytes(model.document(["got", "lotr"], 0.6, [0.0, 0.0], weights))
    return Articles(entities.PACKAGED, path)


def through(articles: Articles, *texts: str) -> list[EnrichedArticle]:
    place = TopicPartition(ARTICLE_PUBLISHED.name, 0)
    rows = [{"id": f"a{n}", "time": 1_700_000_000, "readers": 7, "text": text} for n, text in enumerate(texts)]
    records = [Record(*_place(place), n, 0, b"a", json.dumps(row).encode(), []) for n, row in enumerate(rows)]
    outgoing, rejected = Pipeline(articles)({place: Lane(place, SeenIds(100))}, records)
    assert not rejected
    assert all(headers.EVENT_ID in dict(message[3]) for message in outgoing)
    return [msgspec.json.decode(message[2] or b"", type=EnrichedArticle) for message in outgoing]


def _place(place: TopicPartition) -> tuple[str, int]:
    return place.topic, place.partition


def test_an_article_says_its_saga_and_its_entities_and_what_they_were_read_with(articles: Articles) -> None:
    (read,) = through(articles, "Frodo’s friend Sam Gamgee, and SAM. Frodo!")
    assert read.saga == "lotr"
    assert read.probability == pytest.approx(0.952574)
    assert [(e.id, e.name, e.count) for e in read.entities] == [
        ("frodo", "Frodo", 2),
        ("sam", "Sam", 1),
        ("sam gamgee", "Sam Gamgee", 1),
    ]
    assert (read.set_aside, read.entity_list) == (None, entities.load().version)
    assert len(read.model or "") == 12


def test_a_text_of_no_saga_is_unknown_not_nothing(articles: Articles) -> None:
    (read,) = through(articles, "Sam walked.")
    assert (read.saga, read.probability) == ("unknown", 0.5)
    assert [e.id for e in read.entities] == ["sam"]


def test_empty_and_unreadable_texts_are_set_aside_with_their_readers_and_counted(articles: Articles) -> None:
    before = metrics.ARTICLES_SET_ASIDE.at("empty")._value.get()
    reads = through(articles, "", " \n", "\ufffd\ufffd\ufffd\ufffd")
    assert [read.set_aside for read in reads] == ["empty", "empty", "unreadable"]
    assert all((read.readers, read.saga, read.entities) == (7, None, []) for read in reads)
    assert metrics.ARTICLES_SET_ASIDE.at("empty")._value.get() == before + 2


def test_what_is_written_is_what_the_contract_says(articles: Articles) -> None:
    for read in through(articles, "Frodo and Jon Snow", "", "nothing"):
        said = EnrichedArticleModel.model_validate_json(msgspec.json.encode(read))
        assert msgspec.json.decode(said.model_dump_json(), type=EnrichedArticle) == read


def test_the_largest_article_with_the_most_entities_fits_its_topic() -> None:
    chance = iter(range(10**6))
    names: list[str] = []
    while sum(len(name) + 1 for name in names) < EVENT_MAX_BYTES and len(names) < MAX_ENTITIES:
        names.append(f"é{next(chance):05d}{'ß' * 20}")
    finder = Finder(entities.clean(names))
    classifier = model.of(model.document(["a", "b"], 0.5, [0, 0], {"xx": [1, 1, 1]}))
    text = "\x01" * 100 + " ".join(names)
    text = text.encode()[: EVENT_MAX_BYTES - 100].decode(errors="ignore")
    read = read_article(Article(id="x" * 256, time=1, readers=1, text=text), finder, classifier)
    encoded = msgspec.json.encode(read)
    assert len(read.entities) > 4_000
    assert len(encoded) < ARTICLE_ENRICHED.max_message_bytes * 0.95
    assert strict_json.refusal(encoded) is None


def test_a_list_that_changed_is_taken_up_and_a_bad_one_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedmill.sagas.watched.LOOK_INTERVAL_S", 0.0)
    listed, classifier = tmp_path / "list.txt", tmp_path / "model.json"
    listed.write_text("Frodo\n")
    classifier.write_bytes(model.document(["got", "lotr"], 0.6, [0.0, 0.0], {"frodo": [1.0, -1.0, 2.0]}))
    reading = Articles(listed, classifier)
    assert [e.id for e in through(reading, "Frodo and Sam")[0].entities] == ["frodo"]
    _replace(listed, "Frodo\nSam\n")
    assert [e.id for e in through(reading, "Frodo and Sam")[0].entities] == ["frodo", "sam"]
    _replace(listed, "\n")
    assert [e.id for e in through(reading, "Frodo and Sam")[0].entities] == ["frodo", "sam"]
    assert metrics.FILES_NOT_TAKEN.at("list.txt")._value.get() == 1


def _replace(path: Path, text: str) -> None:
    beside = path.with_name("beside")
    beside.write_text(text)
    beside.replace(path)


def test_without_a_list_or_a_model_there_is_no_reading(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Articles(tmp_path / "none.txt", tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(model.BadModel):
        Articles(entities.PACKAGED, tmp_path / "bad.json")


def test_the_corpus_names_every_entity_of_the_project_s_list_but_common_words() -> None:
    """The list and the classifier's words come from the same sagas."""
    finder = Finder(entities.load())
    named = finder.counts(" ".join(text for saga in corpus.SAGAS for text in corpus.texts(saga, 100, seed=1)))
    assert len(named) > 400
