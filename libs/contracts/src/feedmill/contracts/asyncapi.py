"""The AsyncAPI 3 document: which messages each topic carries, their keys, headers and who sends and reads them."""

from typing import Any, Final

from feedmill.contracts import headers, topics
from feedmill.contracts.schemas import ENRICHED_MODELS
from feedmill.contracts.topics import Topic
from feedmill.contracts.verbs import VERBS

_TEXT: Final = {"type": "string"}
_DECIMAL: Final = {"type": "string", "pattern": "^-?[0-9]+$"}
_ENVELOPE: Final = {
    headers.CE_SPECVERSION: {"type": "string", "const": "1.0"},
    headers.CE_ID: _TEXT,
    headers.CE_SOURCE: _TEXT,
    headers.CE_TYPE: _TEXT,
    headers.CE_TIME: {"type": "string", "format": "date-time"},
    headers.EVENT_ID: {"type": "string", "format": "uuid"},
    headers.TRACEPARENT: _TEXT,
}
_PLACE: Final = {headers.SOURCE_OFFSET: _DECIMAL, headers.SOURCE_FROM: _DECIMAL}
_ORIGIN: Final = {
    headers.DLQ_REASON: _TEXT,
    headers.DLQ_TOPIC: _TEXT,
    headers.DLQ_PARTITION: _DECIMAL,
    headers.DLQ_OFFSET: _DECIMAL,
}
_SERVICES: Final = {
    "ingest": ("send", topics.RAW),
    "enricher-reads": ("receive", topics.RAW),
    "enricher-writes": ("send", topics.ENRICHED),
    "feed-writer": ("receive", topics.ENRICHED),
}


def document() -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Feedmill's log",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in Kafka's binary mode: the envelope in headers, the value is JSON data.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_slug(topic.name): _channel(topic) for topic in topics.ALL},
        "operations": _operations(),
        "components": {"messages": _messages()},
    }


def _slug(name: str) -> str:
    return name.replace(".", "-")


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "messages": {
            _slug(name): {"$ref": f"#/components/messages/{_slug(name)}"} for name in _messages_of(topic.name)
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "retention.ms": topic.retention_ms,
                    "max.message.bytes": topic.max_message_bytes,
                },
            }
        },
    }


def _messages_of(topic: str) -> list[str]:
    if topic.endswith(".dlq"):
        return ["dead-letter"]
    if topic in ENRICHED_MODELS:
        return [topic, "marker"]
    return [verb.type for verb in VERBS.values() if verb.topic.name == topic]


def _operations() -> dict[str, Any]:
    return {
        f"{service}-{_slug(topic.name)}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{_slug(topic.name)}"},
        }
        for service, (action, used) in _SERVICES.items()
        for topic in used
    }


def _messages() -> dict[str, Any]:
    raw = {verb.type: _message(verb.type, _ENVELOPE, _summary(verb.model.__doc__)) for verb in VERBS.values()}
    enriched_headers = {**_ENVELOPE, **_PLACE, headers.ACCEPTED_AT: _DECIMAL, headers.ORIGIN_OFFSET: _DECIMAL}
    canonical = {
        name: _message(name, enriched_headers, _summary(model.__doc__)) for name, model in ENRICHED_MODELS.items()
    }
    marker = {
        "name": "marker",
        "summary": "Null value: moves positions on over records that were dropped or dead-lettered.",
        "headers": {"type": "object", "properties": {headers.MARKER: {"const": "1"}, **_PLACE}},
        "payload": {"type": "null"},
    }
    dead_letter = {
        "name": "dead-letter",
        "summary": "The original key, value and headers of a record that can never succeed, and why.",
        "headers": {"type": "object", "required": list(_ORIGIN), "properties": _ORIGIN},
        "payload": {},
    }
    named = {_slug(name): message for name, message in {**raw, **canonical}.items()}
    return {**named, "marker": marker, "dead-letter": dead_letter}


def _message(name: str, header_schemas: dict[str, Any], summary: str) -> dict[str, Any]:
    return {
        "name": name,
        "summary": summary,
        "headers": {"type": "object", "properties": header_schemas},
        "payload": {"$ref": f"./schemas/{name}.json"},
        "bindings": {"kafka": {"key": {"type": "string"}}},
    }


def _summary(docstring: str | None) -> str:
    return " ".join((docstring or "").split())
