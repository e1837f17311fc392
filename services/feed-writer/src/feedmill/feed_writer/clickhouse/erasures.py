"""The SQL that blanks what an erased user wrote: a copy of each row without its texts takes the row's place at once,
in every query (FINAL), and a mutation then takes the texts out of the parts they lie in. Repeatable.

A range's rows are a function of its records, or its token would lose some: so texts go in, and are blanked behind them.
"""

from __future__ import annotations

from typing import Final

ARE_THERE: Final = "SELECT 1 FROM user_change WHERE verb = 'user-erased' LIMIT 1"

WHO: Final = "SELECT DISTINCT user_id FROM user_change WHERE user_id IN {ids:Array(Int64)} AND verb = 'user-erased'"

_WINS: Final = "toUInt64(18446744073709551615)"
"""Over every version, and among equal ones the last inserted stays."""

_OBJECTS: Final = f"""
INSERT INTO object_change (object_type, object_id, event_id, verb, author_id, content, title, url, canonical_url, tags,
                           mentions, target_type, target_id, space_id, changed_at, origin_offset, version)
SELECT object_type, object_id, event_id, verb, author_id, '', '', '', '', [], [], target_type, target_id, space_id,
       changed_at, origin_offset, {_WINS}
  FROM object_change
 WHERE author_id IN {{ids:Array(Int64)}} AND content != ''
   AND event_id NOT IN (
       SELECT event_id FROM object_change WHERE author_id IN {{ids:Array(Int64)}} AND content = '')
"""  # noqa: S608 (a constant of ours)

_USERS: Final = f"""
INSERT INTO user_change (user_id, event_id, verb, handle, uuid, name, college, changed_at, origin_offset, version)
SELECT user_id, event_id, verb, NULL, uuid, NULL, NULL, changed_at, origin_offset, {_WINS}
  FROM user_change
 WHERE user_id IN {{ids:Array(Int64)}} AND (handle IS NOT NULL OR name IS NOT NULL OR college IS NOT NULL)
   AND event_id NOT IN (
       SELECT event_id FROM user_change
        WHERE user_id IN {{ids:Array(Int64)}} AND handle IS NULL AND name IS NULL AND college IS NULL)
"""  # noqa: S608 (a constant of ours)

_OBJECTS_IN_PARTS: Final = """
ALTER TABLE object_change
UPDATE content = '', title = '', url = '', canonical_url = '', tags = [], mentions = []
 WHERE author_id IN {ids:Array(Int64)} AND content != ''
"""

_USERS_IN_PARTS: Final = """
ALTER TABLE user_change UPDATE handle = NULL, name = NULL, college = NULL
 WHERE user_id IN {ids:Array(Int64)} AND (handle IS NOT NULL OR name IS NOT NULL OR college IS NOT NULL)
"""

BLANK: Final = (_OBJECTS, _USERS, _OBJECTS_IN_PARTS, _USERS_IN_PARTS)
"""The inserts first: their answer means that nobody reads the texts any more. Mutations go on behind."""
