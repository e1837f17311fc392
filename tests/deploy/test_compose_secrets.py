"""deploy/compose/secrets.sh, run in a folder of its own."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "compose" / "secrets.sh"
FOLDERS = ("postgres_password", "postgres_dsn", "clickhouse_users", "clickhouse_url", "grafana_password")


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    make(tmp_path)
    return tmp_path


def make(folder: Path) -> None:
    subprocess.run(["/bin/sh", SCRIPT, folder], check=True, timeout=30)


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_services_addresses_carry_the_stores_passwords(secrets: Path) -> None:
    password = (secrets / "postgres_password/value").read_text().strip()
    assert re.fullmatch(r"[0-9a-f]{48}", password)
    assert urlsplit((secrets / "postgres_dsn/value").read_text().strip()).password == password


def test_clickhouse_is_given_hashes_only(secrets: Path) -> None:
    hashes = (secrets / "clickhouse_users/hashes.xml").read_text()
    password = urlsplit((secrets / "clickhouse_url/value").read_text().strip()).password
    analyst = (secrets / "clickhouse_url/analyst_password").read_text().strip()
    assert password
    assert password != analyst
    for name, secret in (("feedmill", password), ("analyst", analyst)):
        assert f"<{name}_sha256>{hashlib.sha256(secret.encode()).hexdigest()}</{name}_sha256>" in hashes
        assert secret not in hashes


def test_a_second_run_changes_nothing(secrets: Path) -> None:
    before = contents(secrets)
    make(secrets)
    assert contents(secrets) == before


def test_two_stacks_share_no_password(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    for name in FOLDERS:
        (other / name).mkdir()
    make(other)
    assert not set(contents(secrets).values()) & set(contents(other).values())


def test_an_interrupted_run_is_completed(secrets: Path) -> None:
    password = (secrets / "postgres_password/value").read_text()
    (secrets / "postgres_dsn/value").unlink()
    make(secrets)
    assert (secrets / "postgres_password/value").read_text() == password
    assert password.strip() in (secrets / "postgres_dsn/value").read_text()
