"""Every route of the document times everybody who may call: a route without its row here fails."""

import uuid
from datetime import datetime

import pytest

from feedmill.testkit.reader import Reader
from feedmill.testkit.state import BEGIN, Seed

pytestmark = pytest.mark.integration

ROLES = ("owner", "stranger", "feeds:read", "events:write", "admin", "revoked", "unknown", "nobody")
ANY_KEY = (200, 200, 200, 200, 200, 401, 401, 401)
A_USERS_OWN = (200, 200, 401, 401, 401, 401, 401, 400)
FACTS = (403, 403, 403, 403, 200, 401, 401, 401)
QUERIES = dict.fromkeys(("/user_content", "/user_content/"), "?user_id=1&query_date=2026-11-21")
ANALYTICS = (
    *("sagas/{saga_id}/entities", "links", "tags", "trends", "active-users"),
    *("retention", "funnel", "categories", "growth"),
)
MATRIX = {
    "/v1/users/{user_id}": ANY_KEY,
    "/v1/users/{user_id}/activities": ANY_KEY,
    "/v1/users/{user_id}/feed": (200, 403, 200, 403, 200, 401, 401, 401),
    "/v1/users/{user_id}/feed/why": (200, 403, 200, 403, 200, 401, 401, 401),
    "/v1/users/{user_id}/feed/aggregated": (200, 403, 200, 403, 200, 401, 401, 401),
    "/v1/users/{user_id}/feed/live": (400, 403, 400, 403, 400, 401, 401, 401),
    "/v1/users/{user_id}/notifications": (200, 403, 200, 403, 200, 401, 401, 401),
    "/v1/objects/{type}/{id}": ANY_KEY,
    "/v1/tags/{tag}/feed": ANY_KEY,
    "/v1/events/{event_id}": ANY_KEY,
    "/user_content": FACTS,
    "/user_content/": FACTS,
    "/v1/users/{user_id}/interests": FACTS,
    **{f"/v1/analytics/{name}": FACTS for name in ANALYTICS},
    "/analytics": FACTS,
    "/analytics/{name}": (200,) * 8,
    "/me": A_USERS_OWN,
    "/feed/my": A_USERS_OWN,
    "/feed/friends": A_USERS_OWN,
    "/predict": ANY_KEY,
    "/v1/classify": ANY_KEY,
}
"""path -> the status each role gets, about user 1."""
BODIES = {"/predict": {"text": "Frodo"}, "/v1/classify": {"text": "Frodo"}}
"""What is asked by POST, with what."""


@pytest.fixture
def roles(seed: Seed) -> Seed:
    seed.user("ivan", key="owner")
    seed.user("nico", key="stranger")
    seed.post(1, "ivan's first", at=BEGIN)
    for scope in ("feeds:read", "events:write", "admin"):
        seed.key(scope, owner=f"service:{scope}", scopes=[scope])
    seed.key("revoked", owner="user:ivan", user_id=1)
    seed.execute("UPDATE api_key SET revoked_at = now() WHERE key_hash = sha256('revoked')")
    return seed


def at(path: str) -> str:
    """The path with somebody, something and some event in it."""
    if path.endswith("/live"):  # whoever may is told that the id is none: the stream itself would not end
        path += "?after=nonsense"
    if path.endswith("/why"):
        path += f"?activity={uuid.uuid4()}"
    filled = path.replace("{user_id}", "1").replace("{event_id}", str(uuid.uuid4()))
    return filled.replace("{type}/{id}", "post/1").replace("{tag}", "fun").replace(
        "analytics/{name}", "analytics/page.css"
    ) + QUERIES.get(path, "")


def test_every_route_has_a_row_and_every_role_gets_what_it_may(roles: Seed, reader: Reader) -> None:
    paths = reader.get("/openapi.json", key=None).json()["paths"]
    assert set(paths) == set(MATRIX)
    for path, expected in MATRIX.items():
        url = at(path)
        got = tuple(_asked(reader, url, role) for role in ROLES)
        assert got == expected, path


def _asked(reader: Reader, url: str, role: str) -> int:
    headers = {} if role == "nobody" else {"X-App-Key": role}
    body = BODIES.get(url)
    return reader.client.request("POST" if body else "GET", url, json=body, headers=headers).status_code


READS_NOTHING = ("/predict", "/v1/classify", "/analytics", "/analytics/{name}", "/v1/users/{user_id}/feed/live")
"""Texts are judged by themselves, pages are files, and a stream says it in its events."""


@pytest.mark.parametrize("path", [path for path in MATRIX if path not in READS_NOTHING])
def test_every_read_says_through_when_it_is_complete_and_heeds_a_position(
    roles: Seed, reader: Reader, path: str
) -> None:
    key = "owner" if MATRIX[path][0] == 200 else "admin"
    answer = reader.get(at(path), key=key)
    assert answer.status_code == 200
    assert datetime.fromisoformat(answer.headers["feedmill-complete-through"]).tzinfo is not None
    assert reader.get(at(path), key=key, Feedmill_Position="nonsense").status_code == 400


def test_own_pages_show_nobody_elses(roles: Seed, reader: Reader) -> None:
    roles.post(1, "ivan's")
    assert [i["actor_name"] for i in reader.get("/feed/my", key="owner").json()["my_feed"]] == ["ivan", "ivan"]
    assert reader.get("/feed/my", key="stranger").json()["my_feed"] == []
    assert reader.get("/me", key="stranger").json()["name"] == "nico"


def test_no_key_is_in_any_answer_but_mes(roles: Seed, reader: Reader) -> None:
    for path in MATRIX:
        url = at(path)
        for key in ("owner", "unknown"):
            answer = reader.get(url, key=f"{key}")
            if path != "/me":
                assert f'"{key}"' not in answer.text
