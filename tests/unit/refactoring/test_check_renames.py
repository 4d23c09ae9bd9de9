"""`check_renames` accepts moves and renames, and reports everything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from check_renames import check, main

Write = Callable[[Mapping[str, str]], None]

HOT = '''"""Sessions."""

LIMIT = 3
"""The number of attempts."""


class WarmSession:
    """A session."""

    def run(self, times: int) -> int:
        return times if times < LIMIT else 0
'''
USER = """import os
from backend import clock, warm
from backend.warm import LIMIT, WarmSession

__all__ = ["WarmSession"]
TARGET = "backend.warm.WarmSession"


def use() -> int:
    # WarmSession is fast.
    return WarmSession().run(times=LIMIT) + warm.LIMIT + len(os.sep) + clock.NOW
"""
CLOCK = "NOW = 1\n"
BEFORE = {"backend/warm.py": HOT, "backend/user.py": USER, "backend/clock.py": CLOCK}
MOVED = {
    "backend/base/brisk.py": HOT.replace("WarmSession", "BriskSession"),
    "backend/base/__init__.py": '"""The core."""\n',
    "backend/user.py": USER.replace("WarmSession", "BriskSession")
    .replace(
        "from backend import clock, warm\n", "from backend import clock\nfrom backend.base import brisk\n"
    )
    .replace("backend.warm", "backend.base.brisk")
    .replace("warm.LIMIT", "brisk.LIMIT"),
}


@pytest.fixture
def moved(repository: Path, commit: Write, write: Write) -> Path:
    """Return a repository whose work tree has a module that moved and a class that was renamed."""
    commit(BEFORE)
    (repository / "backend/warm.py").unlink()
    write(MOVED)
    return repository


def test_a_move_and_a_rename_are_accepted(moved: Path) -> None:
    report = check(moved, "HEAD")

    assert report.differences == []
    assert report.names == {"WarmSession": "BriskSession", "warm": "brisk"}
    assert report.modules == {"backend.warm": "backend.base.brisk"}


def test_a_hint_finds_a_move_that_git_does_not(repository: Path, commit: Write, write: Write) -> None:
    commit({"backend/small.py": "A = 1\nB = 2\n"})
    (repository / "backend/small.py").unlink()
    write({"backend/other.py": "FIRST = 1\nSECOND = 2\n"})

    assert check(repository, "HEAD").differences
    assert not check(repository, "HEAD", moved={"backend/small.py": "backend/other.py"}).differences


@pytest.mark.parametrize(
    ("path", "old", "new", "what"),
    [
        ("backend/user.py", "+ len(os.sep)", "- len(os.sep)", "Add became Sub"),
        ("backend/base/brisk.py", "LIMIT = 3", "LIMIT = 4", "3 became 4"),
        ("backend/base/brisk.py", "times < LIMIT", "times <= LIMIT", "Lt became LtE"),
        ("backend/user.py", "import os\n", "import os\nimport sys\n", "'import sys' is new"),
        ("backend/user.py", "from backend import clock\n", "from backend.base import clock\n", "is gone"),
        ("backend/user.py", "len(os.sep)", "len(os.sep, 1)", "parts"),
        ("backend/user.py", "(times=LIMIT)", "(times=clock)", "became clock"),
        ("backend/user.py", "base.brisk.BriskSession", "base.brisk.Other", "the string"),
        ("backend/user.py", '__all__ = ["BriskSession"]', '__all__ = ["Other"]', "the string"),
        ("backend/user.py", "BriskSession is fast", "BriskSession is slow", "the text"),
        ("backend/base/brisk.py", '"""A session."""', '"""One session."""', "the text"),
        ("backend/base/brisk.py", '"""The number of attempts."""', '"""Attempts."""', "the text"),
        ("backend/base/__init__.py", '"""The core."""\n', "X = 1\n", "the module is new"),
        ("backend/user.py", "return BriskSession", "return WarmSession", "WarmSession stays"),
        ("backend/user.py", "brisk.LIMIT", "brisk.MAXIMUM", "LIMIT stays"),
    ],
)
def test_any_other_change_is_reported(moved: Path, path: str, old: str, new: str, what: str) -> None:
    file = moved / path
    content = file.read_text()
    assert old in content
    file.write_text(content.replace(old, new))

    differences = check(moved, "HEAD").differences

    assert any(what in str(one) and one.file == path for one in differences), differences


def test_two_names_must_not_become_one(repository: Path, commit: Write, write: Write) -> None:
    commit({"a.py": "first = 1\nsecond = 2\n"})
    write({"a.py": "one = 1\none = 2\n"})
    assert "as first did" in check(repository, "HEAD").differences[0].what


def test_a_name_must_not_become_one_that_exists(repository: Path, commit: Write, write: Write) -> None:
    commit({"a.py": "first = 1\nsecond = 2\n"})
    write({"a.py": "second = 1\nsecond = 2\n"})
    assert "already uses" in check(repository, "HEAD").differences[0].what


def test_a_name_has_one_new_name_in_all_files_unless_it_is_partial(
    repository: Path, commit: Write, write: Write
) -> None:
    commit({"a.py": "ring = 1\n", "b.py": "x.ring()\n", "c.py": "ring = 2\n"})
    write({"a.py": "notify = 1\n", "b.py": "x.signal()\n", "c.py": "ring = 2\nring\n".replace("ring\n", "")})

    assert any("became signal, but notify" in str(one) for one in check(repository, "HEAD").differences)
    assert check(repository, "HEAD", partial=frozenset({"ring"})).differences == []


def test_text_may_change_where_that_is_allowed(moved: Path) -> None:
    file = moved / "backend/base/brisk.py"
    file.write_text(file.read_text().replace("A session.", "Run statements.") + "# The end.\n")

    assert check(moved, "HEAD").differences
    assert check(moved, "HEAD", allow_text=True).differences == []


def test_other_files_that_change_in_another_way_are_warnings(
    moved: Path, write: Write, commit: Write
) -> None:
    report = check(moved, "HEAD")
    assert report.warnings == []
    write({"notes.md": "New.\n"})
    report = check(moved, "HEAD")
    assert [one.file for one in report.warnings] == ["notes.md"]
    assert report.differences == []


def test_the_command_fails_with_the_first_difference(moved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["HEAD", "--root", str(moved)]) == 0
    assert "name WarmSession -> BriskSession" in capsys.readouterr().out

    file = moved / "backend/base/brisk.py"
    file.write_text(file.read_text().replace("LIMIT = 3", "LIMIT = 4"))

    assert main(["HEAD", "--root", str(moved)]) == 1
    assert "backend/base/brisk.py:3: 3 became 4" in capsys.readouterr().out
