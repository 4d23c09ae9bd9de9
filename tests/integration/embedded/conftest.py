"""A separate home folder for each test, whose servers are stopped after the test."""

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
    """Create a folder that every account can enter; the folder of pytest is private to its user."""
    folder = Path(tempfile.mkdtemp(prefix="puras-home-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home(open_folder: Path) -> Iterator[Path]:
    """Yield a home folder that does not exist yet."""
    home = open_folder / "home"
    yield home
    stop_servers(home)


def stop_servers(home: Path) -> None:
    """Stop the servers of a home folder."""
    postgres.stop(home)
    valkey.stop(home)
    homes.remove_short_folder(home)
