"""The door in this process, over HTTP, on a house of fakes."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from feedmill.testkit.door import FakeHouse, a_client, a_house


@pytest.fixture
def fake() -> FakeHouse:
    return a_house()


@pytest.fixture
def client(fake: FakeHouse) -> TestClient:
    return a_client(fake)
