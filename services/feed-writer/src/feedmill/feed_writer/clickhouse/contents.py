"""content.enriched.v1 -> content_change, of which content_category and dim_content are views. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from feedmill.contracts.enriched import EnrichedContent
from feedmill.contracts.errors import Rejected
from feedmill.contracts.verbs import VERBS
from feedmill.feed_writer.clickhouse import native
from feedmill.feed_writer.clickhouse.block import Block, block_of
from feedmill.feed_writer.clickhouse.kind import Kind
from feedmill.feed_writer.clickhouse.place import Place, columns_of, said_by
from feedmill.runtime.outcome import Record

_TYPE = VERBS["content-meta"].type.encode()


class ContentRow(Struct, frozen=True, gc=False):
    place: Place
    content: EnrichedContent

    @property
    def accepted_ms(self) -> int:
        return self.place.accepted_ms


_decode = msgspec.json.Decoder(EnrichedContent).decode


def row_of(record: Record, said: Mapping[str, bytes], source_offset: int) -> ContentRow | Rejected:
    found = said_by(record, said, source_offset, _TYPE, _decode)
    return found if isinstance(found, Rejected) else ContentRow(*found)


def blocks_of(rows: Sequence[ContentRow]) -> list[Block]:
    if not rows:
        return []
    return [
        block_of(
            "content_change",
            len(rows),
            **columns_of([row.place for row in rows]),
            content_id=("String", native.strings([row.content.content_id for row in rows])),
            category_name=("String", native.words([row.content.category_name for row in rows])),
        )
    ]


CONTENTS = Kind(row_of, blocks_of)
