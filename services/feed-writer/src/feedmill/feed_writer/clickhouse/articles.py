"""article.enriched.v1 -> article, fact_readers, entity_name, article_set_aside. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from feedmill.contracts.article import READERS_MAX, TIME_END_S
from feedmill.contracts.errors import Rejected
from feedmill.contracts.verbs import VERBS
from feedmill.feed_writer.clickhouse import native
from feedmill.feed_writer.clickhouse.block import Block, block_of, versions
from feedmill.feed_writer.clickhouse.kind import Kind
from feedmill.feed_writer.clickhouse.place import Place, columns_of, said_by
from feedmill.runtime.outcome import Record

_TYPE = VERBS["article"].type.encode()
COUNT_MAX = 2**31 - 1

Columns = dict[str, tuple[str, bytes]]


class _Entity(Struct, frozen=True, gc=False):
    id: str
    name: str
    count: Annotated[int, Meta(ge=1, le=COUNT_MAX)]


class _Article(Struct, frozen=True):
    """`EnrichedArticle` as a sink reads it."""

    id: str
    time: Annotated[int, Meta(ge=0, lt=TIME_END_S)]
    readers: Annotated[int, Meta(ge=0, le=READERS_MAX)]
    text: str
    saga: str | None = None
    probability: float | None = None
    model: str | None = None
    entities: list[_Entity] = []
    entity_list: str | None = None
    set_aside: str | None = None


class ArticleRow(Struct, frozen=True, gc=False):
    place: Place
    article: _Article

    @property
    def accepted_ms(self) -> int:
        return self.place.accepted_ms


_decode = msgspec.json.Decoder(_Article).decode


def row_of(record: Record, said: Mapping[str, bytes], source_offset: int) -> ArticleRow | Rejected:
    found = said_by(record, said, source_offset, _TYPE, _decode)
    return found if isinstance(found, Rejected) else ArticleRow(*found)


def blocks_of(rows: Sequence[ArticleRow]) -> list[Block]:
    if not rows:
        return []
    named = [(row, entity) for row in rows for entity in row.article.entities]
    blocks = [_articles(rows)]
    if named:
        blocks += [_readers(named), _names(named)]
    aside = [row for row in rows if row.article.set_aside]
    if aside:
        blocks.append(_set_aside(aside))
    return blocks


def _articles(rows: Sequence[ArticleRow]) -> Block:
    articles = [row.article for row in rows]
    return block_of(
        "article",
        len(rows),
        **columns_of([row.place for row in rows]),
        **_about(articles),
        text=("String", native.strings([article.text for article in articles])),
        saga_id=_words([article.saga for article in articles]),
        saga_probability=("Float64", native.floats([article.probability or 0.0 for article in articles])),
        saga_model=_words([article.model for article in articles]),
        entity_list=_words([article.entity_list for article in articles]),
        entities=("Int32", native.integers("i", [len(article.entities) for article in articles])),
        set_aside=_words([article.set_aside for article in articles]),
    )


def _readers(named: Sequence[tuple[ArticleRow, _Entity]]) -> Block:
    articles = [row.article for row, _ in named]
    return block_of(
        "fact_readers",
        len(named),
        **_from([row.place for row, _ in named]),
        **_about(articles),
        saga_id=_words([article.saga for article in articles]),
        entity_id=("String", native.words([entity.id for _, entity in named])),
        entity_counter=("Int32", native.integers("i", [entity.count for _, entity in named])),
        entities=("UInt32", native.integers("I", [len(article.entities) for article in articles])),
    )


def _names(named: Sequence[tuple[ArticleRow, _Entity]]) -> Block:
    """Each entity once: of a batch the last article that names it."""
    last: dict[str, tuple[int, str]] = {}
    for row, entity in named:
        last[entity.id] = max(last.get(entity.id, (-1, "")), (row.place.origin_offset, entity.name))
    return block_of(
        "entity_name",
        len(last),
        entity_id=("String", native.strings(last)),
        name=("String", native.strings([name for _, name in last.values()])),
        version=("UInt64", native.integers("Q", [offset for offset, _ in last.values()])),
    )


def _set_aside(rows: Sequence[ArticleRow]) -> Block:
    articles = [row.article for row in rows]
    return block_of(
        "article_set_aside",
        len(rows),
        **_from([row.place for row in rows]),
        **_about(articles),
        reason=_words([article.set_aside for article in articles]),
        text_bytes=("UInt32", native.integers("I", [len(article.text.encode()) for article in articles])),
    )


def _about(articles: Sequence[_Article]) -> Columns:
    """id, date_time, readers: what every table has of an article."""
    return {
        "id": ("String", native.words([article.id for article in articles])),
        "date_time": ("DateTime('UTC')", native.integers("I", [article.time for article in articles])),
        "readers": ("Int32", native.integers("i", [article.readers for article in articles])),
    }


def _from(places: Sequence[Place]) -> Columns:
    """event_id, source_partition, source_offset, version."""
    return {
        "event_id": ("UUID", native.uuids([place.event_id for place in places])),
        "source_partition": ("Int32", native.integers("i", [place.partition for place in places])),
        "source_offset": ("Int64", native.integers("q", [place.source_offset for place in places])),
        "version": versions([place.origin_offset for place in places]),
    }


def _words(values: Sequence[Any]) -> tuple[str, bytes]:
    return "String", native.words([value or "" for value in values])


ARTICLES = Kind(row_of, blocks_of)
