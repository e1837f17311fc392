"""The locustfile's calls, one of each kind after the other, on a platform: it needs Locust only to send many."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest

from feedmill.testkit.people import Operator

pytestmark = pytest.mark.e2e

LOCUSTFILE = Path(__file__).resolve().parents[2] / "bench" / "locustfile.py"
READS = {"read_friends", "read_my", "me"}


class Client(httpx2.Client):
    """As Locust's: `name` is what its report calls the request. Keeps who asked what, and the status."""

    def request(self, method: str, url: Any, *, name: str = "", **more: Any) -> httpx2.Response:
        answer = super().request(method, url, **more)
        self.seen.append((method, answer.request.url.path, answer.status_code))
        return answer

    def get(self, url: Any, **more: Any) -> httpx2.Response:
        return self.request("GET", url, **more)

    def post(self, url: Any, **more: Any) -> httpx2.Response:
        return self.request("POST", url, **more)

    seen: list[tuple[str, str, int]]


def task(weight: int) -> Callable[[Any], Any]:
    def weighted(function: Any) -> Any:
        function.weight = weight
        return function

    return weighted


@pytest.fixture
def locustfile(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """With names of Locust's in place of Locust, which lives in an environment of its own."""
    people = operator.people("lou", "cas", "sta")
    stand_in = ModuleType("locust")
    stand_in.HttpUser = object  # type: ignore[attr-defined]
    stand_in.between = lambda *_: None  # type: ignore[attr-defined]
    stand_in.task = task  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "locust", stand_in)
    monkeypatch.setenv("FAMILY_A_KEYS", ",".join(person.key for person in people))
    monkeypatch.setenv("FAMILY_A_NAMES", ",".join(person.handle for person in people))
    spec = spec_from_file_location("locustfile", LOCUSTFILE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_of_its_calls_is_answered_as_family_a_says(operator: Operator, locustfile: Any) -> None:
    weights = {name: made.weight for name, made in vars(locustfile.Reader).items() if hasattr(made, "weight")}
    assert sum(weights[name] for name in READS) / sum(weights.values()) == pytest.approx(0.75)
    with Client(base_url=operator.platform.origin, timeout=30) as client:
        client.seen = []
        for _ in range(3):
            user = locustfile.Reader()
            user.client = client
            user.on_start()
            for name in weights:
                getattr(user, name)()
    assert {status for _, _, status in client.seen} == {200}
    asked = {path for _, path, _ in client.seen} - {"/follow", "/unfollow"}
    assert asked == {"/me", "/post", "/activity", "/feed/my", "/feed/friends"}
