"""Named limits of what travels, each under the next: text < event < raw record < enriched < dead letter."""

from typing import Final

MAX_ID: Final = 2**53 - 1
"""Ids and every other integer: the largest that any JSON reader keeps exactly."""

TEXT_MAX_BYTES: Final = 64 * 1024
"""A text, or any other `content`, as UTF-8 JSON."""
EVENT_MAX_BYTES: Final = 256 * 1024
"""One event as sent, envelope and whitespace included; under the raw topic's 512 KiB."""
REQUEST_MAX_BYTES: Final = 10 * 1024 * 1024
REQUEST_MAX_EVENTS: Final = 10_000
JSON_MAX_DEPTH: Final = 32
CONTENT_MAX_DEPTH: Final = JSON_MAX_DEPTH - 3
"""`content` stands inside event, data and object."""
USERS_MAX: Final = 1_000
"""Users in one `POST /v1/users`."""

TITLE_MAX_CHARS: Final = 1_024
URL_MAX_CHARS: Final = 2_048
TYPE_NAME_MAX_CHARS: Final = 32
FOREIGN_ID_MAX_CHARS: Final = 256
"""Family P's and S's own ids, text or integer."""
NAME_MAX_CHARS: Final = 256
"""Names of people, colleges, categories."""
HANDLE_MAX_CHARS: Final = 64
EMAIL_MAX_CHARS: Final = 254
"""RFC 5321's longest forward path."""
SOURCE_MAX_CHARS: Final = 512
CE_ID_MAX_CHARS: Final = 256

MIN_YEAR: Final = 1970
END_YEAR: Final = 2100
"""Times lie in [1970, 2100): what Postgres, ClickHouse's DateTime64 and a Date all hold."""
MAX_AHEAD_S: Final = 15 * 60
"""How far ahead of the door's clock an event may lie."""
