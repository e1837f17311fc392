"""feedmill saga train | evaluate | classify | names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from clickhouse_connect.driver.exceptions import ClickHouseError

from feedmill.cli.migrate import clickhouse_client
from feedmill.cli.operator import site
from feedmill.cli.output import AsJson, errors_told, out, print_json, rows, table
from feedmill.sagas import entities, labelled, model, train
from feedmill.sagas import evaluate as evaluation
from feedmill.sagas.candidates import Candidates, Read

app = typer.Typer(help="The saga classifier: trained, measured, tried.", no_args_is_help=True, add_completion=False)

ModelPath = Annotated[Path, typer.Option("--model", help="The model; by default the installed one.")]


class NoTrainer(Exception):
    """scikit-learn is not installed; says what to do."""


@app.command("train")
def train_command(
    file: Annotated[Path, typer.Argument(help='NDJSON, a line {"text": ..., "label": ...}.')],
    out_path: Annotated[
        Path, typer.Option("--out", help="Where the model goes; by default where this installation's services read it.")
    ] = model.PACKAGED,
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Below it /v1/classify answers unknown.")
    ] = train.THRESHOLD,
    as_json: AsJson = False,
) -> None:
    """Train the model from labelled texts. Services that read it take it up within a second, without a restart.

    Examples:

      feedmill saga train texts.ndjson

      feedmill saga train texts.ndjson --out model.json --threshold 0.7
    """
    with errors_told(labelled.BadLabels, OSError, NoTrainer):
        try:
            made = train.build(file, out_path, threshold)
        except ModuleNotFoundError:
            raise NoTrainer("training needs scikit-learn: pip install 'feedmill-sagas[train]'") from None
    if as_json:
        print_json({"version": made.version, "labels": made.labels, "words": len(made.weights), "path": str(out_path)})
        return
    out.print(f"model {made.version}: {len(made.weights)} words, labels {', '.join(made.labels)}, in {out_path}")


@app.command("evaluate")
def evaluate_command(
    file: Annotated[Path, typer.Argument(help='NDJSON, a line {"text": ..., "label": ...}.')],
    model_path: ModelPath = model.PACKAGED,
    with_unknown: Annotated[bool, typer.Option(help="Count what is below the threshold as unknown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say how good the model is on labelled texts: precision and recall of each class, and what was taken for what.

    Examples:

      feedmill saga evaluate texts.ndjson

      feedmill saga evaluate texts.ndjson --with-unknown --json
    """
    with errors_told(labelled.BadLabels, model.BadModel, OSError):
        made = model.load(model_path)
        result = evaluation.evaluate(made, labelled.read(file), with_unknown=with_unknown)
    if as_json:
        print_json({"model": made.version, **asdict(result)})
        return
    out.print(f"model {made.version}: {result.texts} texts, accuracy {result.accuracy:.3f}, unknown {result.unknown}")
    scores = table("class", "precision", "recall", "F1", "texts")
    lines = [(n, f"{s.precision:.3f}", f"{s.recall:.3f}", f"{s.f1:.3f}", s.texts) for n, s in result.classes.items()]
    out.print(rows(scores, lines))
    said = list(next(iter(result.confusion.values())))
    confusion = table("true \\ said", *said)
    out.print(rows(confusion, [(true, *counts.values()) for true, counts in result.confusion.items()]))


@app.command()
def classify(
    text: Annotated[str, typer.Argument(help="The text.")],
    model_path: ModelPath = model.PACKAGED,
    as_json: AsJson = False,
) -> None:
    """Classify one text.

    Examples:

      feedmill saga classify "Frodo left the Shire"
    """
    with errors_told(model.BadModel, OSError):
        made = model.load(model_path)
    verdict = made.classify(text)
    if as_json:
        print_json({"saga": verdict.saga, "label": verdict.label, "probabilities": verdict.probabilities})
        return
    shares = ", ".join(f"{name} {share:.3f}" for name, share in verdict.probabilities.items())
    out.print(f"{verdict.saga} ({shares})")


@app.command()
def names(
    file: Annotated[
        Path | None, typer.Argument(help='NDJSON, a line {"text": ..., "readers": ...}; by default the warehouse.')
    ] = None,
    entities_path: Annotated[
        Path, typer.Option("--entities", help="The list; by default the installed one.")
    ] = entities.PACKAGED,
    texts: Annotated[int, typer.Option(min=1, help="Only names of so many texts or more.")] = 2,
    limit: Annotated[int, typer.Option(min=1, help="So many names at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Say which names articles have that the list of entities lacks, for you to choose from and add.

    Examples:

      feedmill saga names

      feedmill saga names texts.ndjson --entities my-entities.txt --texts 5 --json
    """
    with errors_told(labelled.BadLabels, entities.BadEntities, ClickHouseError, OSError):
        candidates = Candidates(entities.load(entities_path))
        for read in _texts_of(file) if file else _articles():
            candidates.read(read)
    found = candidates.found(texts=texts, limit=limit)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    shown = table("name", "texts", "readers", "occurrences", "counted today as")
    lines = [(o.name, f"{o.texts:,}", f"{o.readers:,}", f"{o.occurrences:,}", ", ".join(o.counted_as)) for o in found]
    out.print(rows(shown, lines) if lines else "Nothing that the list lacks.")


class _Text(msgspec.Struct):
    text: str
    readers: int = 0


def _texts_of(file: Path) -> Iterator[Read]:
    """Raises BadLabels, OSError."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                said = msgspec.json.decode(line, type=_Text)
            except msgspec.MsgspecError:
                raise labelled.BadLabels(f"line {number} needs text, a string, and may have readers") from None
            yield Read(said.text, said.readers)


def _articles() -> Iterator[Read]:
    """Every article with a text, a block of rows at a time."""
    with closing(clickhouse_client(site().connections.clickhouse)) as client:
        sql = "SELECT text, readers FROM article FINAL WHERE set_aside = ''"
        with client.query_row_block_stream(sql, settings={"max_block_size": 1_000}) as blocks:
            for block in blocks:
                yield from (Read(str(text), int(readers)) for text, readers in block)
