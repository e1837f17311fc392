"""Why is an activity in someone's home feed, or why not? Every rule of the definition, with the event that decides."""

from typing import Final
from uuid import UUID

from feedmill.api.queries.then import (
    Moment,
    deletion,
    erasure,
    hidden_then,
    last_end,
    object_was_made,
    standing,
    taken_back,
    then,
    user_was_there,
)
from feedmill.api.times import shown
from feedmill.api.wire import Because, Check, Evidence, FollowEvidence, ObjectRef, Why
from feedmill.contracts.times import short_time
from feedmill.contracts.topics import ACTIVITY_PUBLISHED
from feedmill.contracts.verbs import FEED_VERBS
from feedmill.runtime.postgres import Postgres, Row

_MOMENT: Final = ("$3", "$4")
_PLACE: Final = "event_id, source_partition, source_offset, occurred_at"


def _event(alias: str, source: str) -> str:
    """One row or none: the event that a rule rests on."""
    return f"LEFT JOIN LATERAL ({source}) {alias} ON true"


def _columns(name: str) -> str:
    columns = (
        ("event_id", "id"),
        ("source_partition", "partition"),
        ("source_offset", "offset"),
        ("occurred_at", "at"),
    )
    return ", ".join(f"{name}.{column} AS {name}_{as_}" for column, as_ in columns)


_BLOCKED: Final = f"""SELECT {_PLACE}, id FROM blocked_then
    WHERE id IN (c.actor_id, CASE c.object_type WHEN 'user' THEN c.object_id END, o.author_id, t.author_id)
    ORDER BY source_offset LIMIT 1"""  # noqa: S608

_ABOUT: Final = ("CASE c.object_type WHEN 'user' THEN c.object_id END", "o.author_id", "t.author_id")

_NAMES: Final = (
    *("followed", "unfollowed", "actor_erased", "muted", "blocked"),
    *("object_deleted", "target_deleted", "about_erased", "taken_back"),
)

SQL: Final = f"""
WITH {hidden_then("$1", *_MOMENT)},
follow_then AS MATERIALIZED (
    SELECT f.* FROM ({standing("follow", "unfollow", "a.actor_id = $1", *_MOMENT)}) f)
SELECT c.event_id, c.verb, c.actor_id, c.object_type, c.object_id, c.occurred_at, c.source_partition, c.source_offset,
       c.accepted_at, c.applied_at, {then("c", *_MOMENT)} AS was_said, followed.since,
       {user_was_there("c.actor_id", *_MOMENT)} AS actor_there,
       CASE WHEN c.object_type IS NULL THEN true
            WHEN c.object_type = 'user' THEN {user_was_there("c.object_id", *_MOMENT)}
            ELSE {object_was_made("o", *_MOMENT)} END AS object_there,
       c.target_type IS NULL OR {object_was_made("t", *_MOMENT)} AS target_there,
       {", ".join(map(_columns, _NAMES))}
  FROM (SELECT *, coalesce(origin_offset, source_offset) AS said_offset FROM activity WHERE event_id = $2) c
  LEFT JOIN object o ON o.type = c.object_type AND o.id = c.object_id
  LEFT JOIN object t ON t.type = c.target_type AND t.id = c.target_id
  LEFT JOIN follow_then followed ON followed.object_id = c.actor_id
  LEFT JOIN muted_then muted ON muted.id = c.actor_id
  {_event("unfollowed", last_end("unfollow", "$1", "c.actor_id", *_MOMENT))}
  {_event("actor_erased", erasure("c.actor_id"))}
  {_event("about_erased", erasure(*_ABOUT))}
  {_event("blocked", _BLOCKED)}
  {_event("object_deleted", deletion("c.object_type", "c.object_id", *_MOMENT))}
  {_event("target_deleted", deletion("c.target_type", "c.target_id", *_MOMENT))}
  {_event("taken_back", taken_back("c", *_MOMENT))}
 LIMIT 1"""  # noqa: S608 (a constant of ours)

_SAID: Final = {
    "not-found": "There is no such activity, or it is not applied yet.",
    "not-yet": "It was not in the log at that moment.",
    "not-a-feed-verb": "Feeds do not show activities of this verb.",
    "own": "It is the reader's own: a home feed shows what others did.",
    "not-followed": "The reader does not follow its actor.",
    "before-since": "It happened before the follow's `since`.",
    "actor-gone": "Its actor is erased, or not there yet.",
    "muted": "The reader mutes its actor.",
    "blocked": "A block stands between the reader and its actor, or whose thing it is about.",
    "deleted": "What it is about was deleted.",
    "waits": "What it is about is not there yet, or its author is erased.",
    "taken-back": "It was taken back.",
    "followed": "The reader follows its actor, and nothing keeps it out.",
}
"""Rule -> in words; in the order they are asked, the last where none keeps it out."""


async def why(postgres: Postgres, *, reader_id: int, activity_id: UUID, moment: Moment) -> Why:
    """The first rule that keeps the activity out, or `followed`; with what was found for each rule asked."""
    row = await postgres.fetchrow(SQL, reader_id, activity_id, moment.at, moment.positions)
    if row is None:
        return Why(activity_id, False, "not-found", _SAID["not-found"], None, None, [])
    checks = _checks(row, reader_id)
    out = next((check for check in checks if check.keeps_out), None)
    rule = out.rule if out else "followed"
    return Why(activity_id, out is None, rule, _SAID[rule], _because(row), _follow(row), checks)


def _checks(row: Row, reader_id: int) -> list[Check]:
    since = row["since"]
    asked: list[tuple[str, bool, Evidence | None]] = [
        ("not-yet", not row["was_said"], None),
        ("not-a-feed-verb", row["verb"] not in FEED_VERBS, None),
        ("own", row["actor_id"] == reader_id, None),
        ("not-followed", row["followed_id"] is None, _evidence(row, "unfollowed")),
        ("before-since", since is not None and row["occurred_at"] < since, _evidence(row, "followed")),
        ("actor-gone", not row["actor_there"], _evidence(row, "actor_erased")),
        ("muted", row["muted_id"] is not None, _evidence(row, "muted")),
        ("blocked", row["blocked_id"] is not None, _evidence(row, "blocked")),
        (
            "deleted",
            row["object_deleted_id"] is not None or row["target_deleted_id"] is not None,
            _evidence(row, "object_deleted") or _evidence(row, "target_deleted"),
        ),
        ("waits", not (row["object_there"] and row["target_there"]), _evidence(row, "about_erased")),
        ("taken-back", row["taken_back_id"] is not None, _evidence(row, "taken_back")),
    ]
    return [Check(rule, bool(keeps_out), event if keeps_out else None) for rule, keeps_out, event in asked]


def _evidence(row: Row, name: str) -> Evidence | None:
    if row[f"{name}_id"] is None:
        return None
    position = _position(row[f"{name}_partition"], row[f"{name}_offset"])
    return Evidence(row[f"{name}_id"], position, short_time(row[f"{name}_at"]))


def _follow(row: Row) -> FollowEvidence | None:
    event = _evidence(row, "followed")
    return None if event is None else FollowEvidence(row["actor_id"], shown(row["since"]), event)


def _because(row: Row) -> Because:
    position = _position(row["source_partition"], row["source_offset"])
    event = Evidence(row["event_id"], position, short_time(row["occurred_at"]))
    thing = None if row["object_type"] is None else ObjectRef(row["object_type"], row["object_id"])
    accepted_at, applied_at = short_time(row["accepted_at"]), short_time(row["applied_at"])
    return Because(row["verb"], row["actor_id"], thing, event, accepted_at, applied_at)


def _position(partition: int, offset: int) -> str:
    return f"{ACTIVITY_PUBLISHED.name}/{partition}:{offset}"
