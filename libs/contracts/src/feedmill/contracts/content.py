"""Family P's event `content-meta`."""

from feedmill.contracts.base import ForeignId, Name, Wire


class ContentMeta(Wire):
    """content belongs to a category, maybe to others as well. Key: content_id as text."""

    content_id: ForeignId
    category_name: Name
