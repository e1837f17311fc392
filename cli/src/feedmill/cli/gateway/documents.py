"""One documentation for one origin: the services' OpenAPI documents, merged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from feedmill.cli.gateway.upstream import Away, Broken, Upstream
from feedmill.runtime import docs_page

PAGE = docs_page.html("Feedmill")


class Documents:
    PATHS = (docs_page.PATH, "/openapi.json", *(f"{docs_page.PATH}/{name}" for name in docs_page.ASSETS))

    def __init__(self, upstreams: Mapping[str, Upstream]) -> None:
        self._upstreams = upstreams

    async def answer(self, path: str) -> tuple[int, str, bytes]:
        if path == docs_page.PATH:
            return 200, "text/html; charset=utf-8", PAGE.encode()
        page_file = docs_page.asset(path.removeprefix(f"{docs_page.PATH}/"))
        if page_file is not None:
            media_type, file = page_file
            return 200, media_type, file.read_bytes()
        try:
            found = {name: json.loads((await up.get("/openapi.json"))[1]) for name, up in self._upstreams.items()}
        except (Away, Broken) as error:
            problem = {
                "type": "urn:feedmill:problem:service-away",
                "title": "Service away",
                "status": 503,
                "detail": str(error),
            }
            return 503, "application/problem+json", json.dumps(problem).encode()
        return 200, "application/json", json.dumps(merged(found)).encode()


def merged(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Paths and components of all. A component two services describe differently gets the service's name."""
    out: dict[str, Any] = {"openapi": "3.1.0", "info": {"title": "Feedmill", "version": ""}, "paths": {}}
    components: dict[str, dict[str, Any]] = {}
    for name, document in documents.items():
        own = renamed(name, document, components)
        out["openapi"] = own.get("openapi", out["openapi"])
        out["info"]["version"] = own.get("info", {}).get("version", "")
        for path, methods in own.get("paths", {}).items():
            out["paths"].setdefault(path, {}).update(methods)
        for kind, entries in own.get("components", {}).items():
            components.setdefault(kind, {}).update(entries)
    return {**out, "components": components}


def renamed(service: str, document: Mapping[str, Any], taken: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    text = json.dumps(document)
    for kind, entries in document.get("components", {}).items():
        for entry, value in entries.items():
            if entry in taken.get(kind, {}) and taken[kind][entry] != value:
                text = text.replace(f'"#/components/{kind}/{entry}"', f'"#/components/{kind}/{service}.{entry}"')
                text = text.replace(f'"{entry}": {json.dumps(value)}', f'"{service}.{entry}": {json.dumps(value)}')
    own: dict[str, Any] = json.loads(text)
    return own
