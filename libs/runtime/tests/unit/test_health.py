"""Alive is having moved on; ready is every dependency up and not draining."""

import json
import urllib.error
import urllib.request

import pytest

from feedmill.runtime.health import PATHS, Answer, Health, SidePort


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def asked(health: Health, path: str) -> tuple[int, dict[str, object]]:
    answer: Answer | None = health.answer(path)
    assert answer is not None
    return answer[0], json.loads(answer[2])


def test_alive_as_long_as_it_moves_on_whatever_its_dependencies_do() -> None:
    clock = Clock()
    health = Health("api", stalled_after_s=10, monotonic=clock)
    health.report("postgres", up=False)
    clock.now_s += 9
    assert asked(health, "/livez")[0] == 200
    clock.now_s += 2
    assert asked(health, "/livez") == (503, {"status": "stalled", "progress_age_s": 11.0})
    health.progressed()
    assert asked(health, "/livez")[0] == 200


def test_ready_names_each_dependency() -> None:
    health = Health("api")
    assert asked(health, "/readyz")[0] == 200
    health.report("kafka", up=True)
    health.report("postgres", up=False, detail="OSError")
    status, body = asked(health, "/readyz")
    assert status == 503
    assert body["dependencies"] == {"kafka": {"up": True}, "postgres": {"up": False, "detail": "OSError"}}
    health.report("postgres", up=True)
    assert asked(health, "/healthz") == (
        200,
        {"status": "ready", "dependencies": {"kafka": {"up": True}, "postgres": {"up": True}}},
    )


def test_a_probe_may_ask_for_the_essential_alone() -> None:
    health = Health("ingest", essential=("kafka",))
    assert code(health, "essential") == 503, "it was never seen"
    health.report("kafka", up=True)
    health.report("postgres", up=False)
    assert (code(health, ""), code(health, "essential"), code(health, "essential=true")) == (503, 200, 200)
    health.report("kafka", up=False)
    assert code(health, "essential") == 503
    health.report("kafka", up=True)
    health.drain()
    assert code(health, "essential") == 503


def test_where_nothing_is_said_to_be_essential_everything_is() -> None:
    health = Health("enricher")
    health.report("kafka", up=False)
    assert code(health, "essential") == 503


def code(health: Health, query: str) -> int:
    answer = health.answer("/readyz", query)
    assert answer is not None
    return answer[0]


def test_draining_is_alive_but_not_ready() -> None:
    health = Health("api")
    health.drain()
    assert not health.ready
    assert asked(health, "/readyz") == (503, {"status": "draining", "dependencies": {}})
    assert asked(health, "/livez")[0] == 200


def test_broken_is_neither() -> None:
    health = Health("api")
    health.broke("the poller failed")
    assert asked(health, "/livez")[0] == 503
    assert asked(health, "/readyz")[0] == 503


def test_version_names_the_service() -> None:
    assert asked(Health("api"), "/version")[1]["service"] == "api"
    assert asked(Health("no-such-service"), "/version")[1]["version"]


def test_the_side_port_answers_every_path_and_404_for_others() -> None:
    with SidePort(Health("api"), "127.0.0.1", 0) as side:
        for path in PATHS:
            with urllib.request.urlopen(f"http://127.0.0.1:{side.port}{path}?x=1", timeout=5) as answer:
                assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{side.port}/other", timeout=5)
        with refused.value as answer:
            assert answer.code == 404
