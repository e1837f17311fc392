"""What stood at a moment of the log, out of the activities themselves: the definition, whatever the state keeps.

A moment is a time (what the log had accepted by then) or a set of positions (a partition that is not named had
nothing). Neither: now. An edge stands where its last word, by origin, is a start, as the sink decides it.
"""

from datetime import datetime
from typing import Final, NamedTuple

from feedmill.api.cursor import Positions


class Moment(NamedTuple):
    """Of the log. Both None: now."""

    at: datetime | None = None
    positions: Positions | None = None

    @property
    def is_now(self) -> bool:
        return self.at is None and self.positions is None


NOW: Final = Moment()


def then(activity: str, at: str, positions: str) -> str:
    """Whether an activity was in the log; `at` and `positions` are parameters."""
    return (
        f"({at}::timestamptz IS NULL OR {activity}.accepted_at <= {at}::timestamptz) AND ({positions}::bigint[] IS NULL"
        f" OR {activity}.source_offset <= coalesce(({positions}::bigint[])[{activity}.source_partition + 1], -1))"
    )


def standing(starts: str, ends: str, of: str, at: str, positions: str) -> str:
    """Rows (actor_id, object_id, since, event_id, source_partition, source_offset, occurred_at, said): the activity
    that began each edge which stands. `of`: which activities `a` to look at."""
    return f"""
    SELECT DISTINCT ON (actor_id, object_id)
           actor_id, object_id, since, event_id, source_partition, source_offset, occurred_at, said
      FROM (SELECT *, max(said) FILTER (WHERE verb = '{ends}') OVER (PARTITION BY actor_id, object_id) AS ended
              FROM (SELECT a.*, coalesce(a.origin_offset, a.source_offset) AS said,
                           max(coalesce(a.origin_offset, a.source_offset))
                           OVER (PARTITION BY a.actor_id, a.object_id ORDER BY a.source_offset) AS highest
                      FROM activity a
                     WHERE a.verb IN ('{starts}', '{ends}') AND a.object_type = 'user' AND {of}
                       AND {then("a", at, positions)}) step
             WHERE said = highest) counted
     WHERE verb = '{starts}' AND said > coalesce(ended, -1)
     ORDER BY actor_id, object_id, said"""  # noqa: S608 (names of ours)


def hidden_then(reader: str, at: str, positions: str) -> str:
    """CTEs `blocked_then` and `muted_then` (id and the event that began it)."""
    columns = "event_id, source_partition, source_offset, occurred_at"
    mine = standing("block", "unblock", f"a.actor_id = {reader}", at, positions)
    of_me = standing("block", "unblock", f"a.object_id = {reader}", at, positions)
    muted = standing("mute", "unmute", f"a.actor_id = {reader}", at, positions)
    return f"""
blocked_then AS MATERIALIZED (
    SELECT object_id AS id, {columns} FROM ({mine}) mine
     UNION ALL
    SELECT actor_id, {columns} FROM ({of_me}) of_me),
muted_then AS MATERIALIZED (SELECT object_id AS id, {columns} FROM ({muted}) muted)"""  # noqa: S608


def user_was_there(id_: str, at: str, positions: str) -> str:
    """Created by then. Who is erased is erased for every moment."""
    return f"""(EXISTS (SELECT FROM user_profile u
                         WHERE u.id = {id_} AND u.handle IS NOT NULL AND u.erased_at IS NULL)
            AND ({at}::timestamptz IS NULL AND {positions}::bigint[] IS NULL
                 OR EXISTS (SELECT FROM activity a WHERE a.object_type = 'user' AND a.object_id = {id_}
                               AND a.verb = 'user-created' AND {then("a", at, positions)})))"""  # noqa: S608


def object_was_made(thing: str, at: str, positions: str) -> str:
    """Of an `object` row: made by then, by an author who was there."""
    return f"""({thing}.author_id IS NOT NULL AND {user_was_there(f"{thing}.author_id", at, positions)}
            AND ({at}::timestamptz IS NULL AND {positions}::bigint[] IS NULL
                 OR EXISTS (SELECT FROM activity a
                             WHERE a.actor_id = {thing}.author_id AND a.occurred_at = {thing}.created_at
                               AND a.object_type = {thing}.type AND a.object_id = {thing}.id
                               AND a.verb IN ('post', 'comment') AND {then("a", at, positions)})))"""


def deletion(type_: str, id_: str, at: str, positions: str) -> str:
    """The activities by which a thing was deleted."""
    return f"""SELECT a.event_id, a.source_partition, a.source_offset, a.occurred_at, a.verb
                 FROM activity a
                WHERE a.object_type = {type_} AND a.object_id = {id_} AND a.verb = 'delete'
                  AND {then("a", at, positions)}
                ORDER BY a.source_offset LIMIT 1"""  # noqa: S608


def last_end(ends: str, who: str, whom: str, at: str, positions: str) -> str:
    """The activity (unfollow and the like) that ended an edge which does not stand."""
    return f"""SELECT a.event_id, a.source_partition, a.source_offset, a.occurred_at, a.verb
                 FROM activity a
                WHERE a.verb = '{ends}' AND a.object_type = 'user' AND a.actor_id = {who} AND a.object_id = {whom}
                  AND {then("a", at, positions)}
                ORDER BY coalesce(a.origin_offset, a.source_offset) DESC LIMIT 1"""  # noqa: S608


def erasure(*ids: str) -> str:
    """The activities by which these users were erased: for every moment."""
    return f"""SELECT a.event_id, a.source_partition, a.source_offset, a.occurred_at, a.verb
                 FROM activity a
                WHERE a.object_type = 'user' AND a.object_id IN ({", ".join(ids)}) AND a.verb = 'user-erased'
                ORDER BY a.object_id, a.source_offset LIMIT 1"""  # noqa: S608


def taken_back(said: str, at: str, positions: str) -> str:
    """The activities that took an activity back (unlike, disconnect, unrecommend); `said`: a candidate's alias."""
    return f"""SELECT a.event_id, a.source_partition, a.source_offset, a.occurred_at, a.verb
                 FROM activity a
                WHERE coalesce(a.origin_offset, a.source_offset) > {said}.said_offset AND {then("a", at, positions)}
                  AND CASE {said}.verb
                      WHEN 'like' THEN a.verb = 'unlike' AND a.actor_id = {said}.actor_id
                           AND a.object_type = {said}.object_type AND a.object_id = {said}.object_id
                      WHEN 'recommend' THEN a.verb = 'unrecommend' AND a.actor_id = {said}.actor_id
                           AND a.object_id = {said}.object_id
                      WHEN 'connect' THEN a.verb = 'disconnect'
                           AND (a.actor_id, a.object_id) IN (({said}.actor_id, {said}.object_id),
                                                             ({said}.object_id, {said}.actor_id))
                      ELSE false END
                  AND a.actor_id IN ({said}.actor_id, CASE {said}.verb WHEN 'connect' THEN {said}.object_id END)
                ORDER BY a.source_offset LIMIT 1"""  # noqa: S608
