"""What a client remembers of leaders grows old: the broker's side of it, without one."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from feedmill.runtime.kafka import Admin
from feedmill.runtime.outcome import TopicPartition, Transient
from feedmill.runtime.settings import KafkaSettings

PLACE = TopicPartition("log", 0)


class Client:
    """Answers with an error until it is asked for all topics; with `for_ever` also then."""

    def __init__(self, code: int, *, for_ever: bool = False) -> None:
        self.old, self.for_ever, self.code, self.asked = True, for_ever, code, 0

    def list_offsets(self, asked: dict[Any, Any], **_: object) -> dict[Any, Future[Any]]:
        self.asked += 1
        found: Future[Any] = Future()
        if self.old:
            found.set_exception(KafkaException(KafkaError(self.code)))
        else:
            found.set_result(SimpleNamespace(offset=7))
        return dict.fromkeys(asked, found)

    def list_topics(self, **_: object) -> Any:
        self.old = self.for_ever
        return SimpleNamespace(topics={})


def admin_on(client: Client) -> Admin:
    admin = Admin(KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    vars(admin)["_admin"] = client
    return admin


@pytest.mark.parametrize("code", [KafkaError.FENCED_LEADER_EPOCH, KafkaError.NOT_LEADER_FOR_PARTITION])
def test_ends_are_asked_of_leaders_elected_anew(code: int) -> None:
    assert admin_on(Client(code)).ends([PLACE]) == {PLACE: 7}


def test_a_partition_without_a_leader_is_asked_for_twice_and_told() -> None:
    client = Client(KafkaError.LEADER_NOT_AVAILABLE, for_ever=True)
    with pytest.raises(Transient):
        admin_on(client).ends([PLACE])
    assert client.asked == 2


def test_who_does_not_answer_in_time_is_not_asked_again() -> None:
    client = Client(KafkaError._TIMED_OUT)
    with pytest.raises(Transient):
        admin_on(client).ends([PLACE])
    assert client.asked == 1
