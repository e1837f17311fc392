"""What a word is, for the finder and the classifier alike. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

REPLACEMENT: Final = "\ufffd"
"""What a decoder leaves where it could not read."""
UNREADABLE_SHARE: Final = 0.1
"""From this share of replacement and control characters on a text is not taken for text."""

_APOSTROPHES: Final = ("\u2019", "\u02bc", "\uff07")


def normal(text: str) -> str:
    """Case folded, composed (NFC), one kind of apostrophe, any whitespace one blank: what is compared, never shown."""
    read = " ".join(text.split()).casefold()
    if read.isascii():
        return read
    for apostrophe in _APOSTROPHES:
        read = read.replace(apostrophe, "'")
    return unicodedata.normalize("NFC", read)


def is_word_character(character: str) -> bool:
    """As `\\w` of a regular expression."""
    return character.isalnum() or character == "_"


def why_no_text(text: str) -> str | None:
    """`empty`, `unreadable` or None: what cannot be searched is counted apart, with its readers."""
    if not text or text.isspace():
        return "empty"
    bad = text.count(REPLACEMENT)
    if not text.isprintable():
        bad += sum(1 for c in text if unicodedata.category(c) == "Cc" and not c.isspace())
    if bad >= UNREADABLE_SHARE * len(text) or not any(map(str.isalnum, text)):
        return "unreadable"
    return None
