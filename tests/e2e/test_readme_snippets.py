"""The README's call, made as it stands there: it answers as the README shows."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from feedmill.testkit.people import Operator, Person

pytestmark = pytest.mark.e2e

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
CALL, ANSWER = re.findall(r"^```\n(.*?)^```", README.partition("\n## Use\n")[2], re.MULTILINE | re.DOTALL)[:2]


def called(person: Person) -> Any:
    """By the person's own key and id, at the platform's own origin."""
    words = shlex.split(CALL.partition("$ curl ")[2])
    url = next(word for word in words if "localhost:5000" in word)
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    body = words[words.index("-d") + 1].replace('"actor_id": 1', f'"actor_id": {person.id}')
    sent = headers | {"X-App-Key": person.key}
    return person.http.post("/" + url.partition("/")[2], content=body.encode(), headers=sent)


def test_the_readmes_call_is_answered_as_it_shows(operator: Operator) -> None:
    ivan = operator.person("ivan")
    answer = called(ivan)
    assert answer.status_code == 200, answer.text
    shown = json.loads("".join(ANSWER.partition("\n\n")[0].splitlines()))
    assert answer.json().keys() == shown.keys()
    (result,), (as_shown,) = answer.json()["results"], shown["results"]
    fixed = ("id", "status", "applied", "error")
    assert result.keys() == as_shown.keys()
    assert [result[name] for name in fixed] == [as_shown[name] for name in fixed]
    hops = [line.split()[0] for line in ANSWER.splitlines() if re.match(r"\w+ +\d{4}-", line)]
    assert hops == ["accepted", "enriched", "postgres", "clickhouse"]
    assert {hop["hop"] for hop in operator.request("GET", f"/v1/events/{result['event_id']}").json()["hops"]} <= {*hops}
