"""What the documents name is there: links, make targets, commands, modules, settings."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from feedmill.api.settings import ApiSettings
from feedmill.cli.config import CliSettings
from feedmill.cli.main import COMMANDS, loaded
from feedmill.enricher.settings import EnricherSettings
from feedmill.feed_writer.settings import FeedWriterSettings
from feedmill.ingest.settings import IngestSettings
from feedmill.runtime.settings import GLOBAL_NAMES, Settings, _names_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
)
SETTINGS: tuple[type[Settings], ...] = (ApiSettings, CliSettings, EnricherSettings, FeedWriterSettings, IngestSettings)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def code_of(page: Path) -> list[str]:
    """Blocks and spans of code."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return blocks + re.findall(r"`([^`\n]+)`", rest)


@each_page
def test_a_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target) and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), target


@each_page
def test_a_make_target_is_one(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for code in code_of(page) for name in re.findall(r"(?:^|\s)make ([a-z][a-z0-9-]*)", code)}
    assert named - targets == set()


@each_page
def test_a_command_is_one_and_takes_its_options(page: Path) -> None:
    for line in (line for code in code_of(page) for line in code.splitlines()):
        for name, sub, rest in re.findall(r"(?:^|[\s/(])feedmill ([a-z]+)(?: ([a-z]+))?(?![\w-])([^|]*)", line):
            assert name in COMMANDS, f"feedmill {name}"
            command = loaded(name)
            below: dict[str, Any] = getattr(command, "commands", {})
            assert not sub or not below or sub in below, f"feedmill {name} {sub}"
            known = {option for each in (command, *below.values()) for given in each.params for option in given.opts}
            assert set(re.findall(r"--[a-z][a-z-]*", rest)) - known - {"--help"} == set(), line


@each_page
def test_a_module_that_is_run_is_there(page: Path) -> None:
    for code in code_of(page):
        for module in re.findall(r"python -m ((?:feedmill|bench|chaos)[a-z_.]*)", code):
            assert find_spec(module) is not None, module


def names() -> Iterator[str]:
    yield from GLOBAL_NAMES
    for settings in SETTINGS:
        yield from _names_of(settings, settings._own_prefix())


@each_page
def test_a_setting_is_one(page: Path) -> None:
    known = set(names())
    sections = {name.rpartition("__")[0] for name in known}
    for code in code_of(page):
        for name in re.findall(r"FEEDMILL_[A-Z_]*[A-Z]", code):
            plain = name.removesuffix("_FILE")
            assert plain in known or plain in sections or name.startswith("FEEDMILL_GATEWAY__"), name
