"""What the benches count with: medians, ratios, goals, quantiles, and a clock that does not forgive a stall."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import client, report
from bench.client import PLACE, Load
from bench.harness import Figure, Plan, at_least, at_most, interleave, quantile
from bench.machine import Machine

ANSWER = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}"
STALL_S = 0.4


def test_cases_take_turns_and_the_first_round_is_not_counted() -> None:
    order: list[str] = []

    def case(name: str) -> float:
        order.append(name)
        return float(len(order))

    taken = interleave({"a": lambda: case("a"), "b": lambda: case("b")}, Plan(2, 1.0), lambda _: None)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert (taken["a"].values, taken["b"].values) == ([4.0, 5.0], [3.0, 6.0])


def test_a_ratio_is_that_of_the_medians() -> None:
    figure = Figure("x", "y", "/s", [1.0, 9.0, 2.0], [4.0, 3.0, 100.0], "bare", at_least(0.6, floor=0.4))
    assert figure.ratio == 0.5
    assert (figure.met, figure.above_floor) == (False, True)


def test_without_a_baseline_the_value_itself_is_judged_and_has_no_floor() -> None:
    figure = Figure("x", "y", "ms", [11.0], goal=at_most(10.0, floor=10.0))
    assert (figure.met, figure.above_floor) == (False, True)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.001, 1.0)])
def test_a_quantile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert quantile([float(number) for number in range(100, 0, -1)], share) == value


def test_the_table_goes_between_the_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    machine = Machine("now", 2, 24.0, "Linux", "3.11", {}, "abc")
    text = report.markdown([Figure("x", "y", "/s", [1_234.0], [2_468.0], "bare")], machine, "load 1")
    report.write(page, text)
    said = page.read_text()
    assert "| x | y | 1,234 /s | 2,468 bare | 0.50 |" in said
    assert said.startswith("before\n")
    assert said.endswith("\nafter\n")
    assert "old" not in said


def serve_with_one_stall(listener: socket.socket) -> None:
    """Answers one connection after another's request at once, but for the tenth."""
    connection, _ = listener.accept()
    answered = 0
    while connection.recv(65_536):
        answered += 1
        if answered == 10:
            deadline_s = time.monotonic() + STALL_S
            while time.monotonic() < deadline_s:
                pass
        connection.sendall(ANSWER)


@pytest.fixture
def stalling_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = multiprocessing.get_context("fork").Process(target=serve_with_one_stall, args=(listener,), daemon=True)
        server.start()
        yield listener.getsockname()[1]
        server.kill()
        server.join()


def test_a_stall_is_charged_to_all_who_were_due_meanwhile(stalling_port: int) -> None:
    sent = client.request("POST", "/", "key", PLACE)
    answered = client.run(Load(stalling_port, [sent], connections=1, seconds=2.0, rate=100.0))
    assert answered.ok == 200
    late = [ms for ms in answered.latencies_ms if ms > STALL_S * 1_000 / 2]
    assert len(late) >= 15, "one slow answer, but twenty requests were due in the first half of the stall"
