"""What removes: unlike, mute, block, the ends of connections and recommendations: at once, in every feed."""

from typing import Any

import pytest

from feedmill.testkit.reader import Reader
from feedmill.testkit.state import Seed

pytestmark = pytest.mark.integration


@pytest.fixture
def circle(seed: Seed) -> Seed:
    """ivan (1) follows nico (2); eric (3) posts; everybody has a key."""
    for handle, key in (("ivan", "abc123"), ("nico", "abc124"), ("eric", "abc125")):
        seed.user(handle, key=key)
    seed.follow(1, 2)
    return seed


def verbs(reader: Reader, path: str = "/v1/users/1/feed", key: str = "abc123") -> list[str]:
    answer = reader.get(path, key=key)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return [item["verb"] for item in found]


def test_an_unlike_takes_back_every_like_before_it_and_none_after(circle: Seed, reader: Reader) -> None:
    post = circle.post(3)
    circle.activity("like", 2, "post", post)
    circle.activity("like", 2, "post", post)
    assert verbs(reader) == ["like", "like"]
    circle.execute(
        "INSERT INTO object_like (actor_id, object_type, object_id, active, ended_offset, origin_offset)"
        " SELECT 2, 'post', %s, false, max(source_offset) + 1, 1 FROM activity",
        (post,),
    )
    assert verbs(reader) == []
    circle.activity("post", 2, None, None)
    circle.activity("post", 2, None, None)
    circle.activity("like", 2, "post", post)
    assert verbs(reader) == ["like", "post", "post"]


@pytest.mark.parametrize(("kind", "pair"), [("recommend", (2, 3)), ("connect", (2, 3))])
def test_what_is_taken_back_shows_no_more(circle: Seed, reader: Reader, kind: str, pair: tuple[int, int]) -> None:
    circle.activity(kind, 2, "user", 3)
    circle.edge(pair[0], kind, pair[1])
    assert verbs(reader) == [kind]
    circle.edge(pair[0], kind, pair[1], active=False)
    assert verbs(reader) == []


def test_a_muted_one_is_gone_from_home_alone_and_comes_back(circle: Seed, reader: Reader) -> None:
    circle.post(2)
    circle.edge(1, "mute", 2)
    assert verbs(reader) == []
    assert verbs(reader, "/v1/users/2/activities") == ["post"]
    circle.edge(1, "mute", 2, active=False)
    assert verbs(reader) == ["post"]


@pytest.mark.parametrize(("who", "whom"), [(1, 2), (2, 1)])
def test_a_block_stands_between_both(circle: Seed, reader: Reader, who: int, whom: int) -> None:
    circle.post(2)
    circle.edge(who, "block", whom)
    assert verbs(reader) == []
    assert verbs(reader, "/v1/users/2/activities") == []
    assert verbs(reader, "/v1/users/2/activities", "abc125") == ["post"]
    circle.edge(who, "block", whom, active=False)
    assert verbs(reader) == ["post"]


def test_a_block_hides_what_others_do_with_the_others_things(circle: Seed, reader: Reader) -> None:
    post = circle.post(3)
    circle.activity("share", 2, "post", post)
    circle.comment(2, "hm", "post", post)
    circle.activity("recommend", 2, "user", 3)
    circle.post(2)
    circle.edge(3, "block", 1)
    assert verbs(reader) == ["post"]


def test_what_is_hidden_leaves_pages_full(circle: Seed, reader: Reader) -> None:
    theirs = circle.post(3)
    circle.post(2)
    for _ in range(60):
        circle.activity("share", 2, "post", theirs)
    circle.post(2)
    circle.edge(1, "block", 3)
    assert verbs(reader, "/v1/users/1/feed?limit=2") == ["post", "post"]
