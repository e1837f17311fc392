"""The one function that decides who may read what."""

import pytest

from feedmill.api.authorize import Reading, authorize
from feedmill.runtime.auth import KeyNotValid, Principal
from feedmill.runtime.problem import Kind, Problem

OWNER = Principal("user:ivan", 1, frozenset())
STRANGER = Principal("user:nico", 2, frozenset())
READER = Principal("service:reader", None, frozenset({"feeds:read"}))
WRITER = Principal("service:writer", None, frozenset({"events:write"}))
ADMIN = Principal("service:admin", None, frozenset({"admin"}))


@pytest.mark.parametrize("principal", [OWNER, STRANGER, READER, WRITER, ADMIN])
def test_public_things_are_for_any_key(principal: Principal) -> None:
    authorize(principal, Reading.PUBLIC)


@pytest.mark.parametrize("principal", [OWNER, READER, ADMIN])
def test_a_home_feed_is_its_owners_and_the_readers(principal: Principal) -> None:
    authorize(principal, Reading.HOME_FEED, user_id=1)


@pytest.mark.parametrize("principal", [STRANGER, WRITER, Principal.of_family("C")])
def test_a_home_feed_is_nobody_elses(principal: Principal) -> None:
    with pytest.raises(Problem) as refused:
        authorize(principal, Reading.HOME_FEED, user_id=1)
    assert refused.value.kind is Kind.FORBIDDEN
    with pytest.raises(Problem):
        authorize(principal, Reading.HOME_FEED)


def test_family_as_own_pages_need_a_user() -> None:
    authorize(OWNER, Reading.OWN)
    with pytest.raises(KeyNotValid):
        authorize(ADMIN, Reading.OWN)
