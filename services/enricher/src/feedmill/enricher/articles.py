"""An article -> what its text says: how often it names which entity, and its saga. List and model are files that may
change while this runs; an enriched article names the versions it was read with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from feedmill.contracts.enriched import EnrichedArticle, EnrichedEntity
from feedmill.enricher import metrics
from feedmill.sagas import entities, model
from feedmill.sagas.finder import Finder, TooManyEntities
from feedmill.sagas.model import Model
from feedmill.sagas.watched import Watched
from feedmill.sagas.words import why_no_text

log = logging.getLogger("feedmill.enricher.articles")

TOO_MANY: Final = "too_many_entities"
PROBABILITY_DIGITS: Final = 6

ReadArticle = Callable[[Any], EnrichedArticle]
"""`structs.Article` -> the enriched one."""


def read_article(data: Any, finder: Finder, classifier: Model) -> EnrichedArticle:
    """Pure. What holds no text is set aside with the reason, its readers kept."""
    bare = (str(data.id), data.time, data.readers, data.text)
    reason = why_no_text(data.text)
    if reason is not None:
        return EnrichedArticle(*bare, set_aside=reason)
    try:
        found = finder.find(data.text)
    except TooManyEntities:
        return EnrichedArticle(*bare, entity_list=finder.version, set_aside=TOO_MANY)
    verdict = classifier.classify(data.text)
    return EnrichedArticle(
        *bare,
        saga=verdict.saga,
        probability=round(verdict.probabilities[verdict.label], PROBABILITY_DIGITS),
        model=classifier.version,
        entities=[EnrichedEntity(one.entity.id, one.entity.name, one.count) for one in found],
        entity_list=finder.version,
    )


class Articles:
    """`read_article` with the list and the model of now. A file that became bad is told and passed over."""

    def __init__(self, entities_path: Path, model_path: Path) -> None:
        """Raises OSError, BadEntities, BadModel: without either nothing can be read."""
        self._finder: Watched[Finder] = Watched(
            entities_path,
            lambda path: Finder(entities.load(path)),
            on_change=lambda finder: metrics.ENTITY_NAMES.at().set(finder.size),
            on_bad=lambda error: _told(entities_path, error),
        )
        self._model: Watched[Model] = Watched(model_path, model.load, on_bad=lambda error: _told(model_path, error))

    def __call__(self, data: Any) -> EnrichedArticle:
        article = read_article(data, self._finder.current, self._model.current)
        if article.set_aside is None:
            metrics.ARTICLES_READ.at(article.saga or model.UNKNOWN).inc()
        else:
            metrics.ARTICLES_SET_ASIDE.at(article.set_aside).inc()
        return article


def _told(path: Path, error: Exception) -> None:
    metrics.FILES_NOT_TAKEN.at(path.name).inc()
    log.error("%s cannot be used, what was read before stays: %s", path.name, error)
