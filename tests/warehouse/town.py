"""Random events of a small town, and the rows each view of `analytics` should have of them, in plain Python."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warehouse.conftest import Mill

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
Row = dict[str, Any]


class Town:
    """Random events, and beside them, in plain Python, the rows each view should have."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.views: defaultdict[str, list[Row]] = defaultdict(list)

    def fill(self, mill: Mill) -> None:
        self.people(mill)
        self.activities(mill)
        self.readings(mill)
        self.articles(mill)

    def moment(self) -> datetime:
        return BEGIN + timedelta(seconds=self.chance.randint(0, 20 * 86_400))

    def people(self, mill: Mill) -> None:
        named = {"type": "space", "id": 1, "name": "Town", "uuid": _uuid(1)}
        founded_at = BEGIN - timedelta(hours=12)
        mill.take("space-created", {"actor_id": 1, "object": named}, at=founded_at)
        self.fact("space-created", 1, "space", 1, founded_at)
        self.colleges: dict[int, list[tuple[datetime, str]]] = {}
        for user in range(1, 13):
            thing = {"type": "user", "id": user, "handle": f"u{user}", "uuid": _uuid(user), "name": f"U{user}"}
            college = self.chance.choice(["Home", "Away", None])
            at = BEGIN - timedelta(days=1)
            created = {"actor_id": user, "object": thing | ({"college": college} if college else {})}
            mill.take("user-created", created, at=at)
            self.fact("user-created", user, "user", user, at)
            self.colleges[user] = [(at, college or "")]
            for day in sorted(self.chance.sample(range(20), self.chance.randint(0, 2))):
                college, at = self.chance.choice(["Home", "Away", "Far"]), BEGIN + timedelta(days=day, hours=3)
                mill.take(
                    "user-updated",
                    {"actor_id": user, "object": {"type": "user", "id": user, "college": college}},
                    at=at,
                )
                self.fact("user-updated", user, "user", user, at)
                self.colleges[user].append((at, college))

    def fact(self, verb: str, actor: int, type_: str, id_: int, at: datetime) -> None:
        row = {"verb": verb, "actor_id": actor, "object_type": type_, "object_id": id_, "day": at.date(), "at": at}
        self.views["activities"].append(row | {"activities": 1})

    def activities(self, mill: Mill) -> None:
        urls = [None, "https://a.example/x", "https://b.example/y?q=1"]
        posts: dict[int, Row] = {}
        likes: dict[tuple[int, int], bool] = {}
        shares: Counter[int] = Counter()
        for number in range(1, 401):
            user, at = self.chance.randint(1, 12), self.moment()
            if not posts or self.chance.random() < 0.3:
                tags = self.chance.sample(["rust", "python", "kafka"], self.chance.randint(0, 2))
                thing: Row = {"type": "link", "id": number, "content": " ".join(f"#{tag}" for tag in tags)}
                url = self.chance.choice(urls)
                mill.take("post", {"actor_id": user, "object": thing | ({"url": url} if url else {})}, at=at)
                self.fact("post", user, "link", number, at)
                posts[number] = {"author_id": user, "day": at.date(), "tags": tags, "url": url}
                continue
            verb, post = self.chance.choice(["like", "like", "unlike", "share"]), self.chance.choice(list(posts))
            mill.take(verb, {"actor_id": user, "object": {"type": "link", "id": post}}, at=at)
            self.fact(verb, user, "link", post, at)
            if verb == "share":
                shares[post] += 1
            else:
                likes[user, post] = verb == "like"
        gone = self.chance.choice(list(posts))
        mill.take("delete", {"actor_id": posts[gone]["author_id"], "object": {"type": "link", "id": gone}}, at=BEGIN)
        self.fact("delete", posts[gone]["author_id"], "link", gone, BEGIN)
        for number, post_row in posts.items():
            if number == gone:
                continue
            known = {key: post_row[key] for key in ("author_id", "day")} | {"object_id": number, "object_type": "link"}
            self.views["tag_uses"] += [known | {"tag": tag, "uses": 1} for tag in post_row["tags"]]
            if post_row["url"]:
                liked = sum(on for (_, post), on in likes.items() if post == number)
                host = re.sub(r"https://([^/]+)/.*", r"\1", post_row["url"])
                measures = {"posts": 1, "likes": liked, "shares": shares[number]}
                self.views["links"].append(known | {"url": post_row["url"], "host": host} | measures)
        self.of_days()

    def of_days(self) -> None:
        kinds = {"posts": "post", "likes": "like", "comments": "comment", "shares": "share"}
        days: defaultdict[tuple[Any, int], Counter[str]] = defaultdict(Counter)
        for row in self.views["activities"]:
            if not row["verb"].startswith("user-"):
                days[row["day"], row["actor_id"]][row["verb"]] += 1
            college = max((c for c in self.colleges[row["actor_id"]] if c[0] <= row["at"]), key=lambda c: c[0])[1]
            self.views["activities_as_it_was"].append(row | {"college": college})
        for (day, actor), verbs in days.items():
            counted = {name: verbs[verb] for name, verb in kinds.items()}
            row = {"day": day, "actor_id": actor, "activities": verbs.total(), "user_days": 1}
            self.views["user_days"].append(row | counted)

    def readings(self, mill: Mill) -> None:
        metas = [
            (f"c{n}", category) for n in range(8) for category in self.chance.sample(["life", "war", "sea"], n % 4)
        ]
        readings = []
        for _ in range(300):
            day = self.moment().date()
            percent = self.chance.choice([10.5, 90.0, 90.5, 100.0])
            readings.append((f"u{self.chance.randint(1, 5)}", f"c{self.chance.randint(0, 9)}", percent, day))
        mill.take("read", *(_reading(*reading) for reading in readings[:200]))
        mill.take("content-meta", *({"content_id": c, "category_name": n} for c, n in [*metas, *metas[:3]]))
        mill.take("read", *(_reading(*reading) for reading in readings[200:]))
        for user, content, percent, day in readings:
            row = {"user_id": user, "content_id": content, "day": day}
            self.views["readings"].append(row | {"readings": 1, "read_on": int(percent > 90)})
            known = [name for c, name in metas if c == content] or [""]
            for name in known:
                shares = {"readings_share": 1 / len(known), "read_on_share": (percent > 90) / len(known)}
                self.views["reading_categories"].append(row | {"category_name": name} | shares)

    def articles(self, mill: Mill) -> None:
        texts = ["Frodo and Sam Gamgee met Sam", "Arya", "Harry Potter, Ron, Ron", "nobody", "", "\ufffd\ufffd", " "]
        finder, classifier = mill.articles._finder.current, mill.articles._model.current
        sent = []
        for number in range(120):
            at, text = self.moment(), self.chance.choice(texts)
            sent.append({"id": str(number), "time": int(at.timestamp()), "readers": number * 7, "text": text})
            row: Row = {"day": at.date(), "readers": number * 7, "articles": 1, "id": str(number)}
            if not text.strip() or "\ufffd" in text:
                self.views["articles_set_aside"].append(row | {"reason": "unreadable" if text.strip() else "empty"})
                continue
            saga = classifier.classify(text).saga
            self.views["articles"].append(row | {"saga_id": saga})
            counts = finder.counts(text)
            for entity, count in counts.items():
                measures = {"occurrences": count, "readers_share": number * 7 / len(counts)}
                row = {"day": at.date(), "saga_id": saga, "entity_id": entity.id}
                self.views["article_entities"].append(row | measures)
        mill.take("article", *sent)
        mill.take("article", *sent[:30])


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _reading(user: str, content: str, percent: float, day: Any) -> Row:
    return {"user_id": user, "content_id": content, "read_percent": percent, "updated_at": day.isoformat()}
