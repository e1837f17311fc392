"""Every saved question runs as the analyst, within the analyst's limits, and says something of a town's events."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from warehouse.analyst import Analyst, NativeAnalyst
from warehouse.conftest import Mill
from warehouse.town import Town

pytestmark = pytest.mark.integration

FOLDER = Path(__file__).resolve().parents[2] / "analytics"
QUESTIONS = sorted(FOLDER.glob("*.sql"))
PARAMETER = re.compile(r"^-- (\w+): \w+ = '([^']*)'$", re.MULTILINE)


def test_there_are_questions() -> None:
    assert len(QUESTIONS) >= 10


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda path: path.stem)
def test_a_saved_question_is_answered(path: Path, town: tuple[Mill, Town]) -> None:
    mill, _ = town
    text = path.read_text()
    assert text.startswith("-- "), "the first line is the question"
    tried = {"first": "2026-10-01", "last": "2026-10-20"}
    bound = dict(PARAMETER.findall(text))
    bound |= {name: value for name, value in tried.items() if name in bound}
    bound |= {"days": "7"} if "{days:" in text else {}
    assert set(re.findall(r"\{(\w+):", text)) == set(bound)
    rows = Analyst(mill.server).rows(text, bound)
    assert rows, "something is there to be found"
    assert len(rows) <= 1_000
    over_native = NativeAnalyst(mill.server).rows(text, bound)
    assert list(over_native[0]) == list(rows[0])
    assert len(over_native) == len(rows)


def charted() -> list[tuple[str, str]]:
    """Question and column of every chart that the notebook draws of a question's own rows."""
    found = []
    for cell in ast.parse((FOLDER / "notebook.py").read_text()).body:
        asked: dict[str, str] = {}
        for node in ast.walk(cell):  # by the depth: an assignment comes before the calls within others
            match node:
                case ast.Assign([ast.Name(name)], ast.Call(ast.Name("rows"), [ast.Constant(str(question)), *_])):
                    asked[name] = question
                case ast.Call(ast.Name("bars" | "lines"), [ast.Name(name), *columns]) if name in asked:
                    found += [(asked[name], ast.literal_eval(column)) for column in columns]
    return found


def test_what_the_notebook_draws_is_a_column_of_what_it_asks(town: tuple[Mill, Town]) -> None:
    assert len({question for question, _ in charted()}) >= 4
    for question, column in charted():
        text = (FOLDER / f"{question}.sql").read_text()
        rows = Analyst(town[0].server).rows(text, dict(PARAMETER.findall(text)))
        assert column in rows[0], (question, column)


def test_the_notebook_asks_every_saved_question() -> None:
    """Read as a file: what it needs is no part of the development environment."""
    text = (FOLDER / "notebook.py").read_text()
    compile(text, "notebook.py", "exec")
    asked = re.findall(r'rows\("(\w+)"', text)
    assert sorted(asked) == sorted(path.stem for path in QUESTIONS)
    cells = text.split("@app.cell\n")[1:]
    defined = [name for cell in cells for name in set(re.findall(r"^    (\w+) = ", cell, re.MULTILINE))]
    assert len(defined) == len(set(defined)), "a name belongs to one cell"
