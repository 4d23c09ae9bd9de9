"""The folder of the sockets of processes is private, short enough, and only for the account of the home."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from backend.embedded import home as homes
from backend.embedded.home import process_sockets_folder


def test_folder_is_private(tmp_path: Path) -> None:
    folder = process_sockets_folder(tmp_path)
    assert folder == tmp_path / "run" / "processes"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert process_sockets_folder(tmp_path) == folder


def test_folder_of_a_long_path_is_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 100)
    home.mkdir()
    folder = process_sockets_folder(home)
    assert folder is not None
    try:
        assert len(os.fsencode(folder)) < len(os.fsencode(home))
        assert folder.parent == (home / "run").resolve()
        assert process_sockets_folder(home) == folder
    finally:
        shutil.rmtree(folder.parent)


@pytest.mark.parametrize("has_run", [False, True])
def test_process_of_another_account_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_run: bool
) -> None:
    """It would otherwise break the sockets of the servers."""
    if has_run:
        target = tmp_path / "elsewhere"
        target.mkdir()
        (tmp_path / "run").symlink_to(target)
    before = sorted(tmp_path.rglob("*"))
    other = os.geteuid() + 1
    monkeypatch.setattr(homes.os, "geteuid", lambda: other)
    assert process_sockets_folder(tmp_path) is None
    assert sorted(tmp_path.rglob("*")) == before


def test_home_that_does_not_exist_has_none(tmp_path: Path) -> None:
    assert process_sockets_folder(tmp_path / "missing") is None
    assert not (tmp_path / "missing").exists()
