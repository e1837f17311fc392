"""A file of history into the log: resumable by line, once by its events' ids, whatever is not a row set aside.

    1  rows are sent              to the topic and with the key that the door would use
    2  all are acknowledged       every `CHECKPOINT_ROWS`
    3  the reject file is on disk
    4  the run's row says the line

A run that was killed goes on behind the line it had said; what it had sent beyond is sent again and is the same events.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

import psycopg2

from feedmill.contracts.history import Bad, History, headers_of, rows_of
from feedmill.runtime.kafka import Headers

CHECKPOINT_ROWS: Final = 20_000
ACK_TIMEOUT_S: Final = 60.0
GZIP: Final = b"\x1f\x8b"
REJECT_COLUMNS: Final = ("line", "code", "field", "reason", "row")


class Log(Protocol):
    """feedmill.runtime.kafka.Producer."""

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int = -1
    ) -> None: ...

    def flush(self, timeout_s: float) -> None: ...


@dataclass(slots=True)
class Report:
    """What an import came to.

    `dataset_is`: what names the events, a `name` or the `sha256` of the unpacked file. `resumed_from`: the line an
    earlier run of the same file had reached. `other_bytes`: the name stood for another file before; a line that both
    have is one event, as it was said first.
    """

    kind: str
    dataset: str
    dataset_is: str
    sha256: str
    rows: int = 0
    rejected: int = 0
    resumed_from: int = 0
    already_done: bool = False
    other_bytes: bool = False
    reject_file: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A CSV file, packed or not."""

    path: Path

    @contextmanager
    def opened(self, at: Callable[[int], None] = lambda _: None) -> Iterator[IO[bytes]]:
        """Unpacked bytes; `at` is told how far the file itself has been read."""
        with self.path.open("rb") as raw:
            packed = raw.read(2) == GZIP
            raw.seek(0)
            told = _Told(raw, at)
            yield gzip.GzipFile(fileobj=told) if packed else told  # type: ignore[misc]

    def sha256(self) -> str:
        """Of the unpacked bytes."""
        digest = hashlib.sha256()
        with self.opened() as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest()


class _Told(io.BufferedReader):
    """Tells how far it has read, about every megabyte."""

    def __init__(self, raw: io.BufferedReader, at: Callable[[int], None]) -> None:
        super().__init__(raw, 1 << 20)
        self._at = at

    def read1(self, size: int = -1, /) -> bytes:
        self._at(self.tell())
        return super().read1(size)

    def read(self, size: int | None = -1, /) -> bytes:
        self._at(self.tell())
        return super().read(size)


@dataclass(slots=True)
class Run:
    """The row of `import_run` that says how far a dataset has come."""

    dsn: str
    kind: str
    dataset: str

    def stands_for_other_bytes(self, sha256: str) -> bool:
        """Whether the name has been given to another file."""
        found = self._execute(
            """SELECT count(*) FROM import_run
                WHERE kind = %(kind)s AND dataset = %(dataset)s AND sha256 != %(sha256)s""",
            {"sha256": sha256},
        )
        return found != (0,)

    def standing(self, sha256: str) -> tuple[int, int, int, bool]:
        """line, rows, rejected, finished; of other bytes under the same name: none of it."""
        found = self._execute(
            """INSERT INTO import_run AS run (kind, dataset, sha256) VALUES (%(kind)s, %(dataset)s, %(sha256)s)
               ON CONFLICT (kind, dataset) DO UPDATE SET
                 line = CASE WHEN run.sha256 = excluded.sha256 THEN run.line ELSE 0 END,
                 rows = CASE WHEN run.sha256 = excluded.sha256 THEN run.rows ELSE 0 END,
                 rejected = CASE WHEN run.sha256 = excluded.sha256 THEN run.rejected ELSE 0 END,
                 finished_at = CASE WHEN run.sha256 = excluded.sha256 THEN run.finished_at END,
                 sha256 = excluded.sha256, updated_at = now()
               RETURNING line, rows, rejected, finished_at IS NOT NULL""",
            {"sha256": sha256},
        )
        line, rows, rejected, finished = found
        return int(str(line)), int(str(rows)), int(str(rejected)), bool(finished)

    def reached(self, line: int, rows: int, rejected: int, *, finished: bool) -> None:
        self._execute(
            """UPDATE import_run SET line = %(line)s, rows = %(rows)s, rejected = %(rejected)s, updated_at = now(),
                 finished_at = CASE WHEN %(finished)s THEN now() END
                WHERE kind = %(kind)s AND dataset = %(dataset)s RETURNING line, rows, rejected, true""",
            {"line": line, "rows": rows, "rejected": rejected, "finished": finished},
        )

    def _execute(self, sql: str, values: dict[str, object]) -> tuple[object, ...]:
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(sql, {"kind": self.kind, "dataset": self.dataset, **values})
            row: tuple[object, ...] | None = cursor.fetchone()
        assert row is not None  # each statement returns its row
        return row


class Rejects:
    """The file beside the source: one line a bad row. A run that goes on keeps what lies before its line."""

    def __init__(self, path: Path, after_line: int) -> None:
        kept = list(_kept(path, after_line)) if after_line else []
        self._file = path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(REJECT_COLUMNS)
        self._writer.writerows(kept)

    def add(self, bad: Bad) -> None:
        why = bad.rejected
        self._writer.writerow((bad.line, str(why.reason), why.field or "", why.detail, ",".join(bad.cells)))

    def keep(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _kept(path: Path, after_line: int) -> Iterator[list[str]]:
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            yield from (row for row in csv.reader(file) if row and row[0].isdigit() and int(row[0]) <= after_line)


def bring_in(history: History, source: Source, run: Run, log: Log, at: Callable[[int], None], *, again: bool) -> Report:
    """Send every row that no earlier run has sent. Raises BadHistory, OSError, Transient, Fatal."""
    sha256 = source.sha256()
    dataset_is = "name" if run.dataset else "sha256"
    run.dataset = run.dataset or sha256
    other_bytes = run.stands_for_other_bytes(sha256)
    line, rows, rejected, finished = run.standing(sha256)
    report = Report(history.name, run.dataset, dataset_is, sha256, rows, rejected, line, other_bytes=other_bytes)
    reject_path = source.path.with_name(f"{source.path.name}.rejects.csv")
    if finished and not again:
        report.already_done, report.resumed_from = True, 0
        report.reject_file = str(reject_path) if rejected and reject_path.exists() else None
        return report
    if again:
        line = report.rows = report.rejected = report.resumed_from = 0
    with closing(Rejects(reject_path, line)) as rejects, source.opened(at) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        for row in rows_of(history, text, line):
            line = row.line
            if isinstance(row, Bad):
                rejects.add(row)
                report.rejected += 1
            else:
                sent = [(name, value.encode()) for name, value in headers_of(history, report.dataset, line)]
                log.send(history.verb.topic.name, row.key.encode(), row.value, sent)
                report.rows += 1
            if (report.rows + report.rejected) % CHECKPOINT_ROWS == 0:
                _checkpoint(run, log, rejects, line, report)
        _checkpoint(run, log, rejects, line, report, finished=True)
    if report.rejected:
        report.reject_file = str(reject_path)
    else:
        reject_path.unlink()
    return report


def _checkpoint(run: Run, log: Log, rejects: Rejects, line: int, report: Report, *, finished: bool = False) -> None:
    log.flush(ACK_TIMEOUT_S)
    rejects.keep()
    run.reached(line, report.rows, report.rejected, finished=finished)
