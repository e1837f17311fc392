from __future__ import annotations

import sys
import unicodedata

import pytest

from feedmill.contracts.tags import tag_form
from feedmill.enricher.memory import SeenIds
from feedmill.enricher.text import MAX_TAGS, canonical, mentions_in, tags_in


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("no tags", []),
        ("#Rust and #rust", ["rust"]),
        ("Grüße aus #Köln, #Zürich!", ["köln", "zürich"]),
        ("#1 is a number, #1st is not", ["1st"]),
        ("AT&#38;T http://a.example/#frag ##double", []),
        ("(#paren) #tag.", ["paren", "tag"]),
        ("#" + "a" * 101, []),
        ("#हिन्दी #İstanbul", ["हिन्दी", "i\u0307stanbul"]),
        ("#n\u0303andu\u0301 and #Ñandú", ["ñandú"]),
    ],
)
def test_tags_are_words_behind_a_hash(text: str, tags: list[str]) -> None:
    assert tags_in(text) == tags


def test_every_mark_is_part_of_a_word() -> None:
    marks = [one for one in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(one)[0] == "M"]
    assert [one for one in marks if tags_in(f"#a{one}b") != [tag_form(f"a{one}b")]] == []


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("hello @ivan and @nico.", ["ivan", "nico"]),
        ("@ivan @ivan", ["ivan"]),
        ("write to ivan@feedmill.example", []),
        ("@a.b-c_d!", ["a.b-c_d"]),
        ("@@ivan https://x.example/@ivan", []),
    ],
)
def test_mentions_are_handles_behind_an_at(text: str, mentions: list[str]) -> None:
    assert mentions_in(text) == mentions


def test_the_number_of_tags_of_a_text_is_bounded() -> None:
    assert len(tags_in(" ".join(f"#tag{i}" for i in range(1_000)))) == MAX_TAGS


@pytest.mark.parametrize(
    ("url", "form"),
    [
        (None, None),
        ("HTTP://Example.ORG/a?b=2&a=1#top", "http://example.org/a?a=1&b=2"),
        ("https://example.org/a?utm_source=x&id=7&fbclid=1", "https://example.org/a?id=7"),
        ("https://example.org/ä", "https://example.org/%C3%A4"),
        ("https://[broken", None),
    ],
)
def test_urls_that_name_one_page_get_one_form(url: str | None, form: str | None) -> None:
    assert canonical(url) == form


def test_the_memory_holds_the_last_ids_and_forgets_whole_generations() -> None:
    seen = SeenIds(2)
    assert [seen.add(event_id) for event_id in (b"a", b"b", b"a", b"c", b"d")] == [True, True, False, True, True]
    assert (b"a" in seen, b"b" in seen, b"c" in seen, b"d" in seen, len(seen)) == (False, False, True, True, 2)
