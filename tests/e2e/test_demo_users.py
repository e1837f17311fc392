"""A platform with the demo users, beside another one: row A1's start, ids from 1, and the demo's own session."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from feedmill.cli.demo_session import KEYS, TIMEOUT_S, Session
from feedmill.cli.local import prove
from feedmill.testkit.people import Operator
from feedmill.testkit.platform import Platform

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def demo_platform() -> Iterator[Platform]:
    with Platform() as running:
        operator = Operator(running)
        prove.demo_users(prove.Door(running.origin, operator.key), running.connections.postgres)
        operator.close()
        yield running


@pytest.fixture(scope="module")
def client(demo_platform: Platform) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=demo_platform.origin, timeout=TIMEOUT_S) as made:
        yield made


def me(client: httpx2.Client, name: str) -> httpx2.Response:
    return client.get("/me", headers={"X-App-Key": KEYS[name]})


def test_ivan_nico_and_eric_start_as_they_did_in_the_old_system(client: httpx2.Client) -> None:
    for number, name in enumerate(("ivan", "nico", "eric"), start=1):
        said = me(client, name).json()
        assert (said["id"], said["name"], said["auth_token"], said["follow_ids"]) == (number, name, KEYS[name], [])


def test_the_first_post_and_the_first_photo_are_both_number_one(client: httpx2.Client) -> None:
    for kind in ("post", "photo"):
        body = {"type": kind, "content": "the first"}
        said = client.post("/post", json=body, headers={"X-App-Key": KEYS["ivan"]}).json()
        assert said == {"type": kind, "object_id": 1, "message": "Activity recorded"}


def test_asking_for_the_demo_users_again_changes_nothing(demo_platform: Platform, client: httpx2.Client) -> None:
    before = [me(client, name).json() for name in KEYS]
    operator = Operator(demo_platform)
    prove.demo_users(prove.Door(demo_platform.origin, operator.key), demo_platform.connections.postgres)
    operator.close()
    assert [me(client, name).json() for name in KEYS] == before


def test_the_demos_session_answers_as_promised_each_time_it_is_had(client: httpx2.Client) -> None:
    first, again = list(Session(client).tell()), list(Session(client).tell())
    assert [told.status for told in first] == [told.status for told in again]
    paths = {told.call.path for told in first}
    assert paths == {"/me", "/post", "/activity", "/follow", "/unfollow", "/feed/my", "/feed/friends"}


def test_two_platforms_side_by_side_know_nothing_of_each_other(client: httpx2.Client, operator: Operator) -> None:
    assert me(client, "ivan").status_code == 200
    assert operator.http.get("/me", headers={"X-App-Key": KEYS["ivan"]}).status_code == 401
    stranger = operator.person("stranger")
    assert client.get("/me", headers={"X-App-Key": stranger.key}).status_code == 401
