"""`/predict` and `/v1/classify`: family S's answer to the letter, and every way to ask wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from feedmill.sagas import model
from feedmill.testkit.reader import Reader, a_reader

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def trusting(shared_state: str) -> Iterator[Reader]:
    with a_reader(shared_state, FEEDMILL_TRUSTED_NETWORK="true") as opened:
        yield opened


def ask(reader: Reader, path: str, body: object = None, **how: object) -> httpx2.Response:
    sent = how or {"json": body}
    return reader.client.post(path, **sent)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Arya and the Hound rode from Harrenhal to the Twins.", "got"),
        ("Frodo's ring was heavy; Sam Gamgee cooked mushrooms in the Shire.", "lotr"),
        ("Harry’s wand shook when Professor Snape came into the Great Hall of Hogwarts.", "hp"),
    ],
)
def test_a_text_s_saga_is_answered_as_family_s_knows_it(trusting: Reader, text: str, label: str) -> None:
    answer = ask(trusting, "/predict", {"text": text})
    assert (answer.status_code, answer.json()) == (200, {"label": label})
    assert answer.headers["content-type"] == "application/json"


def test_classify_says_all_there_is_to_say(trusting: Reader) -> None:
    said = ask(trusting, "/v1/classify", {"text": "Frodo left the Shire"}).json()
    assert (said["saga"], said["label"]) == ("lotr", "lotr")
    assert said["probabilities"] == pytest.approx(dict(model.load().classify("Frodo left the Shire").probabilities))
    assert (said["model_version"], said["threshold"]) == (model.load().version, 0.5)
    unsure = ask(trusting, "/v1/classify", {"text": "Quarterly inflation surprised economists"}).json()
    assert unsure["saga"] == "unknown"
    assert unsure["label"] in unsure["probabilities"]


@pytest.mark.parametrize("path", ["/predict", "/v1/classify"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"text": NaN}', 400),
        (b'{"text": "\\ud800"}', 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"text": null}', 422),
        (b'{"text": 7}', 422),
        (b'{"text": " \\n"}', 422),
        (b'{"text": "' + b"x" * 65_537 + b'"}', 413),
        (b" " * 500_000, 413),
    ],
)
def test_what_cannot_be_answered_is_a_problem_with_its_reason(
    trusting: Reader, path: str, body: bytes, status: int
) -> None:
    answer = ask(trusting, path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].startswith("urn:feedmill:problem:")


def test_the_largest_text_is_answered(trusting: Reader) -> None:
    assert ask(trusting, "/predict", {"text": "Frodo " * 10_922}).json() == {"label": "lotr"}


def test_without_a_trusted_network_a_key_is_needed(reader: Reader) -> None:
    assert ask(reader, "/predict", {"text": "Frodo"}).status_code == 401


def test_without_a_model_it_says_to_come_again_and_then_there_is_one(shared_state: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    with a_reader(shared_state, FEEDMILL_TRUSTED_NETWORK="true", FEEDMILL_API__SAGA_MODEL_PATH=str(path)) as opened:
        away = ask(opened, "/predict", {"text": "Frodo"})
        assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
        path.write_bytes(model.document(["a", "b"], 0.5, [0.0, 0.0], {"frodo": [1.0, 0.0, 1.0]}))
        assert ask(opened, "/predict", {"text": "Frodo"}).json() == {"label": "b"}
