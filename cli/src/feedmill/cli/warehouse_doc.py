"""`python -m feedmill.cli.warehouse_doc [--check]`: docs/warehouse.md out of the migrations' own comments."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from feedmill.cli.migration_files import Migration, folder_of, load

PAGE = Path(__file__).resolve().parents[4] / "docs" / "warehouse.md"

HEAD = """# Warehouse: the data dictionary

Generated from `migrations/clickhouse` by `python -m feedmill.cli.warehouse_doc`; change a comment there, not here.

Facts hold what happened, one row a grain; dimensions what it is about. In the views `analytics.*` every column called
*additive* may be summed over anything the view offers. Count users as `uniqExact`: distinct counts are never additive.
A ReplacingMergeTree may hold an event twice for a while: read it as `FROM table FINAL`, as the views do. Times are UTC.
Who asks is `analyst`: read-only, 30 s, 300 MB a question and 400 MB all of them together (larger groups and sorts go
by the disk), a million rows an answer.

The joins: `actor_id` with `dim_user.user_id`, `(object_type, object_id)` with `dim_object`, `saga_id`, `entity_id` and
`content_id` with their dimensions, any day with `dim_date.date`. Each dimension has one row a key, so joining it
multiplies nothing; of `user_history` take the period a fact's time lies in.
Family P's readers (`fact_reading.user_id`) are no users of the feeds.
"""

_CREATE = re.compile(r"CREATE (?:OR REPLACE )?(TABLE|VIEW) (?:IF NOT EXISTS )?([\w.]+)\s*(\(|AS\b)", re.DOTALL)
_ALTER = re.compile(r"ALTER TABLE ([\w.]+)\s+(.*)", re.DOTALL)
_ADDED = re.compile(r"ADD COLUMN IF NOT EXISTS (.*?)(?: AFTER (\w+))?$", re.DOTALL)
_COMMENT = re.compile(r"COMMENT '((?:[^']|'')*)'")
_ORDER = re.compile(r"ORDER BY (\([^)]*\)|\w+)")
_ENGINE = re.compile(r"ENGINE = (\w+)")


@dataclass(slots=True)
class Column:
    name: str
    type: str
    comment: str


@dataclass(slots=True)
class Thing:
    """A table or a view."""

    name: str
    kind: str
    purpose: str
    comment: str
    key: str = ""
    engine: str = ""
    columns: list[Column] = field(default_factory=list)


def things(migrations: list[Migration]) -> dict[str, Thing]:
    """Name -> what stands in the warehouse once all of them are applied."""
    found: dict[str, Thing] = {}
    for migration in migrations:
        for statement in migration.statements():
            created, altered = _CREATE.search(statement), _ALTER.search(statement)
            if created is not None:
                thing = _created(migration, statement, created)
                found[thing.name] = thing
            elif altered is not None and altered[1] in found:
                _alter(found[altered[1]], altered[2])
    return found


def _created(migration: Migration, statement: str, match: re.Match[str]) -> Thing:
    thing = Thing(match[2], match[1].lower(), migration.purpose, "")
    rest = statement[match.end() - 1 :] if match[3] == "(" else statement[match.end() :]
    if match[3] == "(":
        inside = _parenthesised(rest)
        thing.columns = [column for text in _split(inside) if (column := _column(text))]
        rest = rest[len(inside) + 2 :]
    else:
        thing.columns = [Column(name, "", "") for name in _selected(rest)]
    tail = rest[rest.rfind("\n") :] if thing.kind == "view" else rest
    comment, order, engine = _COMMENT.search(tail), _ORDER.search(rest), _ENGINE.search(rest)
    thing.comment = comment[1].replace("''", "'") if comment else ""
    if thing.kind == "table":
        thing.key, thing.engine = order[1] if order else "", engine[1] if engine else ""
    return thing


def _alter(thing: Thing, changes: str) -> None:
    for change in _split(changes):
        match = _ADDED.match(change.strip())
        column = _column(match[1]) if match else None
        if match is None or column is None:
            continue
        places = [index for index, known in enumerate(thing.columns) if known.name == match[2]]
        thing.columns.insert(places[0] + 1 if places else len(thing.columns), column)


def _column(text: str) -> Column | None:
    name, _, rest = text.strip().partition(" ")
    if name in ("INDEX", "PROJECTION", "CONSTRAINT", ""):
        return None
    comment = _COMMENT.search(rest)
    kind = re.split(r"\s+(?:COMMENT|DEFAULT|CODEC|MATERIALIZED)\b", " " + rest.strip())[0].strip()
    return Column(name, kind, comment[1].replace("''", "'") if comment else "")


def _selected(query: str) -> Iterator[str]:
    """The names of a SELECT's columns."""
    text = re.sub(r"^\s*SELECT\s+(?:DISTINCT\s+)?", "", query)
    for column in _split(text, until=r"\bFROM\b"):
        yield re.split(r"\s+AS\s+|\s+", column.strip())[-1]


def _parenthesised(text: str) -> str:
    """What stands between the first parenthesis and its partner."""
    depth, quoted = 0, False
    for index, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth == 0:
                return text[1:index]
    raise ValueError("a parenthesis is not closed")


def _split(text: str, until: str = "") -> Iterator[str]:
    """At the commas outside of parentheses and quotes, up to the word `until` outside of them."""
    depth, quoted, start = 0, False, 0
    for index, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
            if depth == 0 and character == ",":
                yield text[start:index]
                start = index + 1
            if depth == 0 and until and re.match(until, text[index:]) and text[index - 1].isspace():
                yield text[start:index]
                return
    yield text[start:]


def page() -> str:
    known = things(load(folder_of("clickhouse")))
    groups = {
        "Views for analysts": [t for t in known.values() if t.name.startswith("analytics.")],
        "Facts": [t for t in known.values() if t.name.startswith("fact_")],
        "Dimensions": [t for t in known.values() if t.name.startswith("dim_") or t.name.endswith("_history")],
    }
    listed = {thing.name for group in groups.values() for thing in group}
    groups["What they are made of"] = [t for t in known.values() if t.name not in listed]
    parts = [HEAD]
    for title, group in groups.items():
        parts.append(f"## {title}\n")
        parts += [_shown(thing) for thing in sorted(group, key=lambda thing: thing.name)]
    return "\n".join(parts).rstrip() + "\n"


def _shown(thing: Thing) -> str:
    grain = thing.comment if "Grain:" in thing.comment else thing.purpose
    lines = [f"### {thing.name}\n", _escaped(grain)]
    if thing.comment and thing.comment != grain:
        lines.append(_escaped(thing.comment))
    if thing.kind == "table":
        lines.append(f"\nKey `{thing.key}`, {thing.engine}.")
    if any(column.type for column in thing.columns):
        lines += ["\n| column | type | |", "|---|---|---|"]
        lines += [f"| {c.name} | {_escaped(c.type)} | {_escaped(c.comment)} |" for c in thing.columns]
    else:
        lines.append("\nColumns: " + ", ".join(f"`{column.name}`" for column in thing.columns) + ".")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    text = page()
    if "--check" not in arguments:
        PAGE.write_text(text)
        return 0
    if PAGE.exists() and PAGE.read_text() == text:
        return 0
    print("docs/warehouse.md is not what the migrations say: python -m feedmill.cli.warehouse_doc", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
