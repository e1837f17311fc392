"""Enriched topic -> what its records are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from feedmill.contracts import topics
from feedmill.feed_writer.clickhouse.activities import ACTIVITIES
from feedmill.feed_writer.clickhouse.articles import ARTICLES
from feedmill.feed_writer.clickhouse.contents import CONTENTS
from feedmill.feed_writer.clickhouse.kind import Kind
from feedmill.feed_writer.clickhouse.readings import READINGS

KINDS: Final[Mapping[str, Kind[Any]]] = {
    topics.ACTIVITY_ENRICHED.name: ACTIVITIES,
    topics.READING_ENRICHED.name: READINGS,
    topics.CONTENT_ENRICHED.name: CONTENTS,
    topics.ARTICLE_ENRICHED.name: ARTICLES,
}
