"""The Dockerfiles, read as files: small, hashed, unprivileged, and buildable by the classic builder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = {
    "services/ingest": "ingest",
    "services/enricher": "enricher",
    "services/feed-writer": "feed-writer",
    "services/api": "api",
    "cli": "cli",
}

WITH_SAGA_MODEL = {"services/enricher", "services/api"}
"""Their build stage trains the model; the final stage has its artefact and no scikit-learn."""
WITH_SAGAS = WITH_SAGA_MODEL | {"cli"}

every_image = pytest.mark.parametrize("member", sorted(MEMBERS))


def instructions(member: str) -> list[str]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    text = (ROOT / member / "Dockerfile").read_text()
    joined = re.sub(r"\\\n\s*", "", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return [line for line in joined.splitlines() if line.strip()]


@every_image
def test_the_image_is_made_in_two_stages_and_runs_as_nobody_special(member: str) -> None:
    lines = instructions(member)
    stages = [line for line in lines if line.startswith("FROM ")]
    assert len(stages) == 2
    final = lines[len(lines) - lines[::-1].index(stages[1]) :]
    assert "USER 10001:10001" in final
    assert sum(line.startswith("HEALTHCHECK") for line in final) == 1
    assert not any(line.startswith("RUN python") for line in final), "nothing is installed in the final stage"


@every_image
def test_the_image_builds_without_buildkit(member: str) -> None:
    for line in instructions(member):
        assert "--mount" not in line
        assert "--chmod" not in line
        assert "<<" not in line


@every_image
def test_only_the_members_own_hashed_requirements_are_installed(member: str) -> None:
    text = "\n".join(instructions(member))
    wanted = ["build", MEMBERS[member], *(["saga-train"] if member in WITH_SAGA_MODEL else [])]
    assert re.findall(r"-r requirements/(\S+)\.txt", text) == wanted
    assert text.count("install -q --require-hashes") == len(wanted)
    assert re.search(r"pip wheel -q --no-deps --no-build-isolation \S+ \S+ (.*?) &&", text)
    assert "install -q --no-deps --no-index" in text


@every_image
def test_exactly_the_member_and_its_libraries_are_built_in(member: str) -> None:
    wheel = next(line for line in instructions(member) if "pip wheel" in line)
    libraries = ["libs/contracts", "libs/runtime", *(["libs/sagas"] if member in WITH_SAGAS else [])]
    assert re.findall(r"\./(\S+)", wheel) == [*libraries, member]


@every_image
def test_what_is_copied_exists_and_is_let_in(member: str) -> None:
    let_in = [
        line.removeprefix("!").rstrip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    for line in instructions(member):
        if not line.startswith("COPY ") or "--from=" in line:
            continue
        for source in line.split()[1:-1]:
            assert (ROOT / source).exists()
            assert any(Path(source).match(pattern) or source.startswith(pattern) for pattern in let_in)


def test_every_image_starts_from_the_same_python() -> None:
    bases = {line.split()[1] for member in MEMBERS for line in instructions(member) if line.startswith("FROM ")}
    assert bases == {"python:3.13-slim-bookworm"}
