"""Removal of hostile trees: the tree is removed, and the targets of its links stay."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.storage.cache_dir import Bounds, CacheDir
from backend.storage.removal import remove, remove_small


def _deep(folder: Path, levels: int = 1_100) -> None:
    """Create a path of many folders with a file at its end, longer than a system call accepts."""
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("a" * 9, dir_fd=descriptor)
        inner = os.open("a" * 9, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)


def _reserved_names(folder: Path) -> None:
    """Create folders with the names to which an earlier implementation moved deep trees before it removed them."""
    for number in range(20):
        (folder / f".removed-{number}/x/y").mkdir(parents=True)
    _deep(folder)


def _unreadable(folder: Path) -> None:
    (folder / "closed/inner").mkdir(parents=True)
    (folder / "closed/inner/file").touch()
    (folder / "closed/inner").chmod(0)
    (folder / "closed").chmod(0)
    folder.chmod(0o500)


@pytest.mark.parametrize(
    "make", [_deep, _reserved_names, _unreadable, lambda folder: (folder / "file").touch()]
)
def test_hostile_tree_is_removed(tmp_path: Path, make: Callable[[Path], None]) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    make(tree)
    remove(tree)
    assert not tree.exists()
    remove(tree)


def test_link_targets_of_a_tree_stay(tmp_path: Path) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    (outside / "kept").mkdir(parents=True)
    tree.mkdir()
    (tree / "link").symlink_to(outside)
    (tmp_path / "link").symlink_to(outside)
    remove(tree)
    remove(tmp_path / "link")
    assert not tree.exists()
    assert (outside / "kept").is_dir()


def test_cache_removes_deep_folders_and_leftovers_of_a_killed_sweep(tmp_path: Path) -> None:
    for name in ("deep", ".gone-deep-1"):
        (tmp_path / name).mkdir()
        _deep(tmp_path / name)
    os.utime(tmp_path / "deep", (0, 0))
    cache = CacheDir(tmp_path, Bounds(max_bytes=0, unused_s=60, keep_s=0))
    assert cache.sweep() == ["deep"]
    assert list(tmp_path.iterdir()) == []


def _folder_of_a_job(folder: Path, outside: Path) -> None:
    (folder / "tmp").mkdir()
    (folder / "_inputs.json").write_text("{}", encoding="utf-8")
    (folder / "main.py").symlink_to(outside / "kept/file")
    (folder / "drive").symlink_to(outside)


def test_folder_of_a_job_is_removed_with_few_calls_and_link_targets_stay(tmp_path: Path) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    (outside / "kept").mkdir(parents=True)
    (outside / "kept/file").touch()
    tree.mkdir()
    _folder_of_a_job(tree, outside)
    assert remove_small(tree)
    assert not tree.exists()
    assert (outside / "kept/file").exists()


def _many(folder: Path) -> None:
    for number in range(33):
        (folder / str(number)).touch()


def _full(folder: Path) -> None:
    (folder / "tmp").mkdir()
    (folder / "tmp/file").touch()


def _large(folder: Path) -> None:
    with (folder / "file").open("wb") as file:
        file.truncate((1 << 20) + 1)


@pytest.mark.parametrize("make", [_many, _full, _large, _deep, _reserved_names])
def test_folder_that_takes_longer_is_left_to_the_other_function(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    make(tree)
    assert not remove_small(tree)
    assert tree.exists()
    remove(tree)
    assert not tree.exists()


def test_link_in_place_of_the_folder_of_a_job_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (tmp_path / "link").symlink_to(outside)
    assert not remove_small(tmp_path / "link")
    assert (outside / "file").exists()
