"""Verification of environments: files that configure the interpreter and links to the outside are rejected by name."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.sandbox.packages.errors import EnvironmentFailed
from workers.sandbox.packages.verification import EnvironmentBounds, Skeleton, skeleton, verify

BOUNDS = EnvironmentBounds(size_mb=1, files=50)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Create the files that the installer creates before it installs packages."""
    folder = tmp_path / "environment"
    (folder / "bin").mkdir(parents=True)
    (folder / "lib/python3.11/site-packages").mkdir(parents=True)
    (folder / "lib64").symlink_to("lib")
    (folder / "bin/python").symlink_to("/usr/bin/python3")
    (folder / "bin/python3").symlink_to("python")
    (folder / "bin/activate").write_text("echo", encoding="utf-8")
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n", encoding="utf-8")
    return folder


@pytest.fixture
def expected_skeleton(environment: Path) -> Skeleton:
    return skeleton(environment)


def test_packages_with_programs_links_and_data_are_accepted(
    environment: Path, expected_skeleton: Skeleton
) -> None:
    package = environment / "lib/python3.11/site-packages/package"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "link.so").symlink_to("../package/real.so")
    (package / "real.so").write_bytes(b"x")
    (package / "real.so").chmod(0o777)
    (environment / "bin/tool").write_text("#!python", encoding="utf-8")
    (environment / "share/doc").mkdir(parents=True)
    verify(environment, expected_skeleton, BOUNDS)
    status = (package / "real.so").stat()
    assert stat.S_IMODE(status.st_mode) == 0o755
    assert status.st_uid == os.geteuid()


def test_private_files_and_folders_become_readable(environment: Path, expected_skeleton: Skeleton) -> None:
    package = environment / "lib/python3.11/site-packages/package"
    (package / "inner").mkdir(parents=True)
    (package / "inner/module.py").touch()
    (package / "program").touch()
    (package / "inner/module.py").chmod(0)
    (package / "program").chmod(0o700)
    (package / "inner").chmod(0)
    environment.chmod(0o700)
    verify(environment, expected_skeleton, BOUNDS)
    paths = ["program", "inner", "inner/module.py"]
    assert [stat.S_IMODE((package / path).stat().st_mode) for path in paths] == [0o755, 0o755, 0o644]
    assert stat.S_IMODE(environment.stat().st_mode) == 0o755


def _replace_link(folder: Path) -> None:
    (folder / "bin/python").unlink()
    (folder / "bin/python").symlink_to("/jobs/python")


def _replace_file(folder: Path) -> None:
    (folder / "bin/python3").unlink()
    (folder / "bin/python3").write_text("#!/bin/sh", encoding="utf-8")


def _replace_folder(folder: Path) -> None:
    (folder / "lib64").unlink()
    (folder / "lib64").mkdir()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda folder: (folder / "pyvenv.cfg").write_text("home = /evil"), "pyvenv.cfg"),
        (lambda folder: (folder / "pyvenv.cfg").unlink(), "pyvenv.cfg"),
        (lambda folder: (folder / "bin/pyvenv.cfg").write_text("home = /evil"), "bin/pyvenv.cfg"),
        (lambda folder: (folder / "bin/pybuilddir.txt").write_text("x"), "bin/pybuilddir.txt"),
        (lambda folder: (folder / "bin/activate").write_text("evil"), "bin/activate"),
        (lambda folder: (folder / "bin/python9").symlink_to("tool"), "bin/python9"),
        (_replace_link, "bin/python"),
        (_replace_file, "bin/python3"),
        (_replace_folder, "lib64"),
    ],
)
def test_files_that_configure_the_interpreter_are_rejected(
    environment: Path, expected_skeleton: Skeleton, change: Callable[[Path], object], name: str
) -> None:
    change(environment)
    with pytest.raises(EnvironmentFailed) as failed:
        verify(environment, expected_skeleton, BOUNDS)
    assert repr(name) in failed.value.detail


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "out").symlink_to("/etc/passwd"),
        lambda folder: (folder / "out").symlink_to("../../../../../etc"),
        lambda folder: (folder / "out").symlink_to("a/../../../../../x"),
        lambda folder: ((folder / "in").symlink_to("../../.."), (folder / "out").symlink_to("in/..")),
        lambda folder: os.mkfifo(folder / "out"),
        lambda folder: os.link(folder / "file", folder / "out"),
        lambda folder: (folder / "file").chmod(0o4755),
    ],
)
def test_links_outside_special_files_and_setuid_are_rejected(
    environment: Path, expected_skeleton: Skeleton, change: Callable[[Path], object]
) -> None:
    folder = environment / "lib/python3.11/site-packages"
    (folder / "file").write_text("", encoding="utf-8")
    change(folder)
    with pytest.raises(EnvironmentFailed, match="site-packages"):
        verify(environment, expected_skeleton, BOUNDS)


def test_size_number_and_depth_are_limited(environment: Path, expected_skeleton: Skeleton) -> None:
    folder = environment / "lib/python3.11/site-packages"
    (folder / "large").write_bytes(b"x" * (2 << 20))
    with pytest.raises(EnvironmentFailed, match="exceed 1 MiB"):
        verify(environment, expected_skeleton, BOUNDS)
    (folder / "large").unlink()
    for number in range(60):
        (folder / str(number)).touch()
    with pytest.raises(EnvironmentFailed, match="50 files"):
        verify(environment, expected_skeleton, BOUNDS)
    deep = folder.joinpath(*["d"] * 70)
    deep.mkdir(parents=True)
    with pytest.raises(EnvironmentFailed, match="deeper than 64"):
        verify(environment, expected_skeleton, EnvironmentBounds(files=10_000))
