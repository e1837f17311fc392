"""Which service answers what: one checked-in table, made from the two apps' own routes (`feedmill routes --write`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

TABLE = Path(__file__).with_name("routes.json")
FALLBACK = "api"
"""Answers unknown paths: 404 as a problem document."""


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """`path` as OpenAPI writes it: `/v1/users/{id}/feed`."""

    path: str
    method: str
    service: str

    @property
    def pattern(self) -> str:
        """The path as a regular expression; nginx and Python agree on it."""
        parts = re.split(r"(\{[^}]*\})", self.path)
        return "^" + "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts) + "$"


def load(table: Path = TABLE) -> tuple[Route, ...]:
    return tuple(Route(**row) for row in json.loads(table.read_text()))


def dump(routes: Iterable[Route]) -> str:
    """The checked-in form: sorted, one route a line."""
    rows = [json.dumps({"method": r.method, "path": r.path, "service": r.service}) for r in sorted(routes)]
    return "[\n  " + ",\n  ".join(rows) + "\n]\n"


@dataclass(frozen=True, slots=True)
class Table:
    """Finds the service of a request; HEAD goes where GET goes, a known path with another method to its owner."""

    exact: Mapping[tuple[str, str], str]
    templates: tuple[tuple[str, re.Pattern[str], str], ...]
    owners: Mapping[str, str] = field(default_factory=dict)
    """Exact path -> the service that has it under some method."""

    @classmethod
    def of(cls, routes: Iterable[Route]) -> Table:
        """Reads (GET) are listed first, so that a path both services have belongs to api for unknown methods."""
        known = sorted(routes, key=lambda route: (route.method != "GET", route))
        plain = [route for route in known if "{" not in route.path]
        owners: dict[str, str] = {}
        for route in plain:
            owners.setdefault(route.path, route.service)
        return cls(
            exact={(route.method, route.path): route.service for route in plain},
            templates=tuple((r.method, re.compile(r.pattern), r.service) for r in known if "{" in r.path),
            owners=owners,
        )

    def service(self, method: str, path: str) -> str:
        asked = "GET" if method == "HEAD" else method
        found = self.exact.get((asked, path))
        if found is not None:
            return found
        matching = [(m, service) for m, pattern, service in self.templates if pattern.match(path)]
        for known_method, service in matching:
            if known_method == asked:
                return service
        if path in self.owners:
            return self.owners[path]
        return matching[0][1] if matching else FALLBACK
