"""What `/v1/analytics` answers. Every list is bounded; a share is of what its answer covers."""

from datetime import date, datetime

from msgspec import Struct


class TopEntity(Struct, frozen=True):
    """Readers of the articles that name the entity: not to be summed over entities, as an article names several."""

    entity_id: str
    name: str
    total_entity_occurrences: int
    total_readers: int
    articles: int


class TopEntities(Struct, frozen=True):
    """By occurrences, most first."""

    saga_id: str
    from_time: datetime
    to_time: datetime
    items: list[TopEntity]


class TopLink(Struct, frozen=True):
    """A page, however often it was posted. Likes: distinct likers of each post, unlikes taken back."""

    url: str
    title: str
    posts: int
    likes: int
    shares: int


class TopLinks(Struct, frozen=True):
    """Of links posted in the time, by posts, likes and shares together."""

    from_time: datetime
    to_time: datetime
    items: list[TopLink]


class TopTag(Struct, frozen=True):
    tag: str
    uses: int
    authors: int


class TopTags(Struct, frozen=True):
    """Of what was posted in the time and not deleted, by uses."""

    from_time: datetime
    to_time: datetime
    items: list[TopTag]


class Trend(Struct, frozen=True):
    """change: now minus before; ratio: now divided by before, null where there was none before."""

    name: str
    now: int
    before: int
    change: int
    ratio: float | None


class Trends(Struct, frozen=True):
    """What grew most: the time [from, to), up to now at most, against as much time before it. By category whole
    days are compared, as readings are known by the day: the one that goes on may still grow.
    """

    by: str
    from_time: datetime
    to_time: datetime
    items: list[Trend]


class ActiveUsersOfDay(Struct, frozen=True):
    """Users who did anything on the day, in the 7 and in the 30 days up to it; none of them is additive."""

    day: date
    daily: int
    weekly: int
    monthly: int


class ActiveUsers(Struct, frozen=True):
    items: list[ActiveUsersOfDay]


class Cohort(Struct, frozen=True):
    """Users first active in the week from `week` (a Monday) on; active: how many were so again k weeks later, null for
    weeks that nobody was active in or after. The last number may still grow.
    """

    week: date
    users: int
    active: list[int | None]


class Retention(Struct, frozen=True):
    weeks: int
    items: list[Cohort]


class Step(Struct, frozen=True):
    """users: who came to this step after all before it; null where nothing records the step."""

    name: str
    users: int | None
    share_of_first: float | None


class Funnel(Struct, frozen=True):
    """saw_recorded: whether there are feed-read events in the time; without them the funnel begins with likes."""

    from_time: datetime
    to_time: datetime
    saw_recorded: bool
    steps: list[Step]


class CategoryOfAll(Struct, frozen=True):
    category: str
    readings: int
    share: float


class Categories(Struct, frozen=True):
    """A reading counts in each category of its content; shares are of those counts, all of which sum to 1.
    uncategorised: readings of contents that are in no category yet.
    """

    from_day: date
    to_day: date
    min_percent: float
    readings: int
    uncategorised: int
    items: list[CategoryOfAll]


class GrowthOf(Struct, frozen=True):
    """New ones of the time that begins with `begin`, and all users at its end."""

    begin: date
    new_users: int
    users: int
    posts: int
    activities: int


class Growth(Struct, frozen=True):
    by: str
    items: list[GrowthOf]
