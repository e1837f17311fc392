"""Every topic, declared once: created by `feedmill topics`, rendered for Kubernetes from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

RAW_MAX_BYTES: Final = 512 * 1024
"""Over the door's 256 KiB an event: what is accepted always fits."""
ENRICHED_MAX_BYTES: Final = 1024 * 1024
DEAD_LETTER_MAX_BYTES: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Topic:
    """`retention_ms` -1: kept for ever. Every topic uses LogAppendTime and cleanup.policy=delete."""

    name: str
    partitions: int
    max_message_bytes: int
    retention_ms: int = -1


ACTIVITY_PUBLISHED: Final = Topic("activity.published.v1", 6, RAW_MAX_BYTES)
USER_INTERACTION: Final = Topic("user-interaction", 6, RAW_MAX_BYTES)
CONTENT_META: Final = Topic("content-meta", 6, RAW_MAX_BYTES)
ARTICLE_PUBLISHED: Final = Topic("analytics.article.e", 1, RAW_MAX_BYTES)
RAW: Final = (ACTIVITY_PUBLISHED, USER_INTERACTION, CONTENT_META, ARTICLE_PUBLISHED)

ACTIVITY_ENRICHED: Final = Topic("activity.enriched.v1", 6, ENRICHED_MAX_BYTES)
READING_ENRICHED: Final = Topic("reading.enriched.v1", 6, ENRICHED_MAX_BYTES)
CONTENT_ENRICHED: Final = Topic("content.enriched.v1", 6, ENRICHED_MAX_BYTES)
ARTICLE_ENRICHED: Final = Topic("article.enriched.v1", 1, ENRICHED_MAX_BYTES)
ENRICHED: Final = (ACTIVITY_ENRICHED, READING_ENRICHED, CONTENT_ENRICHED, ARTICLE_ENRICHED)

ENRICHED_OF: Final[Mapping[str, Topic]] = {raw.name: enriched for raw, enriched in zip(RAW, ENRICHED, strict=True)}
"""Raw topic's name -> its enriched topic, of as many partitions."""
RAW_OF: Final[Mapping[str, Topic]] = {enriched.name: raw for raw, enriched in zip(RAW, ENRICHED, strict=True)}
"""Enriched topic's name -> the raw topic it is made of."""


def dead_letters_of(name: str) -> Topic:
    """The dead-letter topic of a raw or enriched topic."""
    return Topic(f"{name}.dlq", 1, DEAD_LETTER_MAX_BYTES)


DEAD_LETTERS: Final = tuple(dead_letters_of(topic.name) for topic in (*RAW, *ENRICHED))
ALL: Final = (*RAW, *ENRICHED, *DEAD_LETTERS)
