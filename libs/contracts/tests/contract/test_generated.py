"""What is generated is checked in, is valid, and stays readable by what was released."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from jsonschema import Draft202012Validator

from feedmill.contracts import compat, generate, headers
from feedmill.contracts.schemas import all_schemas
from feedmill.contracts.topics import ALL

MEMBER = Path(__file__).parents[2]
SCHEMAS = all_schemas()
LIKE = SCHEMAS["feedmill.like.v1"]


def test_the_files_are_what_the_models_say() -> None:
    assert generate.main(["--check"]) == 0


def test_a_stale_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = {path: f"{text} " for path, text in generate.wanted().items()}
    assert "asyncapi.yaml" in generate.stale(wanted)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = yaml.safe_load((MEMBER / "asyncapi.yaml").read_text())
    assert document["asyncapi"] == "3.0.0"
    assert {channel["address"] for channel in document["channels"].values()} == {topic.name for topic in ALL}

    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [ref for inner in value.values() for ref in references(inner)]
        return [ref for inner in value for ref in references(inner)] if isinstance(value, list) else []

    for reference in references(document):
        if reference.startswith("./"):
            assert (MEMBER / reference).exists(), reference
            continue
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_the_models_may_take_the_place_of_the_released_ones() -> None:
    assert compat.main([]) == 0


def changed(change: Callable[[dict[str, Any]], object]) -> list[str]:
    new = copy.deepcopy(LIKE)
    change(new)
    return list(compat.breaks({"like": LIKE}, {"like": new}))


def test_what_every_reader_can_take_passes() -> None:
    assert changed(lambda schema: schema["properties"].update(mood={"type": "string"})) == []
    assert changed(lambda schema: schema.update(description="other words", title="Other")) == []
    assert list(compat.breaks({}, {"like": LIKE})) == []


BREAKS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a new required field": (
        lambda s: (s["properties"].update(mood={"type": "string"}), s["required"].append("mood")),
        "old records lack it",
    ),
    "a field no longer required": (lambda s: s["required"].remove("actor_id"), "old readers would miss it"),
    "a field gone": (lambda s: s["properties"].pop("actor_id"), "is gone"),
    "another type": (lambda s: s["properties"]["actor_id"].update(type="string"), "type differs"),
    "a lower maximum": (lambda s: s["properties"]["actor_id"].update(maximum=9), "old records would be refused"),
    "a higher maximum": (lambda s: s["properties"]["actor_id"].update(maximum=2**60), "old readers would refuse"),
    "no maximum": (lambda s: s["properties"]["actor_id"].pop("maximum"), "old readers would refuse"),
    "a lower minimum": (lambda s: s["properties"]["actor_id"].update(minimum=0), "old readers would refuse"),
    "a higher minimum": (lambda s: s["properties"]["actor_id"].update(minimum=9), "old records would be refused"),
    "an enum": (lambda s: s["properties"]["actor_id"].update(enum=[1]), "is a new value"),
    "a change in what is referred to": (
        lambda s: s["$defs"]["ObjectRef"]["properties"]["id"].update(type="string"), "/object/id: type differs",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_what_old_readers_or_old_records_cannot_take_is_refused(name: str) -> None:
    change, words = BREAKS[name]
    found = changed(change)
    assert found
    assert any(words in line for line in found), found


def test_a_schema_gone_and_an_enums_values_are_noticed() -> None:
    assert "is gone" in next(iter(compat.breaks({"like": LIKE}, {})))
    old: dict[str, Any] = {"enum": ["a", "b"]}
    new: dict[str, Any] = {"enum": ["b", "c"]}
    assert len(list(compat.breaks({"x": old}, {"x": new}))) == 2
    text, null = {"type": "string"}, {"type": "null"}
    assert list(compat.breaks({"x": {"anyOf": [text, null]}}, {"x": {"anyOf": [text]}}))
    assert list(compat.breaks({"x": {"items": null}}, {"x": {"items": text}}))


def test_the_cloudevents_sdk_reads_our_headers() -> None:
    sent = {
        headers.CE_SPECVERSION: b"1.0",
        headers.CE_ID: b"a1",
        headers.CE_SOURCE: b"my-app",
        headers.CE_TYPE: b"feedmill.like.v1",
        headers.CE_TIME: b"2026-11-21T10:00:00Z",
    }
    value = json.dumps({"actor_id": 1, "object": {"type": "photo", "id": 21}}).encode()
    event = read_by_the_sdk(sent, value)
    assert (event.get_id(), event.get_source(), event.get_type()) == ("a1", "my-app", "feedmill.like.v1")
    assert event.get_time().isoformat() == "2026-11-21T10:00:00+00:00"


def read_by_the_sdk(sent: dict[str, bytes], value: bytes) -> Any:
    return from_binary_event(KafkaMessage(headers=sent, key=b"1", value=value))
