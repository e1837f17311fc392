"""Family P's event `user-interaction`: bare JSON from old producers, with an envelope from the door."""

from typing import Annotated

from pydantic import Field

from feedmill.contracts.base import Date, ForeignId, Wire


class Reading(Wire):
    """user read part of a content on a day. Key: user_id as text."""

    user_id: ForeignId
    content_id: ForeignId
    read_percent: Annotated[float, Field(ge=0, le=100)]
    updated_at: Date
