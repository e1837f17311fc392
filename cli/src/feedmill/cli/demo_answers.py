"""Questions the demo puts to the star schema. Counts come from de-duplicated facts (FINAL), never from raw rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from clickhouse_connect.driver.client import Client


@dataclass(frozen=True, slots=True)
class Question:
    """`columns` are the answer's, in order."""

    title: str
    columns: Sequence[str]
    sql: str


BY_VERB_AND_DAY: Final = Question(
    "What happened on each of the last seven days",
    ("day", "post", "like", "share", "comment", "follow"),
    """SELECT day, sumIf(activities, verb = 'post'), sumIf(activities, verb = 'like'),
       sumIf(activities, verb = 'share'),
       sumIf(activities, verb = 'comment'), sumIf(activities, verb = 'follow')
  FROM activity_by_day GROUP BY day HAVING day <= today() ORDER BY day DESC LIMIT 7""",
)

MOST_LIKED: Final = Question(
    "Who wrote what was liked most",
    ("object", "author", "likers", "what it says"),
    """SELECT concat(f.object_type, ':', toString(f.object_id)), any(author.handle), uniqExact(f.actor_id) AS likers,
       substring(any(if(JSONType(o.content) = 'String', JSONExtractString(o.content),
       JSONExtractString(o.content, 'caption'))), 1, 60)
  FROM fact_activity AS f FINAL
  JOIN dim_object AS o ON o.object_type = f.object_type AND o.object_id = f.object_id
  JOIN dim_user AS author ON author.user_id = o.author_id
 WHERE f.verb = 'like'
 GROUP BY f.object_type, f.object_id ORDER BY likers DESC, f.object_type, f.object_id LIMIT 5""",
)

BUSIEST_BY_WEEKDAY: Final = Question(
    "Who is busiest on which weekday",
    ("weekday", "who", "activities"),
    """SELECT day_name, handle, activities FROM (
    SELECT d.day_of_week AS day_of_week, d.day_name AS day_name, u.handle AS handle, count() AS activities
      FROM fact_activity AS f FINAL
      JOIN dim_date AS d ON d.date = toDate32(f.occurred_at)
      JOIN dim_user AS u ON u.user_id = f.actor_id
     WHERE NOT startsWith(u.handle, 'probe.')
     GROUP BY d.day_of_week, d.day_name, u.handle)
 ORDER BY day_of_week, activities DESC, handle LIMIT 1 BY day_of_week""",
)

QUESTIONS: Final = (BY_VERB_AND_DAY, MOST_LIKED, BUSIEST_BY_WEEKDAY)


def answer(client: Client, question: Question) -> Sequence[Sequence[Any]]:
    return client.query(question.sql).result_rows
