"""Keys: known by their hash, dead soon after revoking, kept while Postgres is away."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from feedmill.runtime import auth
from feedmill.runtime.auth import KeyMissing, KeyNotValid, KeyRing, Principal, key_in
from feedmill.runtime.health import Health
from feedmill.runtime.postgres import Postgres, StoreAway
from feedmill.runtime.settings import PostgresSettings
from feedmill.testkit.state import Seed

pytestmark = pytest.mark.integration


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def run(state: str, test: Callable[[KeyRing, Clock, Postgres], Coroutine[Any, Any, None]]) -> None:
    async def opened() -> None:
        given = PostgresSettings(dsn=SecretStr(state), pool_size=1)
        async with Postgres(given, Health("api"), application="test") as postgres:
            clock = Clock()
            await test(KeyRing(postgres, clock_s=clock), clock, postgres)

    asyncio.run(opened())


async def away(postgres: Postgres) -> None:
    """As if Postgres could not be reached: the pool is gone, and nothing brings it back."""
    await postgres.__aexit__(None, None, None)
    postgres._live = None


def test_a_key_is_found_by_either_header_and_echoed_as_sent(state: str) -> None:
    with Seed(state) as seed:
        seed.user("ivan", key="abc123", scopes=["feeds:read"])

    async def test(keys: KeyRing, _: Clock, __: Postgres) -> None:
        expected = Principal("user:ivan", 1, frozenset({"feeds:read"}), "abc123")
        sent: list[Mapping[str, str]] = [{"x-app-key": "abc123"}, {"authorization": "bearer abc123"}]
        for headers in sent:
            principal = await keys.authenticate(headers)
            assert principal == expected
            assert principal.key_echo == "abc123"
            assert "abc123" not in repr(principal)

    run(state, test)


def test_a_missing_empty_or_unknown_key(state: str) -> None:
    async def test(keys: KeyRing, _: Clock, __: Postgres) -> None:
        with pytest.raises(KeyMissing):
            await keys.authenticate({})
        bad = ({"x-app-key": ""}, {"x-app-key": "nobody"}, {"authorization": "Basic abc"}, {"authorization": "Bearer "})
        for headers in bad:
            with pytest.raises(KeyNotValid):
                await keys.authenticate(headers)

    run(state, test)


def test_a_revoked_key_is_dead_within_five_seconds(state: str) -> None:
    with Seed(state) as seed:
        seed.user("ivan", key="abc123")

        async def test(keys: KeyRing, clock: Clock, _: Postgres) -> None:
            await keys.authenticate({"x-app-key": "abc123"})
            seed.execute("UPDATE api_key SET revoked_at = now()")
            clock.now_s = 4.5
            with pytest.raises(KeyNotValid):
                await keys.authenticate({"x-app-key": "abc123"})

        run(state, test)


def test_the_refresher_finds_a_revoked_key_without_being_asked(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedmill.runtime.auth.REFRESH_S", 0.01)
    with Seed(state) as seed:
        seed.user("ivan", key="abc123")

        async def test(keys: KeyRing, _: Clock, __: Postgres) -> None:
            async with keys.refreshing(), asyncio.timeout(10):
                await keys.authenticate({"x-app-key": "abc123"})
                seed.execute("UPDATE api_key SET revoked_at = now()")
                while True:
                    try:
                        await keys.authenticate({"x-app-key": "abc123"})
                    except KeyNotValid:
                        break
                    await asyncio.sleep(0.01)

        run(state, test)


def test_who_ended_is_refused_at_once_whatever_the_store_still_says(state: str) -> None:
    with Seed(state) as seed:
        seed.user("ivan", key="abc123")
        seed.key("other", owner="user:ivan", user_id=1)
        seed.user("nico", key="abc124")

    async def test(keys: KeyRing, clock: Clock, _: Postgres) -> None:
        await keys.authenticate({"x-app-key": "abc123"})
        keys.end(1)
        clock.now_s = 100.0
        for key in ("abc123", "other"):
            with pytest.raises(KeyNotValid):
                await keys.authenticate({"x-app-key": key})
        await keys.authenticate({"x-app-key": "abc124"})

    run(state, test)


def test_the_latest_to_end_are_remembered_and_no_more(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MAX_ENDED", 2)
    with Seed(state) as seed:
        for number, name in enumerate(("ivan", "nico", "eric"), start=1):
            seed.user(name, key=f"key-{number}")

    async def test(keys: KeyRing, clock: Clock, _: Postgres) -> None:
        for user_id in (1, 2, 3):
            keys.end(user_id)
        await keys.authenticate({"x-app-key": "key-1"})
        for key in ("key-2", "key-3"):
            with pytest.raises(KeyNotValid):
                await keys.authenticate({"x-app-key": key})

    run(state, test)


def test_an_expired_key_is_dead_at_once(state: str) -> None:
    with Seed(state) as seed:
        seed.user("ivan", key="abc123")
        seed.execute("UPDATE api_key SET expires_at = now() + interval '0.5 seconds'")

        async def test(keys: KeyRing, _: Clock, __: Postgres) -> None:
            await keys.authenticate({"x-app-key": "abc123"})
            async with asyncio.timeout(10):
                with pytest.raises(KeyNotValid):  # noqa: PT012
                    while True:
                        await keys.authenticate({"x-app-key": "abc123"})
                        await asyncio.sleep(0.01)

        run(state, test)


def test_while_postgres_is_away_a_known_key_is_kept_and_an_unknown_one_cannot_be_judged(state: str) -> None:
    with Seed(state) as seed:
        seed.user("ivan", key="abc123")

    async def test(keys: KeyRing, clock: Clock, postgres: Postgres) -> None:
        await keys.authenticate({"x-app-key": "abc123"})
        await away(postgres)
        clock.now_s = 3600
        assert (await keys.authenticate({"x-app-key": "abc123"})).owner == "user:ivan"
        with pytest.raises(StoreAway):
            await keys.authenticate({"x-app-key": "other"})

    run(state, test)


def test_what_is_remembered_is_bounded(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedmill.runtime.auth.MAX_REMEMBERED", 2)
    with Seed(state) as seed:
        for number in range(4):
            seed.key(f"key{number}", owner=f"service:{number}")

    async def test(keys: KeyRing, _: Clock, __: Postgres) -> None:
        for number in range(4):
            assert (await keys.authenticate({"x-app-key": f"key{number}"})).owner == f"service:{number}"
        assert len(keys._remembered) == 2
        assert hashlib.sha256(b"key3").digest() in keys._remembered

    run(state, test)


@pytest.mark.parametrize(
    ("principal", "act", "read"),
    [
        (Principal("user:a", 1, frozenset()), True, True),
        (Principal("user:b", 2, frozenset()), False, False),
        (Principal("service:x", None, frozenset({"events:write"})), True, False),
        (Principal("service:x", None, frozenset({"feeds:read"})), False, True),
        (Principal("service:x", None, frozenset({"admin"})), True, True),
        (Principal.of_family("C"), False, False),
    ],
)
def test_who_may_act_and_read_for_user_1(principal: Principal, act: bool, read: bool) -> None:
    assert (principal.may_act_for(1), principal.may_read_home_of(1)) == (act, read)


def test_the_key_of_a_request_is_x_app_key_first() -> None:
    assert key_in({"x-app-key": "a", "authorization": "Bearer b"}) == "a"
