"""feedmill dlq list | show | replay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from feedmill.cli.dead_letters import Letter, NoSuchLetter, letters, named, replay, text_of
from feedmill.cli.operator import site
from feedmill.cli.output import AsJson, errors_told, escape, fail, out, print_json, table
from feedmill.cli.topics_commands import KafkaAway, admin
from feedmill.runtime.outcome import Fatal, Transient
from feedmill.runtime.settings import KafkaSettings

app = typer.Typer(
    help="Dead letters: records that could never succeed, kept whole.", no_args_is_help=True, add_completion=False
)

Topic = Annotated[str | None, typer.Option(help="Only those of this topic.")]
SHOWN_BYTES = 2_000


def kafka() -> KafkaSettings:
    admin()
    return KafkaSettings(bootstrap_servers=site().connections.kafka)


@app.command(name="list")
def list_letters(topic: Topic = None, as_json: AsJson = False) -> None:
    """List dead letters, oldest first, by where they lay in the raw topic.

    Examples:

      feedmill dlq list

      feedmill dlq list --topic activity.published.v1 --json
    """
    with errors_told(KafkaAway, Transient):
        found = letters(kafka(), topic)
    if as_json:
        print_json([letter.summary() for letter in found])
        return
    out.print(listed(found) if found else "No dead letters.")


def listed(found: Sequence[Letter]) -> Table:
    """What a letter is asked for by stands on one line, to be copied."""
    made = table("origin", "reason", "at", "event", "dead letter")
    for name in (0, 3):
        made.columns[name].no_wrap = True
    for letter in found:
        made.add_row(letter.origin_place, escape(letter.reason), letter.at, letter.event_id or "", letter.place)
    return made


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Its origin, its place or its event id, as `dlq list` shows them.")],
    as_json: AsJson = False,
) -> None:
    """Show one dead letter whole: reason, headers, key and value.

    Examples:

      feedmill dlq show activity.published.v1/3:1042
    """
    with errors_told(KafkaAway, Transient, NoSuchLetter):
        chosen = named(letters(kafka()), [name])
    documents = [{**letter.summary(), **content(letter)} for letter in chosen]
    if as_json:
        print_json(documents[0])
        return
    for document in documents:
        for field, value in document.items():
            shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
            out.print(f"[bold]{field:>12}[/]  {escape(shown[:SHOWN_BYTES])}", highlight=False, soft_wrap=True)


def content(letter: Letter) -> dict[str, object]:
    """`value_hex` where the value is not UTF-8: nothing of it may be lost on the way to a bug report."""
    record = letter.record
    shown: dict[str, object] = {
        "headers": {name: text_of(value) for name, value in record.headers},
        "key": text_of(record.key),
        "value": text_of(record.value),
    }
    try:
        (record.value or b"").decode()
    except UnicodeDecodeError:
        shown["value_hex"] = (record.value or b"").hex()
    return shown


@app.command(name="replay")
def replay_letters(
    names: Annotated[list[str] | None, typer.Argument(help="Origins, places or event ids.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them (of the topic, with --topic).")] = False,
    topic: Topic = None,
    as_json: AsJson = False,
) -> None:
    """Append dead letters to their raw topics again, after what refused them was mended.

    Each keeps its event id and its old place in the order: a replay changes nothing that came later.

    Examples:

      feedmill dlq replay activity.published.v1/3:1042

      feedmill dlq replay --all --topic activity.published.v1
    """
    if not names and not every:
        raise fail("say which: feedmill dlq replay ORIGIN …, or --all")
    with errors_told(KafkaAway, Transient, Fatal, NoSuchLetter):
        settings = kafka()
        found = letters(settings, topic)
        count = replay(settings, found if every else named(found, names or []))
    if as_json:
        print_json({"replayed": count})
    else:
        out.print(f"Replayed {count}. They are enriched anew: feedmill dlq list shows what died again.")
