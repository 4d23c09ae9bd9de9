"""A small repository, and the scripts of `.ci/refactoring` as modules."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / ".ci" / "refactoring"))

Write = Callable[[Mapping[str, str]], None]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return the folder of an empty git repository."""
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    for name, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        subprocess.run(["git", "config", name, value], cwd=tmp_path, check=True)
    return tmp_path


@pytest.fixture
def write(repository: Path) -> Write:
    """Return a function that writes files of the repository."""

    def write(files: Mapping[str, str]) -> None:
        for path, content in files.items():
            file = repository / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")

    return write


@pytest.fixture
def commit(repository: Path, write: Write) -> Write:
    """Return a function that writes files and commits everything."""

    def commit(files: Mapping[str, str]) -> None:
        write(files)
        subprocess.run(["git", "add", "--all"], cwd=repository, check=True)
        subprocess.run(["git", "commit", "--quiet", "--message", "change"], cwd=repository, check=True)

    return commit
