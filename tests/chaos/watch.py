"""Looks on while a run goes: what was applied once stays applied."""

from __future__ import annotations

from contextlib import closing
from typing import Final

import psycopg2

from chaos.contents import Check
from chaos.observed import ENRICHED, rows_of

SETUP: Final = f"""
CREATE TABLE IF NOT EXISTS chaos_position (
    n bigserial, partition int, was_source bigint, was_next bigint, source_offset bigint, next_offset bigint);
CREATE OR REPLACE FUNCTION chaos_position() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_position (partition, was_source, was_next, source_offset, next_offset)
    VALUES (new.partition, old.source_offset, old.next_offset, new.source_offset, new.next_offset);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER chaos_position AFTER UPDATE ON sink_position FOR EACH ROW
   WHEN (new.topic = '{ENRICHED}') EXECUTE FUNCTION chaos_position();
SELECT coalesce(max(n), 0) FROM chaos_position;
"""


class PositionWatch:
    """Has Postgres note every position its sink writes; none may ever go back, or who waited for one was told too much.

    A trigger, not a look now and then: a position that goes back stays there for one batch, a few milliseconds.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(SETUP)
            [(self._after,)] = cursor.fetchall()

    def finish(self) -> Check:
        written = rows_of(
            self._dsn,
            "SELECT partition, was_source, was_next, source_offset, next_offset FROM chaos_position"
            f" WHERE n > {self._after} ORDER BY n",
        )
        check = Check("P a position never goes back", len(written))
        for partition, was_source, was_next, source, following in written:
            gone_back = source < was_source or following < was_next
            check.expect(
                not gone_back, f"partition {partition}: from {(was_source, was_next)} back to {(source, following)}"
            )
        return check
