"""Records of activity.enriched.v1 as the enricher writes them, for tests and benches of what reads them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from feedmill.contracts import headers
from feedmill.contracts.topics import ACTIVITY_ENRICHED, ENRICHED_OF
from feedmill.contracts.verbs import VERBS, type_of
from feedmill.runtime.outcome import Record

BASE_MS = 1_795_255_200_000
"""2026-11-21T10:00:00Z."""
NAMESPACE = uuid.UUID(int=7)


def event_id_of(name: str) -> str:
    """The same name, the same id."""
    return str(uuid.uuid5(NAMESPACE, name))


def an_activity(verb: str = "like", actor_id: int = 1, **fields: Any) -> dict[str, Any]:
    """The value of an enriched record; by default a like of post 9."""
    value = {
        "verb": verb,
        "actor_id": actor_id,
        "occurred_at": "2026-11-21T10:00:00.000000Z",
        "object": {"type": "post", "id": 9},
    }
    return {name: field for name, field in (value | fields).items() if field is not None}


def a_record(
    value: Mapping[str, Any] | bytes | None = None,
    *,
    offset: int = 0,
    partition: int = 0,
    event: str | None = None,
    source_offset: int | None = None,
    source_from: int | None = None,
    more: Mapping[str, bytes] | None = None,
) -> Record:
    """An enriched record; its source offset is its own offset and its event is named by its place unless told."""
    said = an_activity() if value is None else value
    source = offset if source_offset is None else source_offset
    verb = said.get("verb", "like") if isinstance(said, Mapping) else "like"
    envelope = {
        headers.CE_TYPE: type_of(str(verb)).encode(),
        headers.EVENT_ID: event_id_of(event or f"{partition}/{source}").encode(),
        headers.SOURCE_OFFSET: str(source).encode(),
        headers.SOURCE_FROM: str(source - 1 if source_from is None else source_from).encode(),
        headers.ACCEPTED_AT: str(BASE_MS + source).encode(),
    } | dict(more or {})
    body = said if isinstance(said, bytes) else msgspec.json.encode(said)
    key = b"1" if isinstance(said, bytes) else str(said.get("actor_id", 1)).encode()
    return Record(ACTIVITY_ENRICHED.name, partition, offset, BASE_MS + offset + 5, key, body, [*envelope.items()])


def a_bare_record(verb: str, value: Mapping[str, Any], **place: Any) -> Record:
    """An enriched record of a verb with a topic of its own (read, content-meta, article); `place` as `a_record` has."""
    record = a_record(value, **place, more={headers.CE_TYPE: type_of(verb).encode()})
    return msgspec.structs.replace(record, topic=ENRICHED_OF[VERBS[verb].topic.name].name)


def a_reading(
    user_id: str = "u", content_id: str = "c", percent: float = 95.0, day: str = "2026-11-21"
) -> dict[str, Any]:
    """The value of a reading."""
    return {"user_id": user_id, "content_id": content_id, "read_percent": percent, "updated_at": day}


def a_marker(*, offset: int, source_offset: int, source_from: int, partition: int = 0) -> Record:
    """A record that only moves positions on."""
    said = [
        (headers.MARKER, headers.MARKER_VALUE),
        (headers.SOURCE_OFFSET, str(source_offset).encode()),
        (headers.SOURCE_FROM, str(source_from).encode()),
    ]
    return Record(ACTIVITY_ENRICHED.name, partition, offset, BASE_MS + offset + 5, None, None, said)
