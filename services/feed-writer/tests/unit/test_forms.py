"""Every form an enriched record takes -> what both sinks write of it, held in a snapshot.

The snapshot is made anew by removing `forms.json` and running this test, which then fails once; read the difference.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from feedmill.contracts import headers
from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.contracts.verbs import VERBS
from feedmill.feed_writer.clickhouse.activities import blocks_of
from feedmill.feed_writer.decode import decode
from feedmill.feed_writer.postgres import arrays
from feedmill.feed_writer.row import START
from feedmill.runtime.outcome import Record, TopicPartition
from feedmill.testkit.enriched import a_record, an_activity

SNAPSHOT = Path(__file__).with_name("forms.json")
P0 = TopicPartition(ACTIVITY_ENRICHED.name, 0)
USER = {"type": "user", "id": 2}
READ = {"feed": "home", "through": "2026-11-21T09:00:00.000000Z", "only_seen": False}
POSTED = {"type": "photo", "id": 7, "content": {"a": 'tab\t "ü" \\ end'}, "title": "a\nb", "url": "https://x/1",
          "canonical_url": "https://x/1", "tags": ["one", 'tw"o'], "mentions": ["ivan"]}  # fmt: skip
ON = {"type": "post", "id": 9}
SIGNED_UP = {"id": 2, "handle": "ivan", "uuid": "018f0000-0000-7000-8000-000000000002", "name": "Ivan", "email": "i@x",
             "college": "C"}  # fmt: skip
SPECIAL: dict[str, dict[str, Any]] = {
    "post": an_activity("post", object=POSTED, space_id=3),
    "comment": an_activity("comment", object={"type": "comment", "id": 8, "content": "x"}, target=ON),
    "follow": an_activity("follow", object=USER, since="2026-01-01T00:00:00.000000Z"),
    "user-created": an_activity("user-created", 2, object=USER, user=SIGNED_UP),
    "user-updated": an_activity("user-updated", 2, object=USER, user={"id": 2, "name": "Iván"}),
    "user-erased": an_activity("user-erased", object=USER),
    "feed-read": an_activity("feed-read", object=None, read=READ),
}  # fmt: skip
FORMS: dict[str, Record] = {
    **{verb: a_record(SPECIAL.get(verb, an_activity(verb, object=USER))) for verb in sorted(VERBS)},
    "post of nothing": a_record(an_activity("post", object={"type": "post", "id": 7})),
    "replayed": a_record(an_activity("unlike"), offset=90, more={headers.ORIGIN_OFFSET: b"17"}),
}


def fingerprint(data: bytes) -> str:
    return f"{len(data)} bytes {hashlib.sha256(data).hexdigest()[:16]}"


def written(record: Record) -> dict[str, Any]:
    """Each table's array literals, and a fingerprint of each block (what is in it the tests on a real store say)."""
    rows = decode([record], {P0: START}, find_holes=False).rows
    columns = {
        "activity": arrays.activities(rows),
        "object": arrays.objects(rows),
        "user_profile": arrays.users(rows),
        "feed_position": arrays.reads(rows),
    }
    return {
        "postgres": {table: literals for table, literals in columns.items() if literals[0] != "'{}'"},
        "clickhouse": {block.table: fingerprint(block.data) for block in blocks_of(rows)},
    }


def test_every_form_is_written_as_it_always_was() -> None:
    found = {name: written(record) for name, record in FORMS.items()}
    if not SNAPSHOT.exists():
        SNAPSHOT.write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        pytest.fail(f"{SNAPSHOT.name} was made anew: read it, then run again")
    assert found == json.loads(SNAPSHOT.read_text())


def test_no_verb_is_without_a_form() -> None:
    assert FORMS.keys() >= VERBS.keys()
