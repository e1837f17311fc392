"""The enricher's own metrics, in the one table of all."""

from __future__ import annotations

from typing import Final

from feedmill.runtime.metrics import counter, gauge

ARTICLES_READ: Final = counter("feedmill_articles_read_total", "Articles searched for entities, by saga.", "saga")
ARTICLES_SET_ASIDE: Final = counter(
    "feedmill_articles_set_aside_total", "Articles without a text to search: kept in a table of their own.", "reason"
)
ENTITY_NAMES: Final = gauge("feedmill_entity_names", "Names on the entity list in use.")
FILES_NOT_TAKEN: Final = counter(
    "feedmill_files_not_taken_total", "Changed files that could not be used; what was read before stays.", "file"
)
