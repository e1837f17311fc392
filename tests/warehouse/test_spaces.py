"""A space's name has a history."""

from __future__ import annotations

from datetime import timedelta

import pytest

from warehouse.conftest import Mill
from warehouse.town import BEGIN

pytestmark = pytest.mark.integration


def test_a_space_keeps_the_names_it_had(mill: Mill) -> None:
    space = {"type": "space", "id": 5}
    owner = {"actor_id": 3}
    named = {"name": "Ivan's Personal Space", "uuid": "00000000-0000-4000-8000-000000000005"}
    mill.take("space-created", owner | {"object": space | named}, at=BEGIN)
    mill.take("space-updated", owner | {"object": space | {"name": "Links"}}, at=BEGIN + timedelta(days=2))
    rows = mill.rows("SELECT name, valid_from, valid_to, is_current FROM space_history ORDER BY valid_from")
    assert [(row[0], row[3]) for row in rows] == [("Ivan's Personal Space", False), ("Links", True)]
    assert rows[0][2] == rows[1][1]
    mill.take("space-deleted", owner | {"object": space}, at=BEGIN + timedelta(days=3))
    assert mill.rows("SELECT space_id, name, owner_id FROM dim_space WHERE deleted_at > created_at") == [
        (5, "Links", 3)
    ]
