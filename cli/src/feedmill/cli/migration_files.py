"""Migrations as files: `NNNN_name.sql` in dbmate's form, first line a comment that says purpose and grain."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_UP, _DOWN = "-- migrate:up", "-- migrate:down"
_PART = re.compile(r"'(?:[^'\\]|\\.|'')*'|--[^\n]*|;|[^';-]+|-|'", re.DOTALL)
"""A string, a comment, a semicolon, or anything else: a statement ends at a semicolon outside the first two."""


class BadMigration(ValueError):
    """A file that cannot be a migration; says which and why."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    purpose: str
    up: str
    checksum: str
    """sha256 of the whole file: a migration that was applied never changes."""

    @property
    def label(self) -> str:
        return f"{self.version:04}_{self.name}"

    def statements(self) -> Iterator[str]:
        """The statements of `up`, one by one, without their semicolons."""
        statement: list[str] = []
        for part in _PART.findall(self.up):
            if part == ";":
                yield "".join(statement).strip()
                statement = []
            elif not part.startswith("--"):
                statement.append(part)
        if "".join(statement).strip():
            raise BadMigration(f"{self.label}: the last statement has no semicolon")


def folder_of(store: str) -> Path:
    """Where the migrations of `postgres` or `clickhouse` lie: inside the installed package, or in the checkout."""
    here = Path(__file__).resolve()
    for folder in (here.parent / "migrations", *(parent / "migrations" for parent in here.parents)):
        if (folder / store).is_dir():
            return folder / store
    raise BadMigration(f"no migrations/{store} beside {here}")


def load(folder: Path) -> list[Migration]:
    """All migrations of a folder in their order. Raises BadMigration: a bad name, a gap, no purpose, no up part."""
    found = [_read(path) for path in sorted(folder.glob("*.sql"))]
    for expected, migration in enumerate(found, start=1):
        if migration.version != expected:
            raise BadMigration(f"{migration.label}: expected number {expected:04}")
    return found


def _read(path: Path) -> Migration:
    named = _NAME.fullmatch(path.name)
    text = path.read_text(encoding="utf-8")
    purpose, _, body = text.partition("\n")
    _, up, rest = body.partition(_UP)
    if named is None:
        raise BadMigration(f"{path.name}: not of the form 0001_what_it_makes.sql")
    if not purpose.startswith("-- ") or "Grain:" not in purpose:
        raise BadMigration(f"{path.name}: the first line must say purpose and grain")
    if not up or _DOWN not in rest:
        raise BadMigration(f"{path.name}: needs `{_UP}` and `{_DOWN}`")
    return Migration(
        version=int(named[1]),
        name=named[2],
        purpose=purpose.removeprefix("-- "),
        up=rest.partition(_DOWN)[0],
        checksum=hashlib.sha256(text.encode()).hexdigest(),
    )
