from pathlib import Path

import pytest

from feedmill.cli.migration_files import BadMigration, Migration, folder_of, load


def a_migration(up: str) -> Migration:
    return Migration(version=1, name="things", purpose="Things. Grain: one thing.", up=up, checksum="")


@pytest.mark.parametrize("store", ["postgres", "clickhouse"])
def test_every_migration_of_the_repository_has_number_purpose_and_grain(store: str) -> None:
    migrations = load(folder_of(store))
    assert [m.version for m in migrations] == list(range(1, len(migrations) + 1))
    assert all("Grain:" in m.purpose for m in migrations)


EVENTS_OWN = {"fact_reading": "updated_at"}
"""A day that the event itself says, and its repeat says again."""


def test_no_clickhouse_key_holds_a_time() -> None:
    """A repeat carries another stamp: with a time in its sorting or partition key it would be counted twice."""
    for migration in load(folder_of("clickhouse")):
        keys = [
            line for line in migration.up.splitlines() if line.startswith(("ORDER BY", "PARTITION BY", "PRIMARY KEY"))
        ]
        own = EVENTS_OWN.get(migration.name, " ")
        assert not [k for k in keys if "_at" in k.replace(own, "")], migration.label


def test_statements_end_at_semicolons_outside_strings_and_comments() -> None:
    up = "CREATE A COMMENT 'it''s; -- here';\n-- a; comment\nINSERT x - 1;\n"
    assert list(a_migration(up).statements()) == ["CREATE A COMMENT 'it''s; -- here'", "INSERT x - 1"]


def test_a_statement_without_semicolon_is_refused() -> None:
    with pytest.raises(BadMigration, match="no semicolon"):
        list(a_migration("CREATE A").statements())


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("1_things.sql", "-- T. Grain: t.\n-- migrate:up\n-- migrate:down\n", "not of the form"),
        ("0001_things.sql", "CREATE A;\n-- migrate:up\n-- migrate:down\n", "purpose and grain"),
        ("0001_things.sql", "-- Things.\n-- migrate:up\n-- migrate:down\n", "purpose and grain"),
        ("0001_things.sql", "-- T. Grain: t.\nCREATE A;\n", "needs"),
        ("0002_things.sql", "-- T. Grain: t.\n-- migrate:up\n-- migrate:down\n", "expected number 0001"),
    ],
)
def test_a_file_that_cannot_be_a_migration_is_refused_by_name(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadMigration, match=complaint):
        load(tmp_path)


def test_the_checksum_is_that_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "0001_things.sql"
    path.write_text("-- T. Grain: t.\n-- migrate:up\nA;\n-- migrate:down\nB;\n")
    [before] = load(tmp_path)
    path.write_text("-- T. Grain: t.\n-- migrate:up\nA;\n-- migrate:down\nC;\n")
    [after] = load(tmp_path)
    assert before.checksum != after.checksum
    assert list(before.statements()) == ["A"]
