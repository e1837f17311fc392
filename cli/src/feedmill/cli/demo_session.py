"""What ivan, nico and eric do with the old activity feed system's calls, and what each call must answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx2

KEYS: Final = {"ivan": "abc123", "nico": "abc124", "eric": "abc125"}
TIMEOUT_S: Final = 40.0
SHOWN_CHARS: Final = 108


class NotAsPromised(Exception):
    """A call was answered otherwise than the contract says."""


@dataclass(frozen=True, slots=True)
class Call:
    """`body` None: a GET."""

    who: str
    path: str
    body: Any = None
    status: int = 200
    says: str = ""
    """In the answer's text."""
    key: str | None = None
    """Instead of the caller's own; empty: none."""


@dataclass(frozen=True, slots=True)
class Told:
    """One call and what it was answered."""

    call: Call
    status: int
    answer: str

    @property
    def request(self) -> str:
        if self.call.body is None:
            return f"GET  {self.call.path}"
        return f"POST {self.call.path} {json.dumps(self.call.body)}"


class Session:
    """Every call of the family, in an order that leaves nobody following anybody, so that it can be had again."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def tell(self) -> Iterator[Told]:
        """Raises NotAsPromised at the first call that is."""
        yield from self._strangers()
        post, photo = yield from self._posts()
        yield from self._reactions(post, photo)
        yield from self._follows()

    def _strangers(self) -> Iterator[Told]:
        yield self._ask(Call("nobody", "/me", status=400, says="Key is missing", key=""))
        yield self._ask(Call("nobody", "/me", status=401, says="Key is not valid", key="no such key"))
        yield self._ask(Call("ivan", "/me", says='"name":"ivan"'))

    def _posts(self) -> Generator[Told, None, list[str]]:
        made = []
        for kind, content in (("post", "Hello, #feedmill"), ("photo", {"file": "harbour.jpg", "caption": "From here"})):
            told = self._ask(Call("ivan", "/post", {"type": kind, "content": content}, says="Activity recorded"))
            yield told
            made.append(f"{kind}:{json.loads(told.answer)['object_id']}")
        yield self._ask(Call("ivan", "/post", {"content": "of what type?"}, 400, "Type is missing or not valid"))
        yield self._ask(Call("ivan", "/post", {"type": "post"}, 400, "Content is missing"))
        return made

    def _reactions(self, post: str, photo: str) -> Iterator[Told]:
        recorded = "Activity recorded"
        yield self._ask(Call("nico", "/activity", {"verb": "like", "object": post}, says=recorded))
        yield self._ask(Call("nico", "/activity", {"verb": "like", "object": post}, says=recorded))
        yield self._ask(Call("nico", "/activity", {"verb": "share", "object": photo}, says=recorded))
        yield self._ask(
            Call("nico", "/activity", {"verb": "poke", "object": post}, 400, "Verb is missing or wrong verb format")
        )
        yield self._ask(Call("nico", "/activity", {"verb": "like", "object": "post"}, 400, "Wrong object format"))
        yield self._ask(
            Call("nico", "/activity", {"verb": "like", "object": "post:9007199254740991"}, 400, "Object is not found")
        )

    def _follows(self) -> Iterator[Told]:
        eric: Callable[..., Told] = lambda *call, **more: self._ask(Call("eric", *call, **more))  # noqa: E731
        yield eric("/follow", {"follow": "ivan"}, says="User followed")
        yield eric("/follow", {"follow": "ivan"}, says="Already followed")
        yield eric("/follow", {"follow": "zoe?"}, 400, "User not found")
        yield eric("/follow", {"follow": "eric"}, 400, "You can't follow yourself")
        yield eric("/me", says='"follow_ids":[1]')
        yield eric("/feed/friends", says='"object_type":"photo"')
        yield eric("/unfollow", {"unfollow": "ivan"}, says="User unfollowed")
        yield eric("/unfollow", {"unfollow": "ivan"}, says="User unfollowed")  # also of one not followed any more
        yield eric("/unfollow", {"unfollow": "eric"}, 400, "You can't unfollow yourself")
        yield eric("/feed/friends", says='"friends_feed":[]')
        yield eric("/follow", {"follow": "nico"}, says="User followed")
        yield eric("/follow", {"unfollow": "nico"}, says="User unfollowed")
        yield eric("/feed/my", says='"my_feed":[{')

    def _ask(self, call: Call) -> Told:
        key = KEYS.get(call.who, "") if call.key is None else call.key
        answer = self._client.request(
            "GET" if call.body is None else "POST",
            call.path,
            headers={"X-App-Key": key} if key else {},
            **({} if call.body is None else {"json": call.body}),
        )
        text = compact(answer)
        if answer.status_code != call.status or call.says not in text:
            wanted = f"{call.status} with {call.says}" if call.says else str(call.status)
            raise NotAsPromised(
                f"{call.who}: {call.path} {call.body or ''} answered {answer.status_code} {text}; promised: {wanted}"
            )
        return Told(call, answer.status_code, text)


def compact(answer: httpx2.Response) -> str:
    return json.dumps(answer.json(), separators=(",", ":"), ensure_ascii=False)


def shortened(text: str, chars: int = SHOWN_CHARS) -> str:
    return text if len(text) <= chars else f"{text[: chars - 1]}…"
