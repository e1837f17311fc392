"""Every reader's feed, through every cursor, is what the reference model says: whatever people do, whatever dies."""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from feedmill.cli.local.part import last_lines
from feedmill.testkit.platform import Platform
from model.driver import SMALL, Driver, an_event, open_driver, take
from model.reference import Model, Thing

pytestmark = pytest.mark.e2e

RUNS = int(os.environ.get("MODEL_RUNS", "300"))
KILLS = int(os.environ.get("MODEL_KILLS", "20"))
REBUILDS = int(os.environ.get("MODEL_REBUILDS", "3"))
STEPS = 14
PEOPLE = 5
ERASED_AT_MOST = 2

WHO = st.integers(0, PEOPLE - 1)
WHEN = st.integers(0, 25)
REACTIONS = st.lists(st.sampled_from(["like", "like", "unlike", "share"]), min_size=1, max_size=3)
ON_USER = ("mute", "unmute", "block", "unblock", "connect", "disconnect", "recommend", "unrecommend")


class Feeds(RuleBasedStateMachine):
    """People of its own on the platform that all runs share."""

    driver: ClassVar[Driver]

    @initialize()
    def some_people(self) -> None:
        self.model = Model()
        self.positions: dict[str, int] = {}
        self.people = self.driver.people(PEOPLE, self.positions)
        self.model.people.update(self.people)
        self.things: list[Thing] = []
        self.sent: list[dict[str, Any]] = []
        for reader in self.people[:-1]:  # the last one is never pushed to until the first check
            assert self.driver.walk(reader, 20, self.positions) == [[]]
        self._follow([(0, 1), (1, 2), (2, 0), (3, 0), (3, 1)], "all")

    def _send(self, *events: dict[str, Any], wait_s: int = 0) -> list[dict[str, Any]]:
        results = self.driver.send(events, wait_s=wait_s, positions=self.positions)
        for event, result in zip(events, results, strict=True):
            take(self.model, event, result)
        self.sent += events
        return results

    def _follow(self, pairs: list[tuple[int, int]], backfill: str | int) -> None:
        events = [
            an_event("follow", self.people[a], {"type": "user", "id": self.people[b]}, 10, backfill=backfill)
            for a, b in pairs
        ]
        self._send(*events)

    @rule(who=WHO, seconds=st.lists(WHEN, min_size=1, max_size=4), kind=st.sampled_from(["post", "photo"]))
    def post(self, who: int, seconds: list[int], kind: str) -> None:
        events = [an_event("post", self.people[who], {"type": kind, "content": s}, s) for s in seconds]
        results = self._send(*events, wait_s=30)
        self.things += [(kind, result["object"]["id"]) for result in results]

    @rule(who=WHO, pick=st.integers(0, 99), at=WHEN)
    def comment(self, who: int, pick: int, at: int) -> None:
        if self.things:
            type_, id_ = self.things[pick % len(self.things)]
            thing = {"type": "comment", "content": "hm"}
            [made] = self._send(
                an_event("comment", self.people[who], thing, at, target={"type": type_, "id": id_}), wait_s=30
            )
            self.things.append(("comment", made["object"]["id"]))

    @rule(who=WHO, pick=st.integers(0, 99), at=WHEN, verbs=REACTIONS)
    def react(self, who: int, pick: int, at: int, verbs: list[str]) -> None:
        if self.things:
            type_, id_ = self.things[pick % len(self.things)]
            self._send(*[an_event(verb, self.people[who], {"type": type_, "id": id_}, at) for verb in verbs])

    @rule(who=WHO, whom=WHO, backfill=st.sampled_from(["all", "none", 1, 2, 5]))
    def follow(self, who: int, whom: int, backfill: str | int) -> None:
        if who != whom:
            self._follow([(who, whom)], backfill)

    @rule(who=WHO, whom=WHO)
    def unfollow(self, who: int, whom: int) -> None:
        if who != whom:
            self._on_user("unfollow", who, whom)

    @rule(who=WHO, whom=WHO, verb=st.sampled_from(ON_USER))
    def between_users(self, who: int, whom: int, verb: str) -> None:
        if who != whom:
            self._on_user(verb, who, whom)

    @rule(star=WHO, at=WHEN)
    def become_a_celebrity_and_post(self, star: int, at: int) -> None:
        self._follow([(fan, star) for fan in range(PEOPLE) if fan != star], "all")
        self.post(star, [at], "post")

    @rule(star=WHO)
    def be_a_celebrity_no_more(self, star: int) -> None:
        for fan in [fan for fan in range(PEOPLE) if fan != star][:3]:
            self._on_user("unfollow", fan, star)

    def _on_user(self, verb: str, who: int, whom: int) -> None:
        self._send(an_event(verb, self.people[who], {"type": "user", "id": self.people[whom]}, 12))

    @rule(pick=st.integers(0, 99))
    def delete(self, pick: int) -> None:
        if self.things:
            thing = self.things[pick % len(self.things)]
            said = {"type": thing[0], "id": thing[1]}
            self._send(an_event("delete", self.model.authors[thing], said, 13))

    @rule(who=WHO, when=st.integers(0, 20))
    def erase(self, who: int, when: int) -> None:
        """They go on posting and following, as old clients do; nobody sees any of it."""
        user = self.people[who]
        if when > 18 and user not in self.model.erased and len(self.model.erased) < ERASED_AT_MOST:
            said = self.driver.erase(user, self.positions)
            data = {"actor_id": user, "object": {"type": "user", "id": user}}
            at = datetime.fromisoformat(said["erased_at"])
            self.model.accept(uuid.UUID(said["event_id"]), "user-erased", data, at, None)

    @rule(pick=st.integers(0, 99))
    def retry_late(self, pick: int) -> None:
        """The same event again, weeks later as far as anybody knows."""
        if self.sent:
            self.driver.send([self.sent[pick % len(self.sent)]], wait_s=0, positions=self.positions)

    @rule(readers=st.lists(WHO, min_size=1, max_size=2))
    def rebuild(self, readers: list[int]) -> None:
        self.driver.rebuild([self.people[reader] for reader in readers])

    @rule(when=st.integers(0, 40))
    def rebuild_everything(self, when: int) -> None:
        if when > 38:
            self.driver.rebuild_all()

    @rule(part=st.sampled_from(["feed-writer-postgres", "enricher", "api", "ingest"]), when=st.integers(0, 40))
    def kill(self, part: str, when: int) -> None:
        if when > 36:
            self.driver.kill(part)

    @rule(limit=st.sampled_from([1, 2, 3, 5, 7, 20]))
    def every_feed_is_what_the_model_says(self, limit: int) -> None:
        self._check(limit)

    def teardown(self) -> None:
        if hasattr(self, "sent"):
            self._check(random.choice([1, 3, 20]))

    def _check(self, limit: int) -> None:
        living = [reader for reader in self.people if reader not in self.model.erased]
        for reader, pages in zip(living, self.driver.walks(living, limit, self.positions), strict=True):
            wanted = [str(activity.event_id) for activity in self.model.home(reader)]
            assert [item for page in pages for item in page] == wanted, f"reader {reader}"
            assert all(len(page) == limit for page in pages[:-1]), f"pages of reader {reader}: {list(map(len, pages))}"
        wrong = self.driver.audit(living)
        assert not wrong, wrong
        assert not self.model.erased or not self.driver.texts_of(self.model.erased)
        assert all(self.driver.is_gone(user, self.positions) for user in self.model.erased)


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    with Platform(SMALL) as platform:
        opened = open_driver(platform, KILLS, REBUILDS)
        yield opened
        opened.door.close()
        opened.feeds.close()


@pytest.mark.timeout(24 * 3_600)
def test_every_feed_is_what_the_reference_model_says(driver: Driver) -> None:
    Feeds.driver = driver
    try:
        run_state_machine_as_test(
            Feeds,
            settings=settings(
                max_examples=RUNS,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.generate, Phase.shrink) if "MODEL_SHRINK" in os.environ else (Phase.generate,),
            ),
        )
    except BaseException:
        for name in driver.platform.service_names():
            print(f"--- {name}\n{last_lines(driver.platform.log(name), 30)}")
        raise
    ways = driver.ways()
    print(ways)
    assert all(count > RUNS / 10 for count in ways.values()), f"a way was hardly taken: {ways}"
