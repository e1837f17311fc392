"""Reading what was written, and saying how fresh an answer is."""

from datetime import UTC, datetime

import pytest

from feedmill.testkit.reader import Reader
from feedmill.testkit.state import Seed

pytestmark = pytest.mark.integration

RAW = "activity.published.v1"
PATHS = [
    *("/me", "/feed/my", "/feed/friends", "/v1/users/1", "/v1/users/1/feed", "/v1/users/1/activities"),
    *("/v1/users/1/notifications", "/v1/objects/post/1", "/v1/tags/fun/feed"),
]
TRACE = "/v1/events/4b0a2a53-1a0f-4f57-8ad9-6bb7b2b3c6a1"


@pytest.fixture
def ivan(seed: Seed) -> Seed:
    seed.user("ivan", key="abc123")
    seed.post(1)
    return seed


@pytest.mark.parametrize("path", [*PATHS, TRACE])
def test_every_read_says_through_when_it_is_complete(ivan: Seed, reader: Reader, path: str) -> None:
    through = datetime.fromisoformat(reader.get(path).headers["feedmill-complete-through"])
    assert through <= datetime.now(UTC)


@pytest.mark.parametrize("path", [*PATHS, TRACE])
def test_a_position_not_applied_in_time_is_503_and_applied_is_200(ivan: Seed, reader: Reader, path: str) -> None:
    reader.log.reaches(RAW, 3, 8)
    answer = reader.get(path, Feedmill_Position=f"{RAW}/3:7", Prefer="wait=0")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    if path.startswith("/v1"):
        assert answer.json()["type"] == "urn:feedmill:problem:not-yet-applied"
    else:
        assert answer.json()["error"] is True
    ivan.applied(3, 7)
    assert reader.get(path, Feedmill_Position=f"{RAW}/3:7").status_code == 200


@pytest.mark.parametrize("position", ["nonsense", f"{RAW}/0:0", f"{RAW}/3:8", "other/0:1", f"{RAW}/99:0"])
def test_a_malformed_position_or_one_past_the_end_is_400(ivan: Seed, reader: Reader, position: str) -> None:
    reader.log.reaches(RAW, 3, 8)
    for path in ("/v1/users/1/feed", "/feed/my"):
        answer = reader.get(path, Feedmill_Position=position)
        assert answer.status_code == 400
        assert "Feedmill-Position" in answer.text


def test_a_position_of_a_topic_not_read_here_is_not_waited_for(ivan: Seed, reader: Reader) -> None:
    answer = reader.get("/v1/users/1/feed", Feedmill_Position="user-interaction/0:999", Prefer="wait=0")
    assert answer.status_code == 200
