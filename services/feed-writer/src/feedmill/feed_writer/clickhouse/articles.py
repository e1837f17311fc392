"""article.enriched.v1 -> article. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from feedmill.contracts.article import READERS_MAX, TIME_END_S
from feedmill.contracts.errors import Rejected
from feedmill.contracts.verbs import VERBS
from feedmill.feed_writer.clickhouse import native
from feedmill.feed_writer.clickhouse.block import Block, block_of
from feedmill.feed_writer.clickhouse.kind import Kind
from feedmill.feed_writer.clickhouse.place import Place, columns_of, said_by
from feedmill.runtime.outcome import Record

_TYPE = VERBS["article"].type.encode()


class _Article(Struct, frozen=True, gc=False):
    """`EnrichedArticle` as a sink reads it."""

    id: str
    time: Annotated[int, Meta(ge=0, lt=TIME_END_S)]
    readers: Annotated[int, Meta(ge=0, le=READERS_MAX)]
    text: str


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
    articles = [row.article for row in rows]
    return [
        block_of(
            "article",
            len(rows),
            **columns_of([row.place for row in rows]),
            id=("String", native.strings([article.id for article in articles])),
            date_time=("DateTime('UTC')", native.integers("I", [article.time for article in articles])),
            readers=("Int32", native.integers("i", [article.readers for article in articles])),
            text=("String", native.strings([article.text for article in articles])),
        )
    ]


ARTICLES = Kind(row_of, blocks_of)
