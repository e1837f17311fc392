"""One place for topics, one table of verbs."""

from typing import Any

import pytest

from feedmill.contracts import limits, topics
from feedmill.contracts.envelope import EVENT_MODELS, VERB_OF
from feedmill.contracts.verbs import BARE, BY_TYPE, EDGE_VERBS, FEED_VERBS, VERBS


def test_an_enriched_topic_has_as_many_partitions_as_its_raw_topic() -> None:
    for raw in topics.RAW:
        enriched = topics.ENRICHED_OF[raw.name]
        assert topics.RAW_OF[enriched.name] is raw
        assert enriched.partitions == raw.partitions


def test_what_is_accepted_fits_and_what_died_fits_too() -> None:
    assert limits.TEXT_MAX_BYTES < limits.EVENT_MAX_BYTES < topics.RAW_MAX_BYTES
    assert topics.RAW_MAX_BYTES < topics.ENRICHED_MAX_BYTES < topics.DEAD_LETTER_MAX_BYTES
    assert limits.EVENT_MAX_BYTES < limits.REQUEST_MAX_BYTES


def test_each_topic_has_dead_letters_and_is_kept_for_ever() -> None:
    names = [topic.name for topic in topics.ALL]
    assert len(names) == len(set(names)) == 16
    assert {topic.retention_ms for topic in topics.ALL} == {-1}
    assert topics.dead_letters_of("user-interaction") in topics.ALL


def test_every_verb_has_its_type_and_the_table_of_the_interface_is_complete() -> None:
    assert {verb.type for verb in VERBS.values()} == set(BY_TYPE)
    assert all(verb.type == f"feedmill.{verb.name}.v1" for verb in VERBS.values())
    assert {verb.name for verb in EDGE_VERBS} == {
        "post", "delete", "like", "unlike", "share", "comment", "follow", "unfollow", "mute", "unmute", "block",
        "unblock", "connect", "disconnect", "recommend", "unrecommend", "read", "content-meta", "article",
    }  # fmt: skip
    assert set(EVENT_MODELS) == {verb.type for verb in VERB_OF.values()} == {verb.type for verb in EDGE_VERBS}
    assert set(VERBS) >= FEED_VERBS
    assert {name: verb.name for name, verb in BARE.items()} == {
        "user-interaction": "read", "content-meta": "content-meta", "analytics.article.e": "article",
    }  # fmt: skip


USER, POST, SPACE = {"type": "user", "id": 5}, {"type": "post", "id": 5}, {"type": "space", "id": 6}
UUID = "00000000-0000-5000-8000-000000000001"
KEYS: list[tuple[str, dict[str, Any], str]] = [
    ("like", {"actor_id": 9, "object": POST}, "9"),
    ("follow", {"actor_id": 9, "object": USER}, "9"),
    ("connect", {"actor_id": 9, "object": USER}, "5"),
    ("disconnect", {"actor_id": 2, "object": USER}, "2"),
    ("user-created", {"actor_id": 5, "object": {**USER, "handle": "x", "name": "X", "uuid": UUID}}, "5"),
    ("user-erased", {"actor_id": 9, "object": USER}, "5"),
    ("space-deleted", {"actor_id": 9, "object": SPACE}, "6"),
    ("space-member-added", {"actor_id": 9, "object": USER, "target": SPACE}, "6"),
    ("link-previewed", {"object": {"type": "link", "url": "https://a.org"}}, "https://a.org"),
    ("read", {"user_id": 7, "content_id": "c", "read_percent": 1, "updated_at": "2026-11-21"}, "7"),
    ("content-meta", {"content_id": "c", "category_name": "x"}, "c"),
    ("article", {"id": "a", "time": 1, "readers": 1, "text": ""}, "a"),
]


@pytest.mark.parametrize(("verb", "data", "key"), KEYS)
def test_the_key_is_the_owner_of_the_state_it_changes(verb: str, data: dict[str, Any], key: str) -> None:
    assert VERBS[verb].key(VERBS[verb].model.model_validate(data)) == key
