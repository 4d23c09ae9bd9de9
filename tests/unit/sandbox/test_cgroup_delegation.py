"""Detection of the delegated control group, with plain files instead of the files of the kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers.sandbox.isolation.cgroup_delegation import Delegated, NotDelegated, claim

NEEDS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0, reason="for other users, groups that they own count as delegated"
)
FILES = ("cgroup.procs", "cgroup.subtree_control", "cgroup.type")


@NEEDS_ROOT
def test_service_with_processes_in_a_child_group_gets_the_parent_group(tmp_path: Path) -> None:
    service = _group(tmp_path, "system.slice/puras.service", is_delegated=True)
    _group(tmp_path, "system.slice/puras.service/main")
    found = claim(_process(tmp_path, "/system.slice/puras.service/main"))
    assert found == Delegated(service, frozenset({"memory", "pids", "cpu"}))
    assert (service / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"


@NEEDS_ROOT
def test_delegated_service_gets_its_own_group(tmp_path: Path) -> None:
    service = _group(
        tmp_path, "system.slice/puras.service", is_delegated=True, controllers="cpuset memory pids"
    )
    found = claim(_process(tmp_path, "/system.slice/puras.service"))
    assert found == Delegated(service, frozenset({"memory", "pids"}))


@NEEDS_ROOT
def test_root_group_of_a_container_namespace_is_delegated(tmp_path: Path) -> None:
    root = _group(tmp_path, "inner")
    (root.parent / "cgroup.procs").unlink()  # above it there are no groups
    process = _process(tmp_path, "/", mounted_at=root, root="/")
    assert claim(process).folder == root


@NEEDS_ROOT
def test_group_that_is_not_delegated_is_not_changed_by_root(tmp_path: Path) -> None:
    folder = _group(tmp_path, "user.slice/session")
    with pytest.raises(NotDelegated, match="Delegate=yes"):
        claim(_process(tmp_path, "/user.slice/session"))
    assert (folder / "cgroup.subtree_control").read_text() == ""


@NEEDS_ROOT
def test_root_group_of_the_host_is_not_delegated(tmp_path: Path) -> None:
    root = _group(tmp_path, "root", is_delegated=True)
    (root / "cgroup.type").unlink()
    with pytest.raises(NotDelegated, match="was not delegated"):
        claim(_process(tmp_path, "/", mounted_at=root, root="/"))


@pytest.mark.skipif(os.geteuid() == 0, reason="everything belongs to root")
def test_group_of_an_unprivileged_user_is_delegated(tmp_path: Path) -> None:
    folder = _group(tmp_path, "user")
    assert claim(_process(tmp_path, "/user")).folder == folder


def test_missing_controllers_are_named(tmp_path: Path) -> None:
    _group(tmp_path, "service", is_delegated=True, controllers="hugetlb pids")
    with pytest.raises(NotDelegated, match="no controller for memory"):
        claim(_process(tmp_path, "/service"))


def test_missing_cgroup_version_2_is_reported(tmp_path: Path) -> None:
    process = _process(tmp_path, "/")
    (process / "mountinfo").write_text("25 1 0:21 / / rw - ext4 /dev/vda rw\n")
    with pytest.raises(NotDelegated, match="no control groups of version 2"):
        claim(process)


def test_group_outside_of_the_mount_is_reported(tmp_path: Path) -> None:
    root = _group(tmp_path, "inner")
    with pytest.raises(NotDelegated, match="is outside"):
        claim(_process(tmp_path, "/elsewhere", mounted_at=root, root="/inner"))


def _group(
    root: Path, name: str, *, is_delegated: bool = False, controllers: str = "cpu memory pids"
) -> Path:
    folder = root / "cgroup" / name
    folder.mkdir(parents=True)
    for parent in (folder, *folder.parents[: name.count("/") + 1]):
        for file in (
            FILES if parent != root / "cgroup" else FILES[:2]
        ):  # the root group of the host has no type
            (parent / file).touch()
    (folder / "cgroup.controllers").write_text(controllers + "\n")
    if is_delegated and os.geteuid() == 0:
        try:
            os.setxattr(folder, "trusted.delegate", b"1")
        except OSError:
            pytest.skip("the file system of the tests stores no extended attributes")
    return folder


def _process(tmp_path: Path, path: str, *, mounted_at: Path | None = None, root: str = "/") -> Path:
    """Create the folder of a process with the files that /proc has."""
    process = tmp_path / "process"
    process.mkdir()
    (process / "cgroup").write_text(f"4:memory:/x\n0::{path}\n")
    at = mounted_at or tmp_path / "cgroup"
    (process / "mountinfo").write_text(
        f"25 1 0:21 / / rw,relatime - ext4 /dev/vda rw\n31 25 0:27 {root} {at} rw,nosuid - cgroup2 cgroup2 rw\n"
    )
    return process
