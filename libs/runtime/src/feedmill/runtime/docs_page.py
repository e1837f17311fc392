"""The page at /docs, with nothing fetched from elsewhere: Swagger UI's files lie in a wheel."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Final

PATH: Final = "/docs"
ASSETS: Final[Mapping[str, str]] = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
"""File -> media type; served below PATH."""
_WHEEL: Final = "fastapi_offline"


def html(title: str) -> str:
    """Shows /openapi.json of the same origin."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<link rel="stylesheet" href="{PATH}/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<noscript>The description itself: <a href="/openapi.json">/openapi.json</a></noscript>
<script src="{PATH}/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({{url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true}});</script>
</body></html>
"""


def asset(name: str) -> tuple[str, Path] | None:
    """Media type and file, or None for any name that is not an asset's."""
    media_type = ASSETS.get(name)
    spec = find_spec(_WHEEL)
    if media_type is None or spec is None or not spec.submodule_search_locations:
        return None
    return media_type, Path(spec.submodule_search_locations[0]) / "static" / name
