"""Files that change while somebody reads them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from feedmill.sagas.watched import Watched


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_changed_file_is_taken_up_a_bad_one_is_told_and_passed_over(tmp_path: Path) -> None:
    file, clock = tmp_path / "n", Clock()
    bad: list[Exception] = []
    taken: list[int] = []
    file.write_text("1")
    watched: Watched[int] = Watched(
        file, lambda path: int(path.read_text()), on_change=taken.append, on_bad=bad.append, clock_s=clock
    )

    def put(text: str) -> None:
        beside = tmp_path / "beside"
        beside.write_text(text)
        os.replace(beside, file)

    put("2")
    assert watched.current == 1  # looked at a moment ago
    clock.now_s = 1.0
    assert watched.current == 2
    put("no number")
    clock.now_s = 2.0
    assert watched.current == 2
    clock.now_s = 3.0
    assert watched.current == 2
    assert len(bad) == 1  # told once a change
    file.unlink()
    clock.now_s = 4.0
    assert watched.current == 2
    put("3")
    clock.now_s = 5.0
    assert watched.current == 3
    assert taken == [1, 2, 3]


def test_there_must_be_a_first_value(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Watched(tmp_path / "none", Path.read_text)
