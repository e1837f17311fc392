"""Which kept page will do, and what becomes of one that is not ours."""

import asyncio
from dataclasses import dataclass, field

import pytest

from feedmill.api.first_pages import HOME, Content, FirstPages, Shown, read_back, written
from feedmill.api.settings import CacheSettings
from feedmill.runtime.applied import Snapshot
from feedmill.runtime.position import Positions

RAW = "activity.published.v1"
THROUGH = "2026-11-01T00:00:00.000000Z"
NOW = Snapshot({(RAW, 0): 10, (RAW, 3): 7}, THROUGH)
LATER = Snapshot({(RAW, 0): 11, (RAW, 3): 7}, "2026-11-01T00:00:09.000000Z")
KEY = "feedmill:first-page:1:home:1:20"


@dataclass
class Memory:
    """A store that forgets nothing by itself."""

    values: dict[str, bytes] = field(default_factory=dict)
    ttl_ms: int = 0

    async def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def put(self, key: str, value: bytes, ttl_ms: int) -> None:
        self.values[key], self.ttl_ms = value, ttl_ms

    async def close(self) -> None:
        return None


class Pages:
    """Pages of one reader; each reading has another body."""

    def __init__(self) -> None:
        self.store = Memory()
        self.now_s = 1_000.0
        self.read = 0
        self.pages = FirstPages(
            self.store, ttl_s=10, heeded=lambda asked: asked.only([RAW]), clock_s=lambda: self.now_s
        )

    def page(self, *, asked: str = "", now: Snapshot = NOW, reader: int = 1, limit: int | None = 20) -> Shown:
        async def read() -> Content:
            self.read += 1
            return Content(b"%d" % self.read, "after", "place")

        positions = Positions.parse([asked])
        return asyncio.run(self.pages.page(HOME, reader, limit, positions, now, read))


@pytest.fixture
def pages() -> Pages:
    return Pages()


def test_a_kept_page_says_what_it_is(pages: Pages) -> None:
    first = pages.page()
    assert (first, first.age) == (Shown(Content(b"1", "after", "place"), NOW), {})
    pages.now_s += 3.9
    again = pages.page(now=LATER)
    assert (again.content, again.snapshot, again.age) == (first.content, NOW, {"Age": "3"})
    assert pages.store.ttl_ms == 10_000


@pytest.mark.parametrize("asked", [f"{RAW}/0:10", f"{RAW}/0:3,{RAW}/3:7", "user-interaction/0:999"])
def test_what_was_applied_at_its_reading_is_in_it(pages: Pages, asked: str) -> None:
    pages.page()
    assert pages.page(asked=asked, now=LATER).content.body == b"1"


@pytest.mark.parametrize("asked", [f"{RAW}/0:11", f"{RAW}/0:3,{RAW}/3:8", f"{RAW}/1:0"])
def test_who_asks_for_newer_reads_and_leaves_the_newer_page(pages: Pages, asked: str) -> None:
    pages.page()
    newer = pages.page(asked=asked, now=LATER)
    assert (newer.content.body, newer.snapshot, newer.age) == (b"2", LATER, {})
    assert pages.page(now=LATER).snapshot == LATER


def test_an_old_page_is_not_shown_whatever_the_store_says(pages: Pages) -> None:
    pages.page()
    pages.now_s += 10.1
    assert pages.page().content.body == b"2"


def test_other_readers_and_lengths_have_other_pages(pages: Pages) -> None:
    bodies = [pages.page(reader=r, limit=n).content.body for r, n in ((1, 20), (2, 20), (1, 21), (1, None), (1, 20))]
    assert bodies == [b"1", b"2", b"3", b"4", b"1"]


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"abc",
        b"\x00" * 64,
        written(KEY, Content(b"body"), NOW, 1_000)[:-1],
        written(KEY, Content(b"body"), NOW, 1_000)[:-1] + b"!",
        written("feedmill:first-page:1:home:2:20", Content(b"of another"), NOW, 1_000),
    ],
)
def test_bytes_that_are_not_this_page_are_ignored(pages: Pages, wrong: bytes) -> None:
    pages.store.values[KEY] = wrong
    assert pages.page().content.body == b"1"
    kept = read_back(pages.store.values[KEY])
    assert kept is not None
    assert kept.body == b"1"


def test_a_page_that_took_too_long_to_read_is_not_kept(pages: Pages) -> None:
    async def read() -> Content:
        pages.now_s += 10
        return Content(b"slow")

    asyncio.run(pages.pages.page(HOME, 1, 20, Positions(), NOW, read))
    assert not pages.store.values


def test_an_empty_url_is_none() -> None:
    assert CacheSettings.model_validate({"url": ""}).url is None


@pytest.mark.parametrize("told", [{"url": "http://example.org"}, {"page_ttl_s": 31}, {"timeout_ms": 0}])
def test_settings_that_cannot_be_meant_are_refused(told: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"redis://|less than|greater than"):
        CacheSettings.model_validate(told)
