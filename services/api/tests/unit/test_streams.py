"""One stream's queue, and the places of a process: what bounds them."""

import asyncio
from contextlib import suppress

from feedmill.api.live.places import Places
from feedmill.api.live.stream import Stream


def a_stream(reader: int = 1, messages: int = 3, size: int = 100) -> Stream:
    return Stream(reader, {}, messages, size)


def taken(stream: Stream) -> bytes:
    return asyncio.run(stream.next_chunk())


def test_what_waits_is_sent_as_one_and_room_is_made() -> None:
    stream = a_stream()
    for _ in range(4):
        for chunk in (b"a", b"b", b"c"):
            stream.put(chunk)
        assert taken(stream) == b"abc"
    assert stream.closed == ""


def test_nothing_is_sent_before_it_is_let_in() -> None:
    async def held() -> bytes:
        stream = a_stream()
        stream.hold()
        stream.put(b"a")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                raise AssertionError(await stream.next_chunk())
        stream.put(b"b")
        stream.release()
        return await stream.next_chunk()

    assert asyncio.run(held()) == b"ab"


def test_one_message_more_than_may_wait_drops_the_client() -> None:
    stream, cut = a_stream(), list[str]()
    stream.cut_by(lambda: cut.append("cut"))
    for _ in range(4):
        stream.put(b"x")
    assert (stream.closed, cut) == ("slow", ["cut"])
    assert taken(stream) == b"", "a client that took nothing takes nothing more"


def test_so_does_one_behind_as_many_bytes_as_may_wait() -> None:
    stream = a_stream()
    stream.put(b"x" * 1_000)
    assert stream.closed == "", "one alone is sent, however large"
    stream.put(b"x")
    assert stream.closed == "slow"


def test_a_place_is_taken_at_once_and_given_back_once() -> None:
    places = Places(most=3, most_of_reader=2)
    mine, theirs = [a_stream(1) for _ in range(3)], [a_stream(2) for _ in range(2)]
    assert [places.take(stream) for stream in mine] == [True, True, False]
    assert [places.take(stream) for stream in theirs] == [True, False]
    for _ in range(2):
        places.free(mine[0])
        places.free(mine[2])
    assert [places.take(stream) for stream in (theirs[1], mine[2])] == [True, False]
    assert len(places.open) == 3
