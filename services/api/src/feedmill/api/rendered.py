"""Numbers -> HTML: tables, figures, and charts whose numbers lie beside them for uPlot. Pure; everything is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from feedmill.api import analytics_wire as wire

FOLDER: Final = Path(__file__).with_name("page")
ASSETS: Final[Mapping[str, str]] = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "uPlot.iife.min.js": "text/javascript",
    "uPlot.min.css": "text/css",
}
"""File -> media type."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:"
)
_PAGE: Final = Template((FOLDER / "page.html").read_text(encoding="utf-8"))

Cell = str | float | None

NOTHING: Final = '<p class="none">Nothing in this time.</p>'
ASK_FOR_A_KEY: Final = """<section class="wide"><h2>A key is needed</h2>
<form id="key">
<label>key with scope analytics:read <input name="key" type="password" required autocomplete="off"></label>
<button>Show</button></form>
<p class="none">It stays in this tab.
<code>feedmill keys create --service me --scopes analytics:read</code> makes one.</p>
</section>"""


def today() -> tuple[date, date]:
    now = datetime.now(UTC).date()
    return now, now


def page(first: date, last: date, sections: Iterable[str], foot: str) -> str:
    """The whole page; `sections` are HTML, `foot` is text."""
    return _PAGE.substitute(first=first, last=last, body="\n".join(sections), foot=escape(foot))


def section(title: str, content: str, note: str = "", *, wide: bool = False) -> str:
    shown = f" <small>{escape(note)}</small>" if note else ""
    return f"<section{' class=wide' if wide else ''}><h2>{escape(title)}{shown}</h2>\n{content}</section>"


def figures(values: Mapping[str, int | None]) -> str:
    shown = (f"<div><b>{number(value)}</b>{escape(name)}</div>" for name, value in values.items())
    return f'<section class="wide figures">{"".join(shown)}</section>'


def number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.1%}"


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Numbers to the right; a float is a share."""
    lines = [f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows]
    if not lines:
        return NOTHING
    head = "".join(f"<th{'' if place == 0 else ' class=n'}>{escape(name)}</th>" for place, name in enumerate(columns))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _cell(value: Cell) -> str:
    if isinstance(value, str):
        return f'<td title="{escape(value)}">{escape(value)}</td>'
    return f"<td class=n>{number(value)}</td>"


def chart(name: str, days: Sequence[date], lines: Mapping[str, Sequence[int]]) -> str:
    """Lines over days. `name` is an id of the page."""
    if not days:
        return NOTHING
    moments = [int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in days]
    numbers = json.dumps({"time": moments, "names": list(lines), "values": list(lines.values())})
    beside = f'<script type="application/json" id="{name}">{numbers.replace("<", chr(92) + "u003c")}</script>'
    return f'<div class="chart" data-numbers="{name}"></div>\n{beside}'


def funnel(recorded: bool, steps: Sequence[wire.Step]) -> str:
    rows: list[Sequence[Cell]] = [(step.name, step.users, step.share_of_first) for step in steps]
    note = "" if recorded else '<p class="none">Nothing records who saw a feed, so it begins with likes.</p>'
    return table(("step", "users", "of the first"), rows) + note


def cohorts(retained: Sequence[wire.Cohort], weeks: int) -> str:
    columns = ("week of", "users", *(f"+{k}" for k in range(1, weeks + 1)))
    rows: list[Sequence[Cell]] = [
        (c.week.isoformat(), c.users, *(None if n is None else n / c.users for n in c.active)) for c in retained
    ]
    return table(columns, rows)
