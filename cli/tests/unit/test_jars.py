from __future__ import annotations

import re
from pathlib import Path

import pytest

from feedmill.cli.local import jars


def test_every_jar_is_pinned_and_hashed() -> None:
    listed = jars.listed()
    assert len(listed) == 92
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in listed)
    assert "org.apache.kafka:kafka_2.13:4.3.1" in {jar.coordinate for jar in listed}


def test_the_pom_names_each_jar_and_lets_none_bring_others() -> None:
    text = jars.pom(jars.listed())
    assert text.count("<dependency>") == text.count("<exclusion>") == len(jars.listed())


def test_a_jar_that_is_not_the_checked_in_one_is_refused(tmp_path: Path) -> None:
    for jar in jars.listed():
        (tmp_path / jar.file).write_bytes(b"not a jar")
    with pytest.raises(jars.JarRefused, match="sha256"):
        jars.verify(tmp_path)


def test_a_jar_that_was_not_fetched_is_named(tmp_path: Path) -> None:
    with pytest.raises(jars.JarRefused, match="was not fetched"):
        jars.verify(tmp_path)
    assert not jars.installed(tmp_path)
