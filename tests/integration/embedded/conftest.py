"""A home of its own for each test, with whatever was started in it ended afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.embedded import home as homes
from backend.embedded import postgres, valkey


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account may pass; pytest's own is private to its user."""
    folder = Path(tempfile.mkdtemp(prefix="puras-home-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home(open_folder: Path) -> Iterator[Path]:
    """A home that does not exist yet."""
    home = open_folder / "home"
    yield home
    end_servers(home)


def end_servers(home: Path) -> None:
    """End what runs in a home."""
    postgres.stop(home)
    valkey.stop(home)
    homes.remove_short_folder(home)
