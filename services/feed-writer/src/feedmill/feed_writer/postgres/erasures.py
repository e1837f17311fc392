"""The SQL that blanks what an erased user wrote, and ends what was theirs. Whose texts are blank is a function of the
log, not of its order: all that the user wrote, before the erasure or (nobody shows it either) after it.
"""

from __future__ import annotations

BLANK = """
WITH gone AS (
    SELECT id FROM user_profile
     WHERE erased_at IS NOT NULL
       AND id IN (SELECT id FROM incoming_user WHERE verb = 'user-erased'
                  UNION ALL SELECT author_id FROM incoming_object)
), written AS (
    SELECT o.type, o.id, o.tags, o.mentions, a.event_id, a.occurred_at
      FROM gone JOIN object o ON o.author_id = gone.id
      JOIN activity a ON (a.actor_id, a.object_type, a.object_id) = (gone.id, o.type, o.id)
                     AND a.verb IN ('post', 'comment')
), tag AS (
    DELETE FROM object_tag AS kept USING written, unnest(written.tags) AS said (tag)
     WHERE (kept.tag, kept.occurred_at, kept.event_id) = (said.tag, written.occurred_at, written.event_id)
), mention AS (
    DELETE FROM object_mention AS kept USING written, unnest(written.mentions) AS said (handle)
     WHERE (kept.handle, kept.occurred_at, kept.event_id) = (lower(said.handle), written.occurred_at, written.event_id)
)
UPDATE object SET content = NULL, title = NULL, url = NULL, canonical_url = NULL, tags = '{}', mentions = '{}'
  FROM written WHERE (object.type, object.id) = (written.type, written.id);
"""
"""After the users and the objects of a batch are merged, and their tags and mentions written."""

_ERASED = "SELECT id FROM incoming_user WHERE verb = 'user-erased'"
REVOKE = f"UPDATE api_key SET revoked_at = now() WHERE user_id IN ({_ERASED}) AND revoked_at IS NULL;"  # noqa: S608
FREE_EMAIL = f"DELETE FROM name_reservation WHERE user_id IN ({_ERASED}) AND kind = 'email';"  # noqa: S608
"""Operational, so no state; with the erasure all the same, whoever wrote it and whoever makes keys meanwhile. Both stay
so while a rebuild has emptied the state."""
