"""The pydantic models are the source; their msgspec twins must take, refuse and write the same."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from feedmill.contracts import enriched
from feedmill.contracts.verbs import EDGE_VERBS, VERBS

Pair = tuple[type[BaseModel], type[msgspec.Struct]]

WIRE: dict[str, Pair] = {verb.name: (verb.model, verb.struct) for verb in VERBS.values()}
EDGE: dict[str, Pair] = {
    verb.name: (verb.edge_model, verb.edge_struct) for verb in EDGE_VERBS if verb.edge_model and verb.edge_struct
}

IDS = st.one_of(st.integers(1, 5), st.sampled_from([0, -1, 2**53 - 1, 2**53, 2**70, 1.0, True, "1", None]))
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    st.sampled_from(["", "x" * 256, "x" * 257, "é" * 1024, "x" * 1025, "x" * 65_536, "é" * 32_769, "\n"]),
)
TYPES = st.sampled_from(["post", "photo", "link", "article", "comment", "user", "space", "banana", "", "x" * 33, 7])
TIMES = st.one_of(
    TEXT, st.sampled_from(["2026-11-21T10:00:00Z", "2026-11-21", "9999-12-31T23:59:59-23:59", "2026-11-21T10:00:00"])
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), IDS, st.floats(allow_nan=False, allow_infinity=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)
URLS = st.one_of(TEXT, st.sampled_from(["https://feedmill.example/a?b=c", "http://x", "ftp://x", "https://a b"]), JSON)
BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "actor_id": IDS,
    "id": st.one_of(IDS, TEXT),
    "space_id": IDS,
    "type": TYPES,
    "content": JSON,
    "url": URLS,
    "image_url": URLS,
    "since": st.one_of(TIMES, st.none()),
    "read_through": TIMES,
    "updated_at": TIMES,
    "backfill": st.one_of(st.sampled_from(["all", "none", "some"]), IDS),
    "user_id": st.one_of(IDS, TEXT),
    "content_id": st.one_of(IDS, TEXT),
    "read_percent": st.one_of(st.floats(-1, 101), st.integers(-1, 101), TEXT),
    "time": IDS,
    "readers": IDS,
    "uuid": st.one_of(TEXT, st.uuids().map(str)),
}

GOOD: dict[str, st.SearchStrategy[Any]] = {
    "since": st.sampled_from(["2026-11-21T10:00:00Z", None]),
    "read_through": st.just("2026-11-21T10:00:00+01:00"),
    "updated_at": st.just("2026-11-21"),
    "backfill": st.sampled_from(["all", "none", 3]),
    "user_id": st.sampled_from(["u1", 7]),
    "content_id": st.sampled_from(["c1", 7]),
    "read_percent": st.sampled_from([0, 91.5, 100]),
    "uuid": st.uuids().map(str),
    "url": st.just("https://feedmill.example/a?b=c"),
    "text": st.just("x"),
    "type": st.just("post"),
    **{name: st.integers(1, 5) for name in ("actor_id", "id", "space_id", "time", "readers")},
}


def _good(name: str, annotation: Any) -> st.SearchStrategy[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _good_documents(annotation)
    if name == "type" and hasattr(annotation, "__args__"):
        return st.sampled_from(annotation.__args__)
    if name == "id" and annotation is str:
        return st.just("000001")
    return GOOD.get(name, st.sampled_from(["x", "Müller"]))


def _good_documents(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: (_good(name, field.annotation), field.is_required()) for name, field in model.model_fields.items()}
    required = {name: strategy for name, (strategy, is_required) in fields.items() if is_required}
    optional = {name: strategy for name, (strategy, is_required) in fields.items() if not is_required}
    return st.fixed_dictionaries(required, optional=optional)


@st.composite
def _documents(draw: st.DrawFn, model: type[BaseModel]) -> dict[str, Any]:
    """A document that is right, or right but for one or two places: another value, a field missing or too many."""
    document = draw(_good_documents(model))
    for _ in range(draw(st.sampled_from([0, 1, 1, 2]))):
        place = document
        inner = [value for value in place.values() if isinstance(value, dict)]
        if draw(st.booleans()) and inner:
            place = draw(st.sampled_from(inner))
        match draw(st.sampled_from(["odd", "odd", "odd", "missing", "surplus"])):
            case "surplus":
                place["surplus"] = draw(JSON)
            case "missing" if place:
                del place[draw(st.sampled_from(sorted(place)))]
            case "odd" if place:
                name = draw(st.sampled_from(sorted(place)))
                place[name] = draw(BY_NAME.get(name, TEXT))
    return document


def _by_pydantic(model: type[BaseModel], raw: bytes, *, exclude_defaults: bool) -> object:
    try:
        return json.loads(model.model_validate_json(raw).model_dump_json(exclude_defaults=exclude_defaults))
    except ValidationError:
        return "refused"


def _by_msgspec(struct: type[msgspec.Struct], raw: bytes) -> object:
    try:
        return json.loads(msgspec.json.encode(msgspec.json.Decoder(struct).decode(raw)))
    except msgspec.DecodeError:
        return "refused"


def _without_nulls(value: object) -> object:
    """A twin may leave out what is null: no reader tells the two apart."""
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _assert_equal(pair: Pair, document: dict[str, Any], *, exclude_defaults: bool = False) -> None:
    raw = json.dumps(document).encode()
    model, struct = pair
    assert _without_nulls(_by_msgspec(struct, raw)) == _without_nulls(
        _by_pydantic(model, raw, exclude_defaults=exclude_defaults)
    )


@pytest.mark.parametrize("verb", sorted(WIRE))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_on_the_wire_both_take_refuse_and_write_the_same(verb: str, data: st.DataObject) -> None:
    _assert_equal(WIRE[verb], data.draw(_documents(WIRE[verb][0])))


@pytest.mark.parametrize("verb", sorted(EDGE))
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_at_the_edge_both_take_refuse_and_write_the_same(verb: str, data: st.DataObject) -> None:
    _assert_equal(EDGE[verb], data.draw(_documents(EDGE[verb][0])), exclude_defaults=True)


ENRICHED: dict[str, Pair] = {
    "activity": (enriched.EnrichedActivityModel, enriched.EnrichedActivity),
    "reading": (enriched.EnrichedReadingModel, enriched.EnrichedReading),
    "content": (enriched.EnrichedContentModel, enriched.EnrichedContent),
    "article": (enriched.EnrichedArticleModel, enriched.EnrichedArticle),
}


@pytest.mark.parametrize("name", sorted(ENRICHED))
def test_enriched_twins_name_the_same_fields(name: str) -> None:
    model, struct = ENRICHED[name]
    assert list(model.model_fields) == list(struct.__struct_fields__)


@settings(deadline=None)
@given(content=JSON, tags=st.lists(TEXT, max_size=3), since=st.sampled_from([None, "2026-11-21T10:00:00.000000Z"]))
def test_what_the_enriched_struct_writes_the_model_reads_back(content: Any, tags: list[str], since: str | None) -> None:
    record = enriched.EnrichedActivity(
        verb="post",
        actor_id=1,
        occurred_at="2026-11-21T10:00:00.123456Z",
        object=enriched.EnrichedObject(type="post", id=2, content=content, tags=tags),
        since=since,
        user=enriched.EnrichedUser(id=1, handle="ivan"),
    )
    raw = msgspec.json.encode(record)
    model = enriched.EnrichedActivityModel.model_validate_json(raw)
    assert msgspec.json.decode(model.model_dump_json(), type=enriched.EnrichedActivity) == record
