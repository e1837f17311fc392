"""The saved questions with pictures, as a marimo notebook.

    python -m venv .venv-notebook && .venv-notebook/bin/pip install --require-hashes -r requirements/notebook.txt
    .venv-notebook/bin/marimo edit analytics/notebook.py        (or: python analytics/notebook.py, as a script)

CLICKHOUSE_URL says where to ask, as the analyst; by default the local platform at port 5000.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Feedmill analytics")


@app.cell
def _():
    import os
    import re
    from pathlib import Path

    import altair as alt
    import clickhouse_connect
    import marimo as mo

    return Path, alt, clickhouse_connect, mo, os, re


@app.cell
def _(Path, clickhouse_connect, os, re):
    client = clickhouse_connect.get_client(
        dsn=os.environ.get("CLICKHOUSE_URL", "http://analyst:analyst@127.0.0.1:5030/feedmill")
    )
    folder = Path(__file__).parent

    def rows(question, **bound):
        """The rows of a saved question as dicts; parameters not given keep the value their line declares."""
        sql = (folder / f"{question}.sql").read_text()
        declared = dict(re.findall(r"^-- (\w+): \w+ = '([^']*)'$", sql, re.MULTILINE))
        return list(client.query(sql, parameters=declared | bound).named_results())

    return (rows,)


@app.cell
def _(mo):
    first = mo.ui.date(value="2026-11-01", label="from")
    last = mo.ui.date(value="2026-11-30", label="to")
    saga = mo.ui.dropdown(["got", "lotr", "hp"], value="lotr", label="saga")
    mo.hstack([first, last, saga], justify="start")
    return first, last, saga


@app.cell
def _(alt):
    def lines(found, x, y, by=None):
        """A line chart of rows, a colour for each value of `by`."""
        data = alt.Data(values=[{k: str(v) if k == x else v for k, v in row.items()} for row in found])
        encoded = {"x": f"{x}:T", "y": f"{y}:Q"} | ({"color": f"{by}:N"} if by else {})
        return alt.Chart(data, width=640, height=220).mark_line(point=True).encode(**encoded)

    def bars(found, x, y):
        """A bar a row, the longest first."""
        data = alt.Data(values=found)
        return alt.Chart(data, width=480).mark_bar().encode(x=f"{x}:Q", y=alt.Y(f"{y}:N", sort="-x"))

    return bars, lines


@app.cell
def _(bars, mo, rows, saga):
    entities = rows("top_entities", saga=saga.value)
    mo.vstack(
        [mo.md("## Who is named most"), bars(entities, "total_entity_occurrences", "entity"), mo.ui.table(entities)]
    )
    return


@app.cell
def _(lines, mo, rows):
    by_saga = rows("readers_by_saga_and_day")
    aside = rows("texts_set_aside")
    mo.vstack(
        [mo.md("## Readers by saga"), lines(by_saga, "day", "readers", "saga"), mo.md("Set aside:"), mo.ui.table(aside)]
    )
    return


@app.cell
def _(first, last, lines, mo, rows):
    active = rows("active_users", first=str(first.value), last=str(last.value))
    long = [
        {"day": r["day"], "users": r[span], "span": span} for r in active for span in ("daily", "weekly", "monthly")
    ]
    mo.vstack([mo.md("## Active users"), lines(long, "day", "users", "span")])
    return


@app.cell
def _(alt, mo, rows):
    kept = [{**r, "cohort": str(r["cohort"])} for r in rows("retention_by_week")]
    heat = alt.Chart(alt.Data(values=kept)).mark_rect().encode(x="weeks_later:O", y="cohort:O", color="share:Q")
    mo.vstack([mo.md("## Retention"), heat])
    return


@app.cell
def _(first, last, mo, rows):
    funnel = rows("funnel", first=str(first.value), last=str(last.value))
    mo.vstack([mo.md("## Saw, liked, shared"), mo.ui.table(funnel)])
    return


@app.cell
def _(last, mo, rows):
    links = rows("top_links")
    trending = rows("tag_trends", last=str(last.value))
    mo.vstack([mo.md("## Links and tags"), mo.ui.table(links), mo.ui.table(trending)])
    return


@app.cell
def _(bars, mo, rows):
    read = rows("category_shares")
    colleges = rows("activities_by_college")
    mo.vstack(
        [mo.md("## What is read, and who does what"), bars(read, "readings", "category_name"), mo.ui.table(colleges)]
    )
    return


@app.cell
def _(lines, mo, rows):
    weeks = rows("growth")
    mo.vstack([mo.md("## Growth"), lines(weeks, "week", "users"), mo.ui.table(weeks)])
    return


if __name__ == "__main__":
    app.run()
