"""`python -m feedmill.contracts.compat`: may the models take the place of the released ones?

Records are kept for ever and services are rolled one by one, so both must hold: every new record can be read by the
released readers, and every released record by the new ones. Readers ignore fields they do not know, so a new optional
field is fine; everything else a reader checks must stay as it is. A new meaning is a new version of the type.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from feedmill.contracts.schemas import all_schemas

Schema = Mapping[str, Any]
RELEASED: Final = Path(__file__).parents[3] / "schemas" / "released"
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_EXACT: Final = ("type", "pattern", "format", "const", "default", "additionalProperties")
_MISSING: Final = object()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="feedmill.contracts.compat", description=__doc__)
    parser.parse_args(arguments)
    released = {path.stem: json.loads(path.read_text()) for path in sorted(RELEASED.glob("*.json"))}
    found = list(breaks(released, all_schemas()))
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


def breaks(released: Mapping[str, Schema], present: Mapping[str, Schema]) -> Iterator[str]:
    """Each break in words, with the schema and the field's path."""
    for name, old in released.items():
        if name not in present:
            yield f"{name}: is gone, but its records are kept for ever"
            continue
        new = present[name]
        yield from (f"{name}{line}" for line in _differences(_resolved(old, old), _resolved(new, new), ""))


def _resolved(schema: Any, root: Schema) -> Any:
    """The schema with every `$ref` put in place."""
    if isinstance(schema, list):
        return [_resolved(item, root) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        return _resolved({**target, **{key: value for key, value in schema.items() if key != "$ref"}}, root)
    return {key: _resolved(value, root) for key, value in schema.items() if key != "$defs"}


def _differences(old: Schema, new: Schema, path: str) -> Iterator[str]:
    yield from _bounds(old, new, path)
    for word in _EXACT:
        if old.get(word, _MISSING) != new.get(word, _MISSING):
            yield f"{path}: {word} differs: old records or old readers cannot take it"
    yield from _values(old, new, path)
    yield from _properties(old, new, path)
    for word in ("items", "anyOf", "oneOf", "allOf", "prefixItems"):
        yield from _inner(old.get(word), new.get(word), f"{path}/{word}")


def _bounds(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for word in (*_UPPER, *_LOWER):
        before, after = old.get(word), new.get(word)
        if before == after:
            continue
        widens = after is None or (before is not None and (after > before) == (word in _UPPER))
        yield f"{path}: {word} {before} -> {after}: " + (
            "old readers would refuse new records" if widens else "old records would be refused"
        )


def _values(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = old.get("enum"), new.get("enum")
    if before is None and after is None:
        return
    for value in [value for value in before or [] if value not in (after or [])]:
        yield f"{path}: {value!r} is no longer a value: old records hold it"
    for value in [value for value in after or [] if value not in (before or [])]:
        yield f"{path}: {value!r} is a new value: old readers would refuse it"


def _properties(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(needed_after - needed_before):
        yield f"{path}/{name}: is now required: old records lack it"
    for name in sorted(needed_before - needed_after):
        yield f"{path}/{name}: is no longer required: old readers would miss it"
    for name, schema in before.items():
        if name not in after:
            yield f"{path}/{name}: is gone: its name could come back with another meaning"
        else:
            yield from _differences(schema, after[name], f"{path}/{name}")


def _inner(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _differences(old, new, path)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(before, after, f"{path}/{index}")
    elif old != new:
        yield f"{path}: differs: old records or old readers cannot take it"


if __name__ == "__main__":
    sys.exit(main())
