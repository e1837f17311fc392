"""What a text says by itself: tags, mentions, and the canonical form of a URL. Pure; the same in every replay."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from w3lib.url import canonicalize_url, url_query_cleaner

from feedmill.contracts.tags import tag_form

MAX_TAGS: Final = 50
"""Tags (and mentions) kept of one text, in the order they stand in it."""
MAX_TAG_CHARS: Final = 100

CANONICAL_URLS_KEPT: Final = 8_192
"""The same pages are shared again and again, and 12 microseconds is more than all else an event takes."""
KEPT_URL_MAX_CHARS: Final = 512
"""Longer ones are worked out each time, so that what is kept stays below 8 MB."""

_MARKS_LIE: Final = (range(0x300, 0x1F000), range(0xE0100, 0xE01F0))
_MARKS: Final = "".join(one for part in _MARKS_LIE for one in map(chr, part) if unicodedata.category(one)[0] == "M")
r"""What stands on or beside a letter, as vowels do in Hindi: parts of words, though `\w` leaves them out."""
_TAG: Final = re.compile(rf"#(?<![\w&/#]#)(\w[\w{_MARKS}]*)")
_MENTION: Final = re.compile(r"@(?<![\w@/.]@)([A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)")
"""Each begins with its sign, which the engine can search for; what may not stand before it is looked at afterwards."""
_TRACKING: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id", "fbclid", "gclid")


def tags_in(text: str) -> list[str]:
    """`#Words` holding a letter, in their one form, each once. `&#39;` and a URL's fragment are no tags."""
    if "#" not in text:
        return []
    words = dict.fromkeys(_TAG.findall(tag_form(text)))
    return [word for word in words if len(word) <= MAX_TAG_CHARS and not word.isdecimal()][:MAX_TAGS]


def mentions_in(text: str) -> list[str]:
    """`@handles` as written (joined to users when read), each once. An e-mail address mentions nobody."""
    if "@" not in text:
        return []
    handles = dict.fromkeys(_MENTION.findall(text))
    return [handle for handle in handles if len(handle) <= MAX_TAG_CHARS][:MAX_TAGS]


def canonical(url: str | None) -> str | None:
    """One form for the URLs that name one page: host in lower case, query sorted, tracking and fragment dropped.

    None where there is no URL, or where it cannot be parsed.
    """
    if url is None:
        return None
    return _kept(url) if len(url) <= KEPT_URL_MAX_CHARS else _canonical(url)


def _canonical(url: str) -> str | None:
    try:
        return str(canonicalize_url(url_query_cleaner(url, _TRACKING, remove=True, keep_fragments=False)))
    except ValueError:
        return None


_kept = lru_cache(maxsize=CANONICAL_URLS_KEPT)(_canonical)
