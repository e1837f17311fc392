"""What the answers look like. The OpenAPI document's schemas are generated from these types."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""As `feedmill.contracts.times.short_time` writes it: one form in all answers, be they made here or by Postgres."""


class Actor(Struct, frozen=True, gc=False):
    """A user, as named in a feed."""

    id: int
    handle: str
    name: str | None


class Thing(Struct, frozen=True, gc=False, omit_defaults=True):
    """An object or target: a user (handle, name), or what was posted (content, author, …)."""

    type: str
    id: int
    handle: str | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    content: Raw | UnsetType = UNSET
    title: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    mentions: list[str] | UnsetType = UNSET
    author: Actor | UnsetType = UNSET
    created_at: Time | UnsetType = UNSET


class FeedItem(Struct, frozen=True, gc=False):
    """One activity, hydrated."""

    activity_id: UUID
    verb: str
    actor: Actor
    object: Thing | None
    target: Thing | None
    occurred_at: Time


class FeedPage(Struct, frozen=True):
    """next: the cursor of the page after this one; null at the end."""

    items: list[FeedItem]
    next: str | None


class ObjectCounters(Struct, frozen=True):
    """likes: activities that no unlike took back; likers: the users who made them."""

    likes: int
    likers: int
    shares: int
    comments: int


class ObjectShown(Struct, frozen=True):
    """What was posted, and what it got."""

    object: Thing
    counters: ObjectCounters


class Counters(Struct, frozen=True):
    """Derived from sets, so no repeat counts twice. likes, likers, shares, comments: what the user's objects got."""

    followers: int
    following: int
    posts: int
    likes: int
    likers: int
    shares: int
    comments: int


class Notice(Struct, frozen=True):
    """A group of deeds that concern the reader: one kind, about one object (follows: of one day).

    actors: the newest three of `people` users; count: their deeds that stand; latest_at: the newest of these.
    """

    id: str
    kind: Literal["like", "share", "comment", "follow", "mention"]
    text: str
    object: Thing | None
    actors: list[Actor]
    people: int
    count: int
    latest_at: Time
    seen: bool
    read: bool


class Notices(Struct, frozen=True):
    """Newest first; next: as in every page. seen_through and read_through: how far the reader has come."""

    items: list[Notice]
    next: str | None
    seen_through: Time | None
    read_through: Time | None


class Profile(Struct, frozen=True):
    """What everybody may see of a user."""

    id: int
    handle: str
    uuid: UUID | None
    name: str | None
    college: str | None
    created_at: Time | None
    counters: Counters


class ObjectRef(Struct, frozen=True):
    """An object by name."""

    type: str
    id: int


class Evidence(Struct, frozen=True):
    """An event that a rule rests on: position in the raw topic, and when it happened."""

    event_id: UUID
    position: str
    occurred_at: Time


class FollowEvidence(Struct, frozen=True):
    """The follow edge as it stood: since (null: all of the past), and the event that began it."""

    followee_id: int
    since: Time | None
    event: Evidence


class Because(Struct, frozen=True):
    """The activity asked about."""

    verb: str
    actor_id: int
    object: ObjectRef | None
    event: Evidence
    accepted_at: Time
    applied_at: Time


class Check(Struct, frozen=True):
    """One rule of the definition, and the event it rests on where one does."""

    rule: str
    keeps_out: bool
    event: Evidence | None


class ScoreTerms(Struct, frozen=True):
    """score = points * 0.5 ** (age_s / half_life_s), points = 1 + likers + 2 * shares + 3 * comments."""

    score: float
    points: int
    likers: int
    shares: int
    comments: int
    age_s: float
    half_life_s: float


class RankedItem(Struct, frozen=True):
    """An item as every feed shows it, and its score explained."""

    activity_id: UUID
    verb: str
    actor: Actor
    object: Thing | None
    target: Thing | None
    occurred_at: Time
    score: ScoreTerms


class RankedPage(Struct, frozen=True):
    """Best first."""

    items: list[RankedItem]
    next: str | None


class Aggregate(Struct, frozen=True):
    """What was done with one object (or by one actor) within one window.

    count: activities, by verb in `verbs`; people: their actors, the newest three in `actors`; items: the newest three,
    as every feed shows them; complete: false where the window holds more than was counted.
    """

    key: str
    window_start: Time
    count: int
    verbs: dict[str, int]
    people: int
    actors: list[Actor]
    latest_at: Time
    latest_id: UUID
    items: list[Raw]
    complete: bool


class AggregatedPage(Struct, frozen=True):
    """Newest first."""

    items: list[Aggregate]
    next: str | None


class Why(Struct, frozen=True):
    """The proof. rule: `followed`, or the first that keeps it out; checks: all that were asked, in their order."""

    activity_id: UUID
    in_feed: bool
    rule: str
    detail: str
    activity: Because | None
    follow: FollowEvidence | None
    checks: list[Check]
    score: ScoreTerms | None = None


class Hop(Struct, frozen=True):
    """One stop on an event's way; topic, partition and offset are those of the record it was."""

    hop: Literal["accepted", "enriched", "postgres", "clickhouse"]
    at: Time | None
    topic: str
    partition: int
    offset: int


class Trace(Struct, frozen=True):
    """Where an event is. unavailable: what could not be asked just now, so hops may be missing."""

    event_id: UUID
    type: str | None
    status: Literal["pending", "applied", "dead-lettered", "unknown"]
    reason: str | None
    object: ObjectRef | None
    hops: list[Hop]
    unavailable: list[str] = []


class CategoryShare(Struct, frozen=True, gc=False):
    """readings: of contents in this category; a reading counts in each category of its content."""

    category: str
    readings: int
    share: float


class Interests(Struct, frozen=True, rename={"from_day": "from", "to_day": "to"}):
    """What someone reads. counted: readings times their contents' categories, what shares are of; uncategorised:
    readings of contents that no meta event has named yet."""

    user_id: str
    from_day: date
    to_day: date
    min_percent: float
    readings: int
    uncategorised: int
    counted: int
    categories: list[CategoryShare]


class Me(Struct, frozen=True):
    """Family A's GET /me; times are RFC 1123."""

    id: int
    name: str
    auth_token: str
    follow_ids: list[int]
    created_at: str | None
    updated_at: str | None


class FamilyAItem(Struct, frozen=True, gc=False):
    """time: ISO 8601 in /feed/my, RFC 1123 in /feed/friends."""

    actor_name: str
    verb: str
    object_id: int | None
    object_type: str | None
    target_name: str | None
    time: str


class MyFeed(Struct, frozen=True):
    """Family A's GET /feed/my; next_url is "" at the end."""

    my_feed: list[FamilyAItem]
    next_url: str


class FriendsFeed(Struct, frozen=True):
    """Family A's GET /feed/friends; next_url is "" at the end."""

    friends_feed: list[FamilyAItem]
    next_url: str


class FamilyAError(Struct, frozen=True):
    """Family A's only error shape."""

    error: bool
    message: str


class Label(Struct, frozen=True):
    """Family S's POST /predict: got, lotr or hp, as the model was trained."""

    label: str


class Classified(Struct, frozen=True):
    """saga: the likeliest label, or `unknown` where its probability is below the threshold."""

    saga: str
    label: str
    probabilities: dict[str, float]
    threshold: float
    model_version: str


class ProblemDetails(Struct, frozen=True, omit_defaults=True):
    """RFC 9457; `type` is stable."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]] = []
