"""A town of made-up people: who they are, whom they follow, what they post, like, share and say. Pure and seeded.

The same size and seed give the same town, ids of its events included, so loading it twice changes nothing. Ids of
people and objects are the platform's to give: the plan names them by number (the n-th person, the n-th post), and
`Ids` says what became of each.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, Final

from mimesis import Person, Text
from mimesis.locales import Locale

SOURCE: Final = "feedmill-town"
DAYS: Final = 28
"""The town's life is this long and ends where the plan is told."""
EVENTS_A_ROUND: Final = 2_000
FOLLOWEE_EXPONENT: Final = 0.9
"""Zipf: the n-th most popular person is followed in proportion to n ** -0.9."""
ACTIVITY_ALPHA: Final = 1.3
"""Pareto: a few people do most of the posting, liking and sharing."""
ENGAGED_MEMORY: Final = 5_000
TRIES: Final = 30

LOCALES: Final = (Locale.EN, Locale.DE, Locale.ES, Locale.FR, Locale.IT, Locale.PL, Locale.TR, Locale.SV)
TAG_WORDS: Final = (
    "photography travel music food running books cycling coffee gardening football art science film cooking "
    "hiking history design weather cats dogs theatre poetry chess climbing baking birds sailing night maps bread"
)
TAGS: Final = tuple(TAG_WORDS.split())
SITES: Final = ("news.example.org", "blog.example.com", "maps.example.net", "Recipes.Example.com", "films.example.org")

VERBS: Final = ("follow", "post", "like", "share", "comment", "unlike", "unfollow")
WEIGHTS: Final = (24, 26, 32, 9, 7, 1, 1)
TYPES: Final = ("post", "photo", "link", "article")
TYPE_WEIGHTS: Final = (58, 22, 16, 4)


@dataclass(frozen=True, slots=True)
class NewUser:
    handle: str
    name: str
    email: str
    college: str


@dataclass(frozen=True, slots=True)
class Draft:
    """One event to be. `actor` numbers a person; `about` a person (follow, unfollow) or a creation (all others)."""

    number: int
    verb: str
    actor: int
    at: datetime
    about: int = -1
    object: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Round:
    """What `reactions` speak of was created in this round or an earlier one."""

    creations: Sequence[Draft]
    reactions: Sequence[Draft]


@dataclass(slots=True)
class Ids:
    """By number: the people's ids, and (type, id) of what they created."""

    people: list[int] = field(default_factory=list)
    creations: dict[int, tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """`users` people and `events` events, the last of them before `until`."""

    users: int
    events: int
    seed: int
    until: datetime

    def people(self) -> Iterator[NewUser]:
        """A larger town of the same seed has the same first people."""
        person = [Person(locale, seed=self.seed + number) for number, locale in enumerate(LOCALES)]
        dice = random.Random(f"{self.seed} people")  # noqa: S311  a seeded die, no secret
        namesakes: dict[str, int] = {}
        for _ in range(self.users):
            who = dice.choice(person)
            first, last = who.first_name(), who.last_name()
            stem = f"{slug(first)}.{slug(last)}"[:40].strip(".")
            namesakes[stem] = namesakes.get(stem, 0) + 1
            more = str(namesakes[stem]) if namesakes[stem] > 1 else ""
            handle = f"{stem}{more}-{self.seed}"
            yield NewUser(handle, f"{first} {last}", f"{handle}@example.org", person[0].university())

    def rounds(self) -> Iterator[Round]:
        """All events, in the order of their times between rounds."""
        life = Life(self)
        while life.number < self.events:
            yield life.round(min(EVENTS_A_ROUND, self.events - life.number))

    def event(self, draft: Draft, ids: Ids) -> dict[str, Any]:
        """As `POST /v1/events` takes it."""
        return {
            "specversion": "1.0",
            "id": f"{self.seed}-{self.users}-{self.events}-{draft.number}",
            "source": SOURCE,
            "type": f"feedmill.{draft.verb}.v1",
            "time": draft.at.isoformat().replace("+00:00", "Z"),
            "data": data(draft, ids),
        }


def data(draft: Draft, ids: Ids) -> dict[str, Any]:
    actor = {"actor_id": ids.people[draft.actor]}
    if draft.verb == "post":
        return {**actor, "object": draft.object}
    if draft.verb in ("follow", "unfollow"):
        return {**actor, "object": {"type": "user", "id": ids.people[draft.about]}}
    kind, number = ids.creations[draft.about]
    if draft.verb == "comment":
        return {**actor, "object": draft.object, "target": {"type": kind, "id": number}}
    return {**actor, "object": {"type": kind, "id": number}}


class Life:
    """The town as it goes on: who is popular, who is active, what people are talking about."""

    def __init__(self, plan: Plan) -> None:
        self._dice = random.Random(f"{plan.seed} life")  # noqa: S311  a seeded die, no secret
        self._text = Text(Locale.EN, seed=plan.seed)
        self._plan = plan
        self._handles = [user.handle for user in plan.people()]
        self._people = range(plan.users)
        ranks = self._dice.sample(range(1, plan.users + 1), plan.users)
        self._popular = list(accumulate(rank**-FOLLOWEE_EXPONENT for rank in ranks))
        self._active = list(accumulate(self._dice.paretovariate(ACTIVITY_ALPHA) for _ in self._people))
        self._follows: dict[tuple[int, int], None] = {}
        self._likes: dict[tuple[int, int], None] = {}
        self._engaged: list[int] = []
        self._creations = 0
        self.number = 0

    def round(self, events: int) -> Round:
        verbs = self._dice.choices(VERBS, WEIGHTS, k=events)
        if self._creations == 0:
            verbs[0] = "post"
        drafts = [self._creation() if verb == "post" else self._reaction(verb) for verb in verbs]
        return Round([d for d in drafts if d.verb == "post"], [d for d in drafts if d.verb != "post"])

    def _creation(self) -> Draft:
        self._creations += 1
        return self._draft("post", self._someone_active(), self._creations - 1, self._object())

    def _reaction(self, verb: str) -> Draft:
        if verb == "follow":
            return self._follow()
        if verb in ("unlike", "unfollow"):
            return self._taken_back(verb)
        actor, about = self._someone_active(), self._something_talked_about()
        if verb == "like":
            self._likes[actor, about] = None
        text = {"type": "comment", "content": self._text.sentence()} if verb == "comment" else {}
        return self._draft(verb, actor, about, text)

    def _follow(self) -> Draft:
        """Somebody new to somebody; where nearly all know each other already, a like instead."""
        for _ in range(TRIES):
            follower = self._dice.choice(self._people)
            (followee,) = self._dice.choices(self._people, cum_weights=self._popular)
            if follower != followee and (follower, followee) not in self._follows:
                self._follows[follower, followee] = None
                return self._draft("follow", follower, followee)
        return self._reaction("like")

    def _taken_back(self, verb: str) -> Draft:
        """The most recent like or follow; where there is none, a share instead."""
        earlier = self._likes if verb == "unlike" else self._follows
        if not earlier:
            return self._reaction("share")
        (actor, about), _ = earlier.popitem()
        return self._draft(verb, actor, about)

    def _someone_active(self) -> int:
        return self._dice.choices(self._people, cum_weights=self._active)[0]

    def _something_talked_about(self) -> int:
        """Half of the time what others reacted to already, so that few posts get most of the likes."""
        if self._engaged and self._dice.random() < 0.5:
            return self._dice.choice(self._engaged)
        newest = self._creations - 1
        about = max(0, newest - int(self._dice.paretovariate(0.7)))
        self._engaged.append(about)
        if len(self._engaged) > ENGAGED_MEMORY:
            self._engaged[self._dice.randrange(ENGAGED_MEMORY)] = self._engaged.pop()
        return about

    def _object(self) -> dict[str, Any]:
        (kind,) = self._dice.choices(TYPES, TYPE_WEIGHTS)
        words = self._text.sentence()
        if self._dice.random() < 0.5:
            words += f" #{self._tag()}"
        if self._dice.random() < 0.2:
            words += f" @{self._dice.choices(self._handles, cum_weights=self._popular)[0]}"
        if kind == "photo":
            return {"type": kind, "content": {"caption": words, "file": f"photos/{self._creations}.jpg"}}
        if kind == "link":
            url = f"https://{self._dice.choice(SITES)}/{self._tag()}/{self._creations}?utm_source=feedmill"
            return {"type": kind, "content": words, "url": url}
        if kind == "article":
            return {"type": kind, "content": f"{words}\n\n{self._text.text(5)}", "title": self._text.title()}
        return {"type": kind, "content": words}

    def _tag(self) -> str:
        return TAGS[min(int(self._dice.paretovariate(0.8)) - 1, len(TAGS) - 1)]

    def _draft(self, verb: str, actor: int, about: int, thing: dict[str, Any] | None = None) -> Draft:
        number = self.number
        self.number += 1
        lived = (number + self._dice.random()) / self._plan.events
        at = self._plan.until - timedelta(days=DAYS) * (1 - lived)
        return Draft(number, verb, actor, at, about, thing or {})


def slug(name: str) -> str:
    """Ascii letters and digits only: `Müller` -> `muller`, `Łukasz` -> `ukasz`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(letter for letter in plain.lower() if letter.isalnum())
