"""`feedmill saga evaluate` on texts that the installed model was not trained on."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from feedmill.cli.saga_commands import app

HELD_OUT = Path(__file__).parents[3] / "libs" / "sagas" / "tests" / "data" / "held-out.ndjson"


def test_the_command_says_precision_and_recall_of_each_class_and_of_unknown() -> None:
    done = CliRunner().invoke(app, ["evaluate", str(HELD_OUT), "--with-unknown", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.output)
    assert set(said["classes"]) == {"got", "lotr", "hp", "unknown"}
    assert said["accuracy"] >= 0.77
    assert said["classes"]["unknown"]["recall"] >= 0.80
    assert sum(sum(row.values()) for row in said["confusion"].values()) == said["texts"] == 120


def test_without_unknown_only_the_sagas_texts_count() -> None:
    done = CliRunner().invoke(app, ["evaluate", str(HELD_OUT), "--json"])
    said = json.loads(done.output)
    assert (said["texts"], set(said["classes"])) == (90, {"got", "lotr", "hp"})
    assert "accuracy" in CliRunner().invoke(app, ["evaluate", str(HELD_OUT)]).output
