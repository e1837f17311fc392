"""First pages out of a real Redis: as without it, but for their age; and Redis away, hung or full of rubbish."""

import signal
import time
from collections.abc import Iterator

import pytest
from redis import Redis

from feedmill.runtime import metrics
from feedmill.testkit.reader import Reader, a_reader
from feedmill.testkit.redis import RunningRedis, start_redis
from feedmill.testkit.running import Bench
from feedmill.testkit.state import Seed
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.integration

RAW = "activity.published.v1"
FEED = "/v1/users/1/feed"
TTL_S, TIMEOUT_MS, AWAY_MS = 30, 2_000, 300


@pytest.fixture(scope="module")
def server(bench: Bench) -> RunningRedis:
    return start_redis(bench)


@pytest.fixture
def redis(server: RunningRedis) -> Iterator[Redis]:
    """Empty, and running at the end."""
    with server.client() as client:
        client.flushall()
        yield client
    if not server.part.running():
        server.part.start()
        server.part.wait_ready()
    server.part.signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def cached_reader(shared_state: str, server: RunningRedis) -> Iterator[Reader]:
    with a_reader(shared_state, warehouse=None, clickhouse=None, **told(server, FAMILY_A="true")) as opened:
        yield opened


@pytest.fixture
def cached(seed: Seed, redis: Redis, cached_reader: Reader) -> Reader:
    """ivan (1) follows nico (2), who posted; the cache is on."""
    for handle, key in (("ivan", "abc123"), ("nico", "abc124")):
        seed.user(handle, key=key)
    seed.follow(1, 2)
    for text in range(5):
        seed.post(2, text)
    cached_reader.forget()
    return cached_reader


def told(server: RunningRedis, **more: str) -> dict[str, str]:
    names = {"URL": server.url, "PAGE_TTL_S": str(TTL_S), "TIMEOUT_MS": str(TIMEOUT_MS), "AWAY_MS": str(AWAY_MS)}
    return {f"FEEDMILL_API__CACHE__{name}": value for name, value in (names | more).items()}


def counted(outcome: str) -> float:
    return float(metrics.CACHE.at(outcome)._value.get())


def the_key(redis: Redis) -> bytes:
    key = redis.randomkey()
    assert isinstance(key, bytes)
    return key


def newest(reader: Reader, path: str = FEED, **headers: str) -> object:
    answer = reader.get(path, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"][0]["object"]["content"]


def test_a_page_comes_again_with_its_age_and_all_else_as_it_was(cached: Reader, seed: Seed) -> None:
    hits = counted("hit")
    first = cached.get(FEED)
    seed.post(2, "new")
    again = cached.get(FEED)
    assert counted("hit") == hits + 1
    assert again.content == first.content
    assert "age" not in first.headers
    assert 0 <= int(again.headers["age"]) <= TTL_S
    for name in ("etag", "link", "feedmill-feed-position", "feedmill-complete-through"):
        assert again.headers.get(name) == first.headers.get(name)
    assert cached.get(FEED, If_None_Match=first.headers["etag"]).status_code == 304


@pytest.mark.parametrize("path", [FEED, FEED + "?limit=2", "/feed/friends", "/feed/friends?limit=2"])
def test_pages_are_the_same_bytes_with_the_cache_and_without(cached: Reader, reader: Reader, path: str) -> None:
    plainly, missed, hit = reader.get(path), cached.get(path), cached.get(path)
    assert plainly.content == missed.content == hit.content
    assert plainly.headers.get("link") == hit.headers.get("link")
    assert "age" in hit.headers


def test_who_sends_the_position_of_a_write_sees_it(cached: Reader, seed: Seed) -> None:
    assert newest(cached) == 4
    seed.post(2, "mine")
    seed.applied(3, 7)
    cached.log.reaches(RAW, 3, 8)
    assert newest(cached) == 4
    passed = counted("passed-by")
    assert newest(cached, Feedmill_Position=f"{RAW}/3:7") == "mine"
    assert counted("passed-by") == passed + 1
    assert newest(cached) == "mine"


def test_a_mute_shows_at_once_to_who_sends_its_position(cached: Reader, seed: Seed) -> None:
    assert newest(cached) == 4
    seed.edge(1, "mute", 2)
    seed.applied(0, 3)
    cached.log.reaches(RAW, 0, 4)
    assert cached.get(FEED, Feedmill_Position=f"{RAW}/0:3").json()["items"] == []


def test_only_first_pages_are_kept(cached: Reader, redis: Redis) -> None:
    after = cached.get(FEED + "?limit=2").json()["next"]
    assert redis.dbsize() == 1
    for path in (f"{FEED}?limit=2&cursor={after}", f"{FEED}?rank=hot", f"{FEED}?as_of=2026-11-01T00:00:30Z"):
        for _ in range(2):
            answer = cached.get(path)
            assert answer.status_code == 200
            assert "age" not in answer.headers
    assert redis.dbsize() == 1


def test_a_kept_page_is_for_those_who_may_read_it(cached: Reader) -> None:
    cached.get(FEED)
    assert cached.get(FEED, key="abc124").status_code == 403
    assert cached.get(FEED, key="nobody").status_code == 401
    assert cached.get(FEED, key=None).status_code == 401


def test_who_is_not_there_is_not_remembered(cached: Reader, seed: Seed, redis: Redis) -> None:
    seed.key("machine", owner="service:reader", scopes=["feeds:read"])
    assert cached.get("/v1/users/99/feed", key="machine").status_code == 404
    assert redis.dbsize() == 0


def test_a_page_ends_with_its_time(cached: Reader, seed: Seed, redis: Redis) -> None:
    assert newest(cached) == 4
    key = the_key(redis)
    assert 0 < redis.pttl(key) <= TTL_S * 1_000
    seed.post(2, "new")
    redis.pexpire(key, 1)
    wait_until(lambda: newest(cached) == "new", "the page to be read anew")


def test_rubbish_under_its_key_is_passed_over(cached: Reader, redis: Redis) -> None:
    cached.get(FEED)
    key = the_key(redis)
    redis.set(key, b"\x00rubbish")
    wrong = counted("wrong")
    assert newest(cached) == 4
    assert counted("wrong") == wrong + 1
    assert "age" in cached.get(FEED).headers
    redis.delete(key)
    redis.lpush(key, b"a list")
    assert newest(cached) == 4


def test_without_redis_every_page_is_read_and_with_it_again_it_is_used(
    cached: Reader, seed: Seed, server: RunningRedis
) -> None:
    used_again(cached)
    server.part.kill()
    seed.post(2, "new")
    assert [newest(cached) for _ in range(3)] == ["new"] * 3
    skipped = counted("skipped")
    assert newest(cached) == "new"
    assert counted("skipped") > skipped
    server.part.start()
    server.part.wait_ready()
    used_again(cached)


def test_a_redis_that_hangs_costs_one_timeout(cached: Reader, seed: Seed, server: RunningRedis) -> None:
    used_again(cached)
    server.part.signal(signal.SIGSTOP)
    seed.post(2, "new")
    began_s, away = time.monotonic(), counted("away")
    assert newest(cached) == "new"
    assert newest(cached) == "new"
    assert counted("away") == away + 1
    assert time.monotonic() - began_s < TIMEOUT_MS / 1_000 + 2
    server.part.signal(signal.SIGCONT)
    used_again(cached)


def used_again(reader: Reader) -> None:
    wait_until(lambda: "age" in reader.get(FEED).headers, "the cache to be used")


def test_family_a_reads_it_only_where_it_is_told(
    seed: Seed, redis: Redis, cached: Reader, shared_state: str, server: RunningRedis
) -> None:
    with a_reader(shared_state, warehouse=None, clickhouse=None, **told(server)) as careful:
        careful.get("/feed/friends")
        assert "age" not in careful.get("/feed/friends").headers
        assert redis.dbsize() == 0
    used_again(cached)
    cached.get("/feed/friends")
    assert "age" in cached.get("/feed/friends").headers
