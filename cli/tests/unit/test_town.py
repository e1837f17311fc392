"""The fake-data generator: the same seed is the same town, and every event of it is one the door takes."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from feedmill.cli.town import DAYS, EVENTS_A_ROUND, Draft, Ids, Plan
from feedmill.contracts.verbs import BY_TYPE

UNTIL = datetime(2026, 11, 21, tzinfo=UTC)


def drafts(plan: Plan) -> list[Draft]:
    return [draft for part in plan.rounds() for draft in (*part.creations, *part.reactions)]


def ids_of(plan: Plan) -> Ids:
    creations = [draft for draft in drafts(plan) if draft.verb == "post"]
    return Ids(list(range(1, plan.users + 1)), {d.about: (d.object["type"], d.about + 1) for d in creations})


def test_the_same_size_and_seed_are_the_same_town() -> None:
    first, again, other = (Plan(50, 3_000, seed, UNTIL) for seed in (7, 7, 8))
    assert drafts(first) == drafts(again) != drafts(other)
    assert list(first.people()) == list(again.people()) != list(other.people())


def test_a_larger_town_of_the_same_seed_begins_with_the_same_people() -> None:
    small, large = Plan(20, 10, 3, UNTIL), Plan(40, 10, 3, UNTIL)
    assert list(small.people()) == list(large.people())[:20]


def test_nobody_shares_a_handle_or_an_email_in_a_town_or_with_another_town() -> None:
    people = [user for seed in (1, 2) for user in Plan(2_000, 10, seed, UNTIL).people()]
    assert len({user.handle for user in people}) == len({user.email for user in people}) == 4_000


@pytest.mark.parametrize("events", [1, 10, EVENTS_A_ROUND, EVENTS_A_ROUND + 1])
def test_there_are_as_many_events_as_asked_for_each_with_an_id_of_its_own(events: int) -> None:
    plan = Plan(30, events, 1, UNTIL)
    ids = ids_of(plan)
    sent = [plan.event(draft, ids) for draft in drafts(plan)]
    assert len({event["id"] for event in sent}) == len(sent) == events


@pytest.mark.parametrize(("users", "events"), [(1, 50), (2, 500), (100, 4_000)])
def test_the_door_takes_every_event(users: int, events: int) -> None:
    plan = Plan(users, events, 5, UNTIL)
    ids = ids_of(plan)
    for draft in drafts(plan):
        event = plan.event(draft, ids)
        model = BY_TYPE[event["type"]].edge_model
        assert model is not None
        model.model_validate(event["data"])


def test_a_reaction_speaks_of_what_was_created_before_it_or_in_its_round() -> None:
    created = 0
    for part in Plan(100, 10_000, 2, UNTIL).rounds():
        created += len(part.creations)
        assert all(d.about < created for d in part.reactions if d.verb not in ("follow", "unfollow"))


def test_nobody_follows_twice_and_nobody_follows_themselves() -> None:
    edges = [(d.actor, d.about) for d in drafts(Plan(100, 4_000, 2, UNTIL)) if d.verb == "follow"]
    unfollows = [d for d in drafts(Plan(100, 4_000, 2, UNTIL)) if d.verb == "unfollow"]
    assert len(edges) - len(set(edges)) <= len(unfollows)
    assert all(follower != followee for follower, followee in edges)


def test_a_few_have_most_of_the_followers() -> None:
    followers = Counter(d.about for d in drafts(Plan(1_000, 20_000, 1, UNTIL)) if d.verb == "follow")
    top = sum(count for _, count in followers.most_common(100))
    assert top > 0.45 * followers.total()
    assert len(followers) > 500


def test_the_town_lives_for_four_weeks_and_ends_before_now() -> None:
    times = [draft.at for draft in drafts(Plan(100, 5_000, 1, UNTIL))]
    assert max(times) < UNTIL
    assert DAYS - 1 < (max(times) - min(times)).days + 1 <= DAYS
