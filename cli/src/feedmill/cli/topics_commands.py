"""feedmill topics list | create."""

from __future__ import annotations

from typing import Annotated

import typer

from feedmill.cli.local import prepare
from feedmill.cli.operator import site
from feedmill.cli.output import AsJson, errors_told, out, print_json, table
from feedmill.contracts.topics import ALL
from feedmill.runtime.kafka import Admin
from feedmill.runtime.outcome import Fatal, TopicPartition, Transient
from feedmill.runtime.settings import KafkaSettings

app = typer.Typer(help="Kafka topics, as declared in feedmill.contracts.", no_args_is_help=True, add_completion=False)


class KafkaAway(Exception):
    """Kafka does not answer; says what to do."""


def admin() -> Admin:
    """Raises KafkaAway where no broker answers in 5 s."""
    opened = Admin(KafkaSettings(bootstrap_servers=site().connections.kafka))
    try:
        opened.partitions(timeout_s=5)
    except Transient:
        raise KafkaAway("Kafka does not answer: feedmill up, or set FEEDMILL_KAFKA_BOOTSTRAP_SERVERS") from None
    return opened


@app.command(name="list")
def list_topics(as_json: AsJson = False) -> None:
    """Show every declared topic, whether it exists, and how many records it holds.

    Examples:

      feedmill topics list

      feedmill topics list --json
    """
    with errors_told(KafkaAway, Transient):
        opened = admin()
        existing = opened.partitions()
        wanted = [t for t in ALL if t.name in existing]
        ends = opened.ends([TopicPartition(t.name, p) for t in wanted for p in range(existing[t.name])])
    records = {t.name: sum(end for tp, end in ends.items() if tp.topic == t.name) for t in wanted}
    rows = [
        {
            "topic": t.name,
            "partitions": t.partitions,
            "max_message_bytes": t.max_message_bytes,
            "exists": t.name in existing,
            "records": records.get(t.name, 0),
        }
        for t in ALL
    ]
    if as_json:
        print_json(rows)
        return
    made = table("topic", "partitions", "largest record", "records")
    for row in rows:
        held = str(row["records"]) if row["exists"] else "[red]missing: feedmill topics create[/]"
        made.add_row(str(row["topic"]), str(row["partitions"]), f"{row['max_message_bytes']} B", held)
    out.print(made)


@app.command()
def create(
    replication: Annotated[int, typer.Option(help="Copies of each partition; 3 or more asks for 2 in sync.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Create the declared topics that are missing; repeatable.

    Examples:

      feedmill topics create

      FEEDMILL_KAFKA_BOOTSTRAP_SERVERS=kafka:9092 feedmill topics create --replication 3
    """
    with errors_told(KafkaAway, Transient, Fatal):
        admin()
        made = prepare.topics(site().connections.kafka, replication)
    if as_json:
        print_json(made)
    else:
        out.print("Created " + ", ".join(made) if made else "Nothing to create: all topics are there.")
