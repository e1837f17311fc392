"""Family S's event of the topic `analytics.article.e`."""

from typing import Annotated

from pydantic import Field

from feedmill.contracts.base import Wire
from feedmill.contracts.limits import FOREIGN_ID_MAX_CHARS

READERS_MAX = 2**31 - 1
"""ClickHouse keeps readers as Int32."""
TIME_END_S = 4_102_444_800
"""2100-01-01, seconds since 1970."""


class Article(Wire):
    """An article's text and how many read it. `time`: seconds since 1970. Key: id."""

    id: Annotated[str, Field(min_length=1, max_length=FOREIGN_ID_MAX_CHARS)]
    time: Annotated[int, Field(ge=0, lt=TIME_END_S)]
    readers: Annotated[int, Field(ge=0, le=READERS_MAX)]
    text: str
