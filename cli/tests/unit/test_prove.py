"""Nobody is told "ready" before one event was seen at both ends."""

from __future__ import annotations

from typing import Any

import pytest

from feedmill.cli.local import prove
from feedmill.cli.local.prove import Door, NotProven, one_event

EVENT_ID = "00000000-0000-0000-0000-000000000001"


class Answers(Door):
    """A platform that takes the event with these statuses, and then shows these hops, the last ones for ever."""

    def __init__(self, statuses: list[str], hops: list[list[str]]) -> None:
        super().__init__("http://127.0.0.1:1", "key")
        object.__setattr__(self, "said", (statuses, hops))

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        statuses, hops = self.said  # type: ignore[attr-defined]
        if method == "POST":
            return {"results": [{"status": statuses.pop(0), "event_id": EVENT_ID}]}
        assert path == f"/v1/events/{EVENT_ID}"
        return {"hops": [{"hop": name} for name in (hops.pop(0) if len(hops) > 1 else hops[0])]}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "DEADLINE_S", 0.3)
    monkeypatch.setattr(prove, "ASK_AGAIN_S", 0.001)


def test_an_event_seen_at_both_ends_is_proof_however_late_it_came_there() -> None:
    door = Answers(["retry", "accepted"], [["accepted"], ["accepted", "postgres"], ["postgres", "clickhouse"]])
    assert one_event(door) == EVENT_ID


@pytest.mark.parametrize(("seen", "missing"), [("postgres", "clickhouse"), ("clickhouse", "postgres")])
def test_one_end_alone_is_none_and_the_other_is_named(seen: str, missing: str) -> None:
    with pytest.raises(NotProven, match=f"did not reach {missing} "):
        one_event(Answers(["accepted"], [["accepted", "enriched", seen]]))


def test_an_event_that_is_not_taken_is_none_either() -> None:
    with pytest.raises(NotProven, match="invalid"):
        one_event(Answers(["invalid"], [[]]))
