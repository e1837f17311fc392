"""A user is erased through the one origin: what they said, who they were and their keys are gone, and stay so."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from feedmill.cli import api_keys
from feedmill.cli.migrate import clickhouse_client
from feedmill.testkit.people import Operator, Person, event
from feedmill.testkit.platform import Platform
from feedmill.testkit.sse import Listening
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.e2e

KEYS_END_S = 5.0
"""Everywhere, at the latest; with some room for a slow machine below."""


class Secrets:
    """What nobody may find afterwards."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex[:12]
        self.handle = f"gone-{self.mark}"
        self.name, self.college = f"Name{self.mark}", f"College{self.mark}"
        self.email = f"mail{self.mark}@example.org"
        self.text, self.tag, self.title = f"Text{self.mark}", f"tag{self.mark}", f"Title{self.mark}"

    @property
    def user(self) -> dict[str, str]:
        return {"handle": self.handle, "name": self.name, "email": self.email, "college": self.college}

    @property
    def all(self) -> tuple[str, ...]:
        return (self.name, self.college, self.email, self.text, self.tag, self.title)


def tables_of_postgres_that_say(dsn: str, words: tuple[str, ...]) -> list[str]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        found = []
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text ILIKE ANY(%s)", ([f"%{w}%" for w in words],))
            [[count]] = cursor.fetchall()
            found += [table] * bool(count)
        return found


def tables_of_clickhouse_that_say(url: str, words: tuple[str, ...], final: str) -> list[str]:
    with closing(clickhouse_client(url)) as client:
        kinds = "('ReplacingMergeTree', 'View')" if final else "('ReplacingMergeTree')"
        tables = client.query(
            f"SELECT name FROM system.tables WHERE database = currentDatabase() AND engine IN {kinds}"
            " AND NOT startsWith(name, '.')"
        ).result_rows
        said = ", ".join(f"'{word.lower()}'" for word in words)
        return [
            table
            for (table,) in tables
            if client.query(
                f"SELECT count() FROM `{table}` WHERE multiSearchAny(lower(toString(tuple(*))), [{said}]) {final}"
            ).result_rows[0][0]
        ]


def follow(who: Person, whom: int) -> dict[str, Any]:
    return event("follow", {"actor_id": who.id, "object": {"type": "user", "id": whom}})


def post(author: int, secrets: Secrets) -> dict[str, Any]:
    thing = {"type": "link", "content": f"{secrets.text} #{secrets.tag}", "title": secrets.title}
    return event("post", {"actor_id": author, "object": thing | {"url": f"https://x.org/{secrets.text}"}})


def test_who_is_erased_is_gone_from_everywhere_for_good(operator: Operator, platform: Platform) -> None:
    secrets, stores = Secrets(), platform.connections
    user_id = operator.request("POST", "/v1/users", json=secrets.user).json()["id"]
    key = api_keys.create_for_user(stores.postgres, secrets.handle).key
    gone = Person(user_id, secrets.handle, key, operator.http)
    friend = operator.person("friend")
    [_, posted] = operator.send(follow(friend, user_id), post(user_id, secrets))
    comment = {"actor_id": user_id, "object": {"type": "comment", "content": secrets.text}, "target": posted["object"]}
    operator.send(event("comment", comment), follow(gone, friend.id))
    assert [i["actor"]["name"] for i in friend.read(f"/v1/users/{friend.id}/feed")["items"][:2]] == [secrets.name] * 2
    assert {"object", "user_profile"} <= set(tables_of_postgres_that_say(stores.postgres, secrets.all))
    wait_until(
        lambda: (
            {"object_change", "user_change", "dim_user"}
            <= set(tables_of_clickhouse_that_say(stores.clickhouse, secrets.all, "SETTINGS final = 1"))
        ),
        "ClickHouse to say it too",
    )

    with (
        Listening(f"{platform.origin}/v1/users/{user_id}/feed/live", gone.key) as own,
        Listening(f"{platform.origin}/v1/users/{friend.id}/feed/live", friend.key) as friends,
    ):
        own.next("open")
        friends.next("open")
        answer = gone.http.delete(f"/v1/users/{user_id}", headers={"X-App-Key": gone.key})
        assert answer.status_code == 200, answer.text
        assert friends.next("removed").data == {"reason": "user-erased", "object": {"type": "user", "id": user_id}}
        wait_until(lambda: own.ended, "the stream of who is erased to end")
    at = {"Feedmill-Position": answer.headers["Feedmill-Position"]}

    again = operator.request("DELETE", f"/v1/users/{user_id}")
    assert (again.status_code, again.json()) == (200, answer.json())
    assert gone.post("/post", {"type": "post", "content": "still here"}).status_code == 401
    wait_until(lambda: gone.get("/me").status_code == 401, "api to end the key", within_s=2 * KEYS_END_S)

    _nobody_reads_of_them(operator, friend, user_id, posted["object"], at)
    _and_nothing_they_still_write_is_seen(operator, friend, user_id, secrets)
    _names_are_what_the_design_says(operator, secrets)
    assert tables_of_postgres_that_say(stores.postgres, secrets.all) == []
    _clickhouse_forgets(stores.clickhouse, secrets, "SETTINGS final = 1")
    _clickhouse_forgets(stores.clickhouse, secrets, "")  # also in rows that lie under others


def _clickhouse_forgets(url: str, secrets: Secrets, final: str) -> None:
    wait_until(
        lambda: not tables_of_clickhouse_that_say(url, secrets.all, final),
        f"nothing of them in ClickHouse ({final or 'raw'})",
        within_s=60,
    )


def _nobody_reads_of_them(
    operator: Operator, friend: Person, user_id: int, thing: dict[str, Any], at: dict[str, str]
) -> None:
    own = ("", "/activities", "/feed", "/notifications", "/feed/aggregated", "/feed?rank=hot")
    for path in (*(f"/v1/users/{user_id}{end}" for end in own), f"/v1/objects/{thing['type']}/{thing['id']}"):
        assert operator.request("GET", path, at).status_code == 404, path
    feed = operator.request("GET", f"/v1/users/{friend.id}/feed", at).json()
    assert feed["items"] == []
    profile = operator.request("GET", f"/v1/users/{friend.id}", at).json()
    assert (profile["counters"]["followers"], profile["counters"]["following"]) == (0, 0)
    notices = operator.request("GET", f"/v1/users/{friend.id}/notifications", at).json()
    assert notices["items"] == []


def _and_nothing_they_still_write_is_seen(operator: Operator, friend: Person, user_id: int, secrets: Secrets) -> None:
    """Other keys may write in their name, as old clients do: taken, blank, unseen."""
    operator.send(post(user_id, secrets), follow(friend, user_id))
    assert friend.read(f"/v1/users/{friend.id}/feed")["items"] == []
    unknown = friend.post("/follow", {"follow": secrets.handle})
    assert (unknown.status_code, unknown.json()["message"]) == (400, "User not found")


def _names_are_what_the_design_says(operator: Operator, secrets: Secrets) -> None:
    taken = operator.request("POST", "/v1/users", json={"handle": secrets.handle.upper(), "name": "x"})
    assert (taken.status_code, taken.json()["errors"][0]["field"]) == (409, "handle")
    free = operator.request("POST", "/v1/users", json={"handle": f"new-{secrets.mark}", "name": "x", "email": "-"})
    assert free.status_code == 422
    again = {"handle": f"new-{secrets.mark}", "name": "x", "email": secrets.email}
    created = operator.request("POST", "/v1/users", json=again)
    assert created.status_code == 201, "the e-mail is free again"
    assert operator.request("DELETE", f"/v1/users/{created.json()['id']}").status_code == 200


def test_a_sign_up_sent_again_after_the_erasure_brings_nobody_back(operator: Operator) -> None:
    secrets = Secrets()
    headers = {"Idempotency-Key": secrets.mark}
    user_id = operator.request("POST", "/v1/users", headers, json=secrets.user).json()["id"]
    assert operator.request("DELETE", f"/v1/users/{user_id}").status_code == 200
    again = operator.request("POST", "/v1/users", headers, json=secrets.user)
    assert again.status_code == 409
    assert not any(word in json.dumps(again.json()) for word in secrets.all)
