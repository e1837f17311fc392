"""The stream of a home feed: pushed plus paged has neither gap nor repeat, resets, bounds, and many streams at once."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from feedmill.api.live import hub, removals
from feedmill.api.live.hub import Live
from feedmill.api.live.resume import Missed, missed_by
from feedmill.api.queries import tail
from feedmill.testkit.enriched import event_id_of
from feedmill.testkit.reader import Made, an_api
from feedmill.testkit.sse import Listening
from feedmill.testkit.state import BEGIN, Seed
from feedmill.testkit.sunk import PARTITIONS, SunkLog
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.integration

RAW = "activity.published.v1"
AUTHORS = range(2, 8)
QUICK = {
    "FEEDMILL_API__LIVE__HEARTBEAT_S": "0.2",
    "FEEDMILL_API__LIVE__QUEUE_MESSAGES": "50",
    "FEEDMILL_API__LIVE__STREAMS_PER_READER": "500",
}


class Town:
    """ivan (1) follows 2 to 7; 8 is a stranger."""

    def __init__(self, log: SunkLog, url: str, api: Made) -> None:
        self.log, self.url, self.api = log, url, api
        self.posts = 0
        for user in range(1, 9):
            born = {"id": user, "handle": f"u{user}", "uuid": f"00000000-0000-7000-8000-{user:012}", "name": "N"}
            self._say(user, "user-created", at=BEGIN, object={"type": "user", "id": user}, user=born)
        for author in AUTHORS:
            self._say(1, "follow", at=BEGIN, object={"type": "user", "id": author})
        log.apply_all()
        wait_until(self.api_knows_all, "the api to know what is applied")

    def api_knows_all(self) -> bool:
        """Whether its positions are those of all that was said."""
        known = self.api.parts.applied.snapshot.applied
        return all(known.get((RAW, p), -1) == len(records) - 1 for p, records in enumerate(self.log.records))

    def post(self, author: int, *, at: datetime | None = None, content: object = "x") -> str:
        """The activity's id; said, not applied."""
        self.posts += 1
        at = at or BEGIN + timedelta(minutes=self.posts)
        posted = {"type": "post", "id": self.posts, "content": content}
        return self._say(author, "post", at=at, object=posted)

    def says(self, actor: int, verb: str, thing: tuple[str, int]) -> str:
        said = self._say(actor, verb, at=BEGIN, object={"type": thing[0], "id": thing[1]})
        self.log.apply_all()
        return said

    def _say(self, actor: int, verb: str, **more: Any) -> str:
        """The id; the api, where it asks the log how far it reaches, is told of it."""
        partition, offset = self.log.says(actor, verb, **more)
        self.api.log.reaches(RAW, partition, offset + 1)
        return event_id_of(f"{partition}/{offset}")

    def listening(self, user: int = 1, **more: Any) -> Listening:
        return Listening(f"{self.url}/v1/users/{user}/feed/live", f"key{user}", **more)

    def page(self, user: int = 1, query: str = "limit=100") -> httpx2.Response:
        return httpx2.get(f"{self.url}/v1/users/{user}/feed?{query}", headers={"X-App-Key": f"key{user}"})


@pytest.fixture
def town(seed: Seed, state: str) -> Iterator[Town]:
    for user in range(1, 9):
        seed.key(f"key{user}", owner=f"user:u{user}", user_id=user)
    log = SunkLog(state)
    with an_api(state, **QUICK) as (url, api):
        yield Town(log, url, api)
    log.close()


def test_what_is_applied_is_told_as_a_page_shows_it(town: Town) -> None:
    with town.listening() as stream:
        stream.next("open")
        town.post(8)
        mine = town.post(2, content={"text": "grüße\n\u2028"})
        town.log.apply_all()
        told = stream.next("activity")
        assert told.data["activity_id"] == mine
        assert told.data == town.page().json()["items"][0]
        for micros in (120_000, 100, 999_999):
            moment = BEGIN + timedelta(hours=1, microseconds=micros)
            said = [town.post(2, at=moment), town.says(3, "like", ("post", town.posts))]
            for shown in (stream.next("activity").data, stream.next("activity").data):
                theirs = "2" if shown["activity_id"] == said[0] else "3"
                of_author = httpx2.get(f"{town.url}/v1/users/{theirs}/activities", headers={"X-App-Key": "key1"})
                assert shown in town.page().json()["items"], "times to the letter"
                assert shown in of_author.json()["items"]
        late = town.post(3, at=BEGIN - timedelta(days=9))
        town.log.apply_all()
        assert stream.next("activity").data["activity_id"] == late


@pytest.mark.parametrize("seed_number", range(3))
def test_pushed_plus_paged_has_neither_gap_nor_repeat_under_writes(town: Town, seed_number: int) -> None:
    rng = random.Random(seed_number)
    said = [town.post(rng.choice(AUTHORS), at=BEGIN + timedelta(minutes=rng.randrange(999))) for _ in range(120)]
    town.log.apply(0, 25)
    stop = threading.Event()

    def write() -> None:
        while any(town.log.applied[p] < len(town.log.records[p]) for p in range(PARTITIONS)):
            town.log.apply(rng.randrange(PARTITIONS), rng.randrange(1, 4))
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    first = town.page(query="limit=20")
    got = [item["activity_id"] for item in first.json()["items"]]
    cursor = first.json()["next"]
    while cursor:
        page = town.page(query=f"limit=20&cursor={cursor}").json()
        got += [item["activity_id"] for item in page["items"]]
        cursor = page["next"]
    last_id = first.headers["feedmill-feed-position"]
    while len(got) < len(said):
        with town.listening(last_id=last_id) as stream:
            stream.next("open")
            for _ in range(min(rng.randrange(1, 30), len(said) - len(got))):
                told = stream.next("activity")
                got.append(told.data["activity_id"])
                last_id = told.id
    writer.join()
    assert stop.is_set()
    assert sorted(got) == sorted(said)
    with town.listening(last_id=last_id) as stream:
        stream.next("open")
        wait_until(lambda: stream.heartbeats > 1, "a sign of life")
        assert stream.nothing_waits()


@pytest.mark.parametrize(
    ("verb", "actor", "other"),
    [("unfollow", 1, 2), ("follow", 1, 8), ("mute", 1, 3), ("block", 1, 4), ("block", 5, 1)],
)
def test_a_changed_set_resets_and_counts_from_there_on(town: Town, verb: str, actor: int, other: int) -> None:
    with town.listening() as stream:
        before = stream.next("open").id
        town.says(actor, verb, ("user", other))
        assert stream.next("reset").data == {"reason": verb}
        gone = other if actor == 1 else actor
        theirs = town.post(gone)
        shown = town.post(6)
        town.log.apply_all()
        wanted = {theirs, shown} if verb == "follow" else {shown}
        assert {stream.next("activity").data["activity_id"] for _ in wanted} == wanted
    with town.listening(last_id=before) as again:
        again.next("open")
        assert again.next("reset").data == {"reason": "edges"}


def gone(reason: str, kind: str, number: int, actor: int | None = None) -> dict[str, Any]:
    by = {} if actor is None else {"actor": {"id": actor}}
    return {"reason": reason, **by, "object": {"type": kind, "id": number}}


def test_the_streams_of_who_is_erased_end(town: Town) -> None:
    with town.listening() as stream, town.listening(7) as other:
        stream.next("open")
        other.next("open")
        wait_until(lambda: len(town.api.parts.live.audience.streams) == 2, "both to be let in")
        town.says(1, "user-erased", ("user", 1))
        wait_until(lambda: len(town.api.parts.live.audience.streams) == 1, "the stream to end")
        assert other.next("removed").data == gone("user-erased", "user", 1)
    assert town.page().status_code == 404


def test_what_others_take_out_is_told_to_whom_it_may_have_been_shown(town: Town) -> None:
    with town.listening() as stream, town.listening(7) as other:
        before = stream.next("open").id
        other.next("open")
        for author in (2, 8, 8):
            town.post(author)
        town.log.apply_all()
        town.says(3, "like", ("post", 2))
        town.log.says(4, "comment", at=BEGIN, object={"type": "comment", "id": 9, "content": "c"}, target=thing(3))
        town.says(5, "recommend", ("user", 8))
        town.log.says(6, "connect", at=BEGIN, object={"type": "user", "id": 8}, key=6)
        town.log.apply_all()
        for _ in range(5):
            stream.next("activity")
        town.says(3, "unlike", ("post", 2))
        town.says(5, "unrecommend", ("user", 8))
        town.log.says(8, "disconnect", at=BEGIN, object={"type": "user", "id": 6}, key=6)
        town.says(8, "delete", ("post", 3))
        town.says(2, "delete", ("post", 1))
        town.says(8, "user-erased", ("user", 8))
        told = [
            gone("unlike", "post", 2, actor=3),
            gone("unrecommend", "user", 8, actor=5),
            gone("disconnect", "user", 6, actor=8),
            gone("delete", "post", 3),
            gone("delete", "post", 1),
            gone("user-erased", "user", 8),
        ]
        assert sorted(map(str, (stream.next("removed").data for _ in told))) == sorted(map(str, told))
        assert town.page().json()["items"] == []
        assert other.next("removed").data == told[-1]
        assert other.nothing_waits(), "nobody they follow did anything with those"
    with town.listening(last_id=before) as again:
        again.next("open")
        assert sorted(map(str, (again.next("removed").data for _ in told))) == sorted(map(str, told))


def thing(number: int) -> dict[str, object]:
    return {"type": "post", "id": number}


def test_a_deletion_that_concerns_very_many_is_told_to_all(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removals, "ACTORS_MOST", 1)
    town.post(8)
    for actor in (8, 2):
        town.says(actor, "like", ("post", 1))
    with town.listening(7) as other:
        other.next("open")
        town.says(8, "delete", ("post", 1))
        assert other.next("removed").data == gone("delete", "post", 1)


class Shown:
    """What a client shows that reads a page and then follows what it is told."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}

    def take(self, items: list[dict[str, Any]]) -> None:
        self.items.update({item["activity_id"]: item for item in items})

    def drop(self, said: dict[str, Any]) -> None:
        self.items = {name: item for name, item in self.items.items() if not self._names(said, item)}

    @staticmethod
    def _names(said: dict[str, Any], item: dict[str, Any]) -> bool:
        things = [(one["type"], one["id"]) for one in (item["object"], item["target"]) if one is not None]
        wanted = (said["object"]["type"], said["object"]["id"])
        if said["reason"] == "delete":
            return wanted in things
        assert said["reason"] == "unlike"
        return item["verb"] == "like" and item["actor"]["id"] == said["actor"]["id"] and things[0] == wanted


@pytest.mark.parametrize("seed_number", range(3))
def test_whoever_follows_the_stream_shows_in_the_end_what_a_page_shows(town: Town, seed_number: int) -> None:
    """Posts, likes, unlikes, deletions in any order of partitions, the stream broken off and resumed."""
    rng, shown = random.Random(seed_number), Shown()
    made: list[tuple[int, int]] = []
    for _ in range(30):
        author = rng.randrange(2, 9)
        town.post(author)
        made.append((town.posts, author))
    town.log.apply_all()
    wait_until(town.api_knows_all, "the api to know the posts")
    first = town.page(query="limit=100")
    shown.take(first.json()["items"])
    last_id = first.headers["feedmill-feed-position"]
    for _ in range(8):
        for _ in range(10):
            number, author = rng.choice(made)
            verb, actor = rng.choice(
                (("like", rng.choice(AUTHORS)), ("unlike", rng.choice(AUTHORS)), ("delete", author))
            )
            town.log.says(actor, verb, at=BEGIN, object=thing(number))
        town.log.apply_all(lambda left: (rng.choice(left), rng.randrange(1, 4)))
        with town.listening(last_id=last_id) as stream:
            wait_until(town.api_knows_all, "the api to know what was applied")
            ids = {item["activity_id"] for item in town.page(query="limit=100").json()["items"]}
            while True:
                told = stream.next()
                last_id = told.id
                if told.event == "activity":
                    shown.take([told.data])
                elif told.event == "removed":
                    shown.drop(told.data)
                if shown.items.keys() == ids and stream.nothing_waits():
                    break
    assert shown.items.keys() == ids


def test_a_stream_tells_only_what_a_page_shows(town: Town) -> None:
    """Not what is older than the follow's `since`, nor what is about somebody behind a block."""
    since = (BEGIN + timedelta(days=1)).isoformat()
    town.log.says(1, "follow", at=BEGIN, object={"type": "user", "id": 8}, since=since)
    town.log.says(7, "block", at=BEGIN, object={"type": "user", "id": 1})
    town.post(7)
    town.log.apply_all()
    wait_until(town.api_knows_all, "the api to know what is applied")
    with town.listening() as stream:
        before = stream.next("open").id
        town.post(8)
        town.says(2, "like", ("post", 1))
        town.log.says(3, "comment", at=BEGIN, object={"type": "comment", "id": 9, "content": "c"}, target=thing(1))
        town.says(4, "recommend", ("user", 7))
        town.post(8, at=BEGIN + timedelta(days=2))
        town.log.apply_all()
        shown = town.page().json()["items"]
        assert [item["object"]["id"] for item in shown] == [3]
        assert stream.next("activity").data == shown[0]
        wait_until(lambda: stream.heartbeats > 2, "a sign of life")
        assert stream.nothing_waits()
    with town.listening(last_id=before) as again:
        again.next("open")
        assert again.next("activity").data == shown[0]
        wait_until(lambda: again.heartbeats > 1, "a sign of life")
        assert again.nothing_waits()


def test_what_was_applied_before_its_object_is_told_when_that_comes(town: Town) -> None:
    with town.listening() as stream:
        stream.next("open")
        like = town.says(2, "like", ("post", 1))
        town.post(8)
        town.log.apply_all()
        assert stream.next("activity").data["activity_id"] == like


def test_what_was_applied_before_the_user_it_speaks_of_is_told_when_they_come(town: Town) -> None:
    """Other users' partitions may be applied first."""
    with town.listening() as stream:
        stream.next("open")
        follow = town.says(2, "follow", ("user", 9))
        assert follow not in town.page().text
        born = {"id": 9, "handle": "u9", "uuid": "00000000-0000-7000-8000-000000000009", "name": "N"}
        town.log.says(9, "user-created", at=BEGIN, object={"type": "user", "id": 9}, user=born)
        town.log.apply_all()
        told = stream.next("activity").data
        assert told["activity_id"] == follow
        assert told in town.page().json()["items"]


def test_a_position_of_another_life_of_the_state_resets(town: Town) -> None:
    with town.listening(last_id="activity.published.v1/0:999999") as stream:
        stream.next("open")
        assert stream.next("reset").data == {"reason": "rebuild"}


def test_a_read_position_is_told_to_the_other_devices_and_only_moves_on(town: Town) -> None:
    with town.listening() as phone, town.listening() as laptop, town.listening(2) as other:
        for stream in (phone, laptop, other):
            stream.next("open")
        for minute in (5, 3):
            through = (BEGIN + timedelta(minutes=minute)).isoformat()
            read = {"feed": "home", "through": through, "only_seen": False}
            town.log.says(1, "feed-read", at=BEGIN, read=read)
            town.log.apply_all()
            for stream in (phone, laptop):
                data = stream.next("read").data
                assert data["feed"] == "home"
                assert datetime.fromisoformat(data["read_through"]) == BEGIN + timedelta(minutes=5)
        wait_until(lambda: other.heartbeats > 1, "a sign of life")
        assert other.nothing_waits()
    with town.listening() as tablet:
        assert [one["feed"] for one in tablet.next("open").data["read"]] == ["home"]


def test_what_is_read_on_while_a_stream_opens_is_told(town: Town) -> None:
    live, fetch = town.api.parts.live, town.api.parts.postgres.fetch
    asked: list[str] = []

    def read_on(minute: int) -> None:
        through = (BEGIN + timedelta(minutes=minute)).isoformat()
        town.log.says(1, "feed-read", at=BEGIN, read={"feed": "home", "through": through, "only_seen": False})
        town.log.apply_all()

    async def slowly(sql: str, *arguments: object) -> Any:
        found = await fetch(sql, *arguments)
        asked.append(sql)
        if sql == tail.SQL_READ and asked.count(sql) == 1:
            at = live.at
            for minute in (5, 6):
                await asyncio.to_thread(read_on, minute)
            while live.at == at:  # noqa: ASYNC110 (told by another task)
                await asyncio.sleep(0.005)
        return found

    live._postgres.fetch = slowly  # type: ignore[method-assign]
    with town.listening() as stream:
        assert stream.next("open").data == {"read": []}
        for _ in range(2):
            through = stream.next("read").data["read_through"]
            assert datetime.fromisoformat(through) == BEGIN + timedelta(minutes=6)
    assert asked.count(tail.SQL_READ) <= 3, "not one question for each time it was read on"


def test_a_client_that_reads_nothing_is_dropped_and_others_go_on(town: Town) -> None:
    parts = urlsplit(town.url)
    slow = socket.create_connection((str(parts.hostname), int(parts.port or 0)))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    slow.sendall(b"GET /v1/users/1/feed/live HTTP/1.1\r\nhost: x\r\nx-app-key: key1\r\n\r\n")
    live = town.api.parts.live
    wait_until(lambda: len(live.audience.streams) == 1, "the slow one to be in")
    with town.listening() as quick:
        quick.next("open")
        wait_until(lambda: len(live.audience.streams) == 2, "both to be in")
        sent = 0
        while len(live.audience.streams) == 2:
            assert sent < 2_000, "not dropped"
            town.post(2, content="x" * 50_000)
            town.log.apply_all()
            quick.next("activity")
            sent += 1
    slow.close()


def test_a_revoked_key_ends_its_stream(town: Town, seed: Seed) -> None:
    with town.listening() as stream:
        stream.next("open")
        seed.execute("UPDATE api_key SET revoked_at = now() WHERE key_hash = sha256('key1')")
        wait_until(lambda: stream.ended, "the stream to end")


def test_the_bounds_on_streams_hold(town: Town, state: str) -> None:
    assert httpx2.get(f"{town.url}/v1/users/1/feed/live", headers={"X-App-Key": "key2"}).status_code == 403
    for bad in ("nonsense", "activity.published.v1/x:1"):
        answer = httpx2.get(f"{town.url}/v1/users/1/feed/live", headers={"X-App-Key": "key1", "Last-Event-ID": bad})
        assert answer.status_code == 400
    with (
        an_api(state, FEEDMILL_API__LIVE__STREAMS_PER_READER="1") as (url, api),
        Listening(f"{url}/v1/users/1/feed/live", "key1") as stream,
    ):
        stream.next("open")
        wait_until(lambda: api.parts.live.audience.streams, "it to be in")
        answer = httpx2.get(f"{url}/v1/users/1/feed/live", headers={"X-App-Key": "key1"})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")


def released(live: Live, times: int = 1) -> None:
    """Those who wait to be brought up to the tail go on."""
    for _ in range(times):
        loop = vars(live._resuming)["_loop"]  # known once somebody waits
        loop.call_soon_threadsafe(live._resuming.release)


def test_the_bounds_hold_at_the_moment_of_opening_however_many_come_at_once(town: Town, state: str, seed: Seed) -> None:
    seed.key("machine", owner="service:reader", scopes=["feeds:read"])
    bounds = {"FEEDMILL_API__LIVE__STREAMS": "5", "FEEDMILL_API__LIVE__STREAMS_PER_READER": "3"}

    async def asked(url: str, user: int) -> tuple[int, asyncio.StreamWriter]:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(f"GET /v1/users/{user}/feed/live HTTP/1.1\r\nhost: x\r\nx-app-key: machine\r\n\r\n".encode())
        status = (await reader.readuntil(b"\r\n")).split()[1]
        return int(status), writer

    async def rush(url: str, users: list[int]) -> list[tuple[int, asyncio.StreamWriter]]:
        return await asyncio.gather(*(asked(url, user) for user in users))

    async def all_of_it(url: str, live: Live) -> None:
        of_one = await rush(url, [1] * 20)
        assert sorted(status for status, _ in of_one) == [200] * 3 + [429] * 17
        of_all = await rush(url, [2, 3, 4, 5] * 5)
        assert sorted(status for status, _ in of_all) == [200] * 2 + [429] * 18
        assert not live.audience.streams, "none of them is in yet"
        for _, writer in of_one:
            writer.close()
        await asyncio.to_thread(wait_until, lambda: len(live.places.open) == 2, "the places of who went away")
        again = await rush(url, [1] * 20)
        assert sorted(status for status, _ in again) == [200] * 3 + [429] * 17
        for _, writer in (*again, *of_all):
            writer.close()
        await asyncio.to_thread(wait_until, lambda: not live.places.open, "all to be gone")

    with an_api(state, **bounds) as (url, api):
        live = api.parts.live
        live._resuming = asyncio.Semaphore(0)
        asyncio.run(all_of_it(url, live))
        released(live, 2)
        with Listening(f"{url}/v1/users/1/feed/live", "key1") as stream:
            stream.next("open")
            wait_until(lambda: len(live.audience.streams) == 1, "it to be in, and nobody who has gone")


def test_a_position_that_this_process_hears_of_a_moment_later_is_waited_for(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "AHEAD_S", 30.0)
    applied, missed = town.api.parts.applied, list[Any]()
    with ExitStack() as opened:
        with monkeypatch.context() as deaf:
            deaf.setattr(applied, "_take", missed.append)
            town.post(2)
            town.log.apply_all()
            page = town.page()
            assert len(page.json()["items"]) == 1
            stream = opened.enter_context(town.listening(last_id=page.headers["feedmill-feed-position"]))
            wait_until(lambda: len(missed) > 1, "it to be told, and not to listen")
            assert stream.nothing_waits()
        stream.next("open")
        post = town.post(2)
        town.log.apply_all()
        assert stream.next("activity").data["activity_id"] == post, "no reset, no gap, no repeat"


def test_who_cannot_catch_up_beside_the_tail_is_waited_for(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    live, said, rounds = town.api.parts.live, [town.post(2)], list[bool]()
    town.log.apply_all()
    before = town.page(query="limit=1").headers["feedmill-feed-position"]

    def say() -> None:
        said.append(town.post(2))
        town.log.apply_all()

    async def missed_while_more_comes(*arguments: Any) -> Missed:
        missed = await missed_by(*arguments)
        rounds.append(live._stepping.locked())
        at = dict(live.at)
        if len(rounds) <= hub.ROUNDS_BESIDE:
            await asyncio.to_thread(say)
            while live.at == at:  # noqa: ASYNC110 (told by another task)
                await asyncio.sleep(0.005)
        return missed

    monkeypatch.setattr(hub, "missed_by", missed_while_more_comes)
    with town.listening(last_id=before) as stream:
        stream.next("open")
        wait_until(lambda: live.audience.streams, "it to be let in")
        say()
        assert [stream.next("activity").data["activity_id"] for _ in said[1:]] == said[1:]
    assert rounds[hub.ROUNDS_BESIDE :] == [True]


def test_a_stream_that_opens_while_its_reader_is_erased_ends(town: Town, seed: Seed) -> None:
    seed.key("machine", owner="service:reader", scopes=["feeds:read"])
    live = town.api.parts.live
    live._resuming = asyncio.Semaphore(0)
    with Listening(f"{town.url}/v1/users/1/feed/live", "machine") as stream:
        wait_until(lambda: live._resuming._waiters, "it to wait for its turn")
        town.says(1, "user-erased", ("user", 1))
        released(live)
        wait_until(lambda: stream.ended, "the stream to end")
    assert not live.audience.streams


@pytest.mark.parametrize(
    ("setting", "few", "enough", "reason"),
    [("QUEUE_MAX_KIB", 2, 64, "too-many"), ("RESUME_ITEMS", 2, 3, "too-many"), ("RESUME_OFFSETS", 2, 3, "too-far")],
)
def test_what_was_missed_and_is_too_much_is_a_reset(
    town: Town, state: str, setting: str, few: int, enough: int, reason: str
) -> None:
    before = town.page().headers["feedmill-feed-position"]
    for _ in range(3):
        town.post(2, content="x" * 900)
    town.log.apply_all()
    for most, events in ((few, ["reset"]), (enough, ["activity"] * 3)):
        with (
            an_api(state, **{f"FEEDMILL_API__LIVE__{setting}": str(most)}) as (url, _),
            Listening(f"{url}/v1/users/1/feed/live", "key1", last_id=before) as stream,
        ):
            stream.next("open")
            told = [stream.next(event) for event in events]
            assert events != ["reset"] or told[0].data == {"reason": reason}


def test_a_stream_ends_at_its_age_and_goes_on_where_it_was(town: Town, state: str) -> None:
    young = {"FEEDMILL_API__LIVE__HEARTBEAT_S": "0.1", "FEEDMILL_API__LIVE__AGE_MAX_S": "1"}
    with an_api(state, **young) as (url, _):
        with Listening(f"{url}/v1/users/1/feed/live", "key1") as stream:
            last = stream.next("open").id
            wait_until(lambda: stream.ended, "the stream to end")
        post = town.post(2)
        town.log.apply_all()
        with Listening(f"{url}/v1/users/1/feed/live", "key1", last_id=last) as again:
            again.next("open")
            assert again.next("activity").data["activity_id"] == post


def test_all_streams_end_when_the_process_begins_to(town: Town) -> None:
    with town.listening() as stream:
        stream.next("open")
        town.api.health.drain()
        wait_until(lambda: stream.ended, "the stream to end")
        wait_until(lambda: not town.api.parts.live.places.open, "its place to be free")


IDLE = 500


def test_five_hundred_idle_streams_are_told_by_one_reader_of_the_tail(town: Town, seed: Seed) -> None:
    seed.key("machine", owner="service:reader", scopes=["feeds:read"])
    asked: list[str] = []
    live = town.api.parts.live
    fetch = town.api.parts.postgres.fetch

    async def counted(sql: str, *arguments: object) -> Any:
        asked.append(sql)
        return await fetch(sql, *arguments)

    async def all_of_them() -> None:
        parts = urlsplit(town.url)
        opened = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(IDLE)]
        for number, (_, writer) in enumerate(opened):
            user = number % 8 + 1
            writer.write(f"GET /v1/users/{user}/feed/live HTTP/1.1\r\nhost: x\r\nx-app-key: machine\r\n\r\n".encode())
        for reader, _ in opened:
            await reader.readuntil(b"event: open")
        await asyncio.to_thread(wait_until, lambda: len(live.audience.streams) == IDLE, "all to be in")
        live._postgres.fetch = counted  # type: ignore[method-assign]
        post = town.post(2)
        await asyncio.to_thread(town.log.apply_all)
        for number, (reader, _) in enumerate(opened):
            if number % 8 == 0:
                await asyncio.wait_for(reader.readuntil(post.encode()), 10)
        for _, writer in opened:
            writer.close()

    asyncio.run(all_of_them())
    assert len(asked) <= 4, asked
    wait_until(lambda: not live.audience.streams, "all to be gone")
