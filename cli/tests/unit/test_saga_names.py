"""`feedmill saga names` on a file; on the warehouse: tests/e2e/test_articles.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from feedmill.cli.saga_commands import app

run = CliRunner()


def test_names_that_the_list_lacks_are_told_to_people_and_to_machines(tmp_path: Path) -> None:
    file, listed = tmp_path / "texts.ndjson", tmp_path / "list.txt"
    listed.write_text("Sam\n")
    texts = [("with Sam Tarly and Kelsier", 5), ("then Sam Tarly met Sam", 50)]
    file.write_text("".join(json.dumps({"text": text, "readers": readers}) + "\n" for text, readers in texts))
    told = run.invoke(app, ["names", str(file), "--entities", str(listed), "--json"])
    assert json.loads(told.stdout) == [
        {"name": "Sam Tarly", "occurrences": 2, "texts": 2, "readers": 55, "counted_as": ["Sam"]}
    ]
    assert "Kelsier" in run.invoke(app, ["names", str(file), "--entities", str(listed), "--texts", "1"]).stdout
    assert "Nothing" in run.invoke(app, ["names", str(file), "--texts", "9"]).stdout


@pytest.mark.parametrize("line", ["{", "[]", '{"readers": 1}', '{"text": "x", "readers": "many"}', '{"text": 7}'])
def test_a_line_that_is_no_text_is_named(line: str, tmp_path: Path) -> None:
    file = tmp_path / "texts.ndjson"
    file.write_text('{"text": "x"}\n' + line + "\n")
    ended = run.invoke(app, ["names", str(file)])
    assert ended.exit_code == 1
    assert "line 2" in ended.stderr
