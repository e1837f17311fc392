"""The figures as a table: on the terminal, and between two marks in a Markdown file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from bench.harness import Figure
from bench.machine import Machine

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_HEAD = ("bench", "what", "measured", "beside", "ratio", "goal", "met")


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 1_000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _spread(values: Sequence[float]) -> str:
    return f" ({number(min(values))} to {number(max(values))})" if len(values) > 1 else ""


def cells(figure: Figure) -> tuple[str, ...]:
    """One line, as `_HEAD` names its cells."""
    beside = figure.beside
    if figure.baseline_value is not None:
        beside = f"{number(figure.baseline_value)} {beside}"
    goal = "" if figure.goal is None else f"{figure.goal.sense.value} {number(figure.goal.value)}"
    return (
        figure.bench,
        figure.what,
        f"{number(figure.value)} {figure.unit}{_spread(figure.measured)}",
        beside,
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        goal,
        {True: "yes", False: "no", None: ""}[figure.met],
    )


def table(figures: Sequence[Figure]) -> Table:
    drawn = Table(title="Medians of all rounds, in brackets the lowest and the highest", title_style="dim")
    for name in _HEAD:
        drawn.add_column(name, justify="right" if name == "ratio" else "left", overflow="fold")
    for figure in figures:
        style = {True: "green", False: "red", None: ""}[figure.met]
        *others, met = cells(figure)
        drawn.add_row(*others, f"[{style}]{met}[/]" if style else met)
    return drawn


def markdown(figures: Sequence[Figure], machine: Machine, load: str) -> str:
    lines = [*(f"- {line}" for line in machine.lines()), f"- {load}", ""]
    lines += ["| " + " | ".join(_HEAD) + " |", "|" + "---|" * len(_HEAD)]
    lines += ["| " + " | ".join(cells(figure)) + " |" for figure in figures]
    noted = [f"- {note}" for note in notes(figures)]
    return "\n".join([*lines, *(["", *noted] if noted else [])])


def notes(figures: Sequence[Figure]) -> list[str]:
    return [f"{figure.bench}, {figure.what}: {figure.notes}" for figure in figures if figure.notes]


def write(path: Path, text: str) -> None:
    """Puts `text` between the marks of the file. ValueError where it has none."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} has no {BEGIN} … {END}")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
