"""Family A, rows A1 to A3: the key, the JSON gate, /me."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

import pytest

from feedmill.testkit.people import Operator

pytestmark = pytest.mark.e2e

READS = ("/me", "/feed/my", "/feed/friends")
WRITES = ("/post", "/activity", "/follow", "/unfollow")
RFC_1123 = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")


def error(message: str) -> dict[str, object]:
    return {"error": True, "message": message}


@pytest.mark.parametrize("path", READS)
def test_a_read_without_a_key_is_told_so(operator: Operator, path: str) -> None:
    answer = operator.http.get(path)
    assert (answer.status_code, answer.json()) == (400, error("Key is missing"))


@pytest.mark.parametrize("path", WRITES)
def test_a_write_without_a_key_is_told_so(operator: Operator, path: str) -> None:
    answer = operator.http.post(path, json={})
    assert (answer.status_code, answer.json()) == (400, error("Key is missing"))


@pytest.mark.parametrize("key", ["", "no-such-key", "abc1234", "' OR 1=1 --"])
@pytest.mark.parametrize("path", READS)
def test_an_empty_or_unknown_key_does_not_read(operator: Operator, path: str, key: str) -> None:
    answer = operator.http.get(path, headers={"X-App-Key": key})
    assert (answer.status_code, answer.json()) == (401, error("Key is not valid"))


@pytest.mark.parametrize("key", ["", "no-such-key"])
@pytest.mark.parametrize("path", WRITES)
def test_an_empty_or_unknown_key_does_not_write(operator: Operator, path: str, key: str) -> None:
    answer = operator.http.post(path, json={}, headers={"X-App-Key": key})
    assert (answer.status_code, answer.json()) == (401, error("Key is not valid"))


def test_there_are_no_demo_users_where_nobody_asked_for_them(operator: Operator) -> None:
    for key in ("abc123", "abc124", "abc125"):
        assert operator.http.get("/me", headers={"X-App-Key": key}).status_code == 401


def test_a_bearer_token_is_a_key_too(operator: Operator) -> None:
    ivan = operator.person("ivan")
    answer = operator.http.get("/me", headers={"Authorization": f"Bearer {ivan.key}"})
    assert answer.json()["name"] == ivan.handle


@pytest.mark.parametrize("path", WRITES)
def test_the_key_is_checked_before_the_body(operator: Operator, path: str) -> None:
    answer = operator.http.post(path, content=b"{", headers={"Content-Type": "text/plain"})
    assert answer.json() == error("Key is missing")


@pytest.mark.parametrize("path", WRITES)
def test_what_is_not_sent_as_json_is_refused(operator: Operator, path: str) -> None:
    ivan = operator.person("ivan")
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
        headers = {"X-App-Key": ivan.key, "Content-Type": content_type}
        answer = operator.http.post(path, content=b'{"type": "post", "content": "x"}', headers=headers)
        assert (answer.status_code, answer.json()) == (400, error("Must be json request"))
    assert ivan.my_feed() == []


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("body", [b"", b"{", b"{'type': 'post'}", b'{"type": "post",}', b"\xff\xfe{}", b'{"a": NaN}'])
def test_what_is_no_json_is_refused(operator: Operator, path: str, body: bytes) -> None:
    ivan = operator.person("ivan")
    headers = {"X-App-Key": ivan.key, "Content-Type": "application/json"}
    answer = operator.http.post(path, content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (400, error("Bad Request"))


def test_a_charset_beside_the_content_type_is_fine(operator: Operator) -> None:
    ivan = operator.person("ivan")
    headers = {"X-App-Key": ivan.key, "Content-Type": "application/json; charset=utf-8"}
    answer = operator.http.post("/post", content='{"type": "post", "content": "ça va"}'.encode(), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("body", ["[]", '"post"', "17", "null", "true"])
def test_json_that_is_no_object_lacks_everything(operator: Operator, body: str) -> None:
    ivan = operator.person("ivan")
    headers = {"X-App-Key": ivan.key, "Content-Type": "application/json"}
    answer = operator.http.post("/post", content=body.encode(), headers=headers)
    assert (answer.status_code, answer.json()) == (400, error("Type is missing or not valid"))


def test_me_says_who_the_key_belongs_to(operator: Operator) -> None:
    ivan = operator.person("ivan")
    me = ivan.me()
    assert set(me) == {"id", "name", "auth_token", "follow_ids", "created_at", "updated_at"}
    assert (me["id"], me["name"], me["auth_token"], me["follow_ids"]) == (ivan.id, ivan.handle, ivan.key, [])


def test_the_times_in_me_are_rfc_1123(operator: Operator) -> None:
    me = operator.person("ivan").me()
    for field in ("created_at", "updated_at"):
        assert RFC_1123.fullmatch(me[field])
        assert parsedate_to_datetime(me[field]).tzinfo is not None


def test_me_lists_the_ids_of_those_followed(operator: Operator) -> None:
    ivan, nico, eric = operator.people("ivan", "nico", "eric")
    ivan.follows(nico)
    ivan.follows(eric)
    assert sorted(ivan.me()["follow_ids"]) == sorted([nico.id, eric.id])
    ivan.unfollows(nico)
    assert ivan.me()["follow_ids"] == [eric.id]
    assert nico.me()["follow_ids"] == []


def test_a_follow_does_not_move_updated_at(operator: Operator) -> None:
    ivan, nico = operator.people("ivan", "nico")
    before = ivan.me()["updated_at"], nico.me()["updated_at"]
    ivan.follows(nico)
    assert (ivan.me()["updated_at"], nico.me()["updated_at"]) == before
