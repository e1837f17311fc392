"""One form for the ways in which a tag may be written: case and composition (NFC, NFD) make no difference."""

import unicodedata


def tag_form(text: str) -> str:
    """Of a tag, or of a text before its tags are looked for."""
    folded = text.casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded)
