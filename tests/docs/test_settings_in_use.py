"""A setting that nothing reads is a promise nobody keeps; a table that names another is one nobody can use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from feedmill.api.settings import ApiSettings
from feedmill.enricher.settings import EnricherSettings
from feedmill.feed_writer.settings import FeedWriterSettings
from feedmill.ingest.settings import IngestSettings

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, type[BaseModel]] = {
    "api": ApiSettings,
    "enricher": EnricherSettings,
    "feed-writer": FeedWriterSettings,
    "ingest": IngestSettings,
}
each_service = pytest.mark.parametrize("service", SERVICES)


def names_of(section: type[BaseModel], above: str = "") -> Iterator[str]:
    """`IDS__AHEAD_S`: as they stand behind the service's prefix, optional sections' too."""
    for name, field in section.model_fields.items():
        below = [kind for kind in (field.annotation, *get_args(field.annotation)) if is_section(kind)]
        if below:
            yield from names_of(below[0], f"{above}{name.upper()}__")
        else:
            yield f"{above}{name.upper()}"


def is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def source_of(service: str) -> str:
    folders = (ROOT / "services" / service / "src", ROOT / "libs" / "runtime" / "src")
    return "\n".join(path.read_text() for folder in folders for path in sorted(folder.glob("**/*.py")))


@each_service
def test_every_setting_is_read(service: str) -> None:
    read = set(re.findall(r"\.([a-z][a-z_0-9]*)", source_of(service)))
    assert {name for name in names_of(SERVICES[service]) if name.rpartition("__")[2].lower() not in read} == set()


def names_in_table(service: str) -> Iterator[str]:
    """`__B` behind `A__X` is short for `A__B`."""
    text = (ROOT / "services" / service / "README.md").read_text()
    for line in text.partition("\n## Settings\n")[2].partition("\n## ")[0].splitlines():
        section = ""
        for name in re.findall(r"`([A-Z_0-9]+)`", line.split("|")[1]) if line.startswith("| `") else ():
            full = f"{section}{name}" if name.startswith("__") else name
            section = full.rpartition("__")[0]
            yield full


@each_service
def test_a_services_table_names_settings_that_are_there(service: str) -> None:
    named = set(names_in_table(service))
    assert named
    assert named - set(names_of(SERVICES[service])) == set()
