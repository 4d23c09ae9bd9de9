"""A storage in a folder, for the tests of retention and deletion."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.storage.local import LocalStorage
from tests.integration.auth.conftest import client, world

__all__ = ["client", "world"]


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    """Return an empty storage."""
    return LocalStorage(tmp_path / "storage")
