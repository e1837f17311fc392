"""JSON Schemas of everything that travels, out of the pydantic models."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from feedmill.contracts import enriched, topics
from feedmill.contracts.verbs import VERBS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ENRICHED_MODELS: Final[Mapping[str, type[BaseModel]]] = {
    topics.ACTIVITY_ENRICHED.name: enriched.EnrichedActivityModel,
    topics.READING_ENRICHED.name: enriched.EnrichedReadingModel,
    topics.CONTENT_ENRICHED.name: enriched.EnrichedContentModel,
    topics.ARTICLE_ENRICHED.name: enriched.EnrichedArticleModel,
}


def schema_of(name: str, model: type[BaseModel]) -> dict[str, Any]:
    return {"$schema": DIALECT, "$id": f"urn:feedmill:{name}", **model.model_json_schema()}


def all_schemas() -> dict[str, dict[str, Any]]:
    """Name (`feedmill.like.v1`, `activity.enriched.v1`) -> schema of the record's value."""
    models = {verb.type: verb.model for verb in VERBS.values()} | dict(ENRICHED_MODELS)
    return {name: schema_of(name, model) for name, model in sorted(models.items())}
