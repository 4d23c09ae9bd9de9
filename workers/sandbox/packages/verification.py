"""Verify an environment after its packages were installed, and before any job may use it.

Archives decide on the names of the files that they install. An environment is used only if the interpreter
and its settings are what the installer made before it installed anything, if every file is a plain file, a
folder or a link that stays inside, and if there are not too many of them.
"""

# ruff: noqa: PTH101, PTH208
# (folders that are held open are not paths)

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from workers.sandbox.packages.errors import EnvironmentFailed

_BLOCK_BYTES: Final = 512
_MAX_DEPTH: Final = 64
_FOLDER_MODE: Final = 0o755  # and of programs
_FILE_MODE: Final = 0o644
_INTERPRETER_FILES: Final = frozenset({"pyvenv.cfg", "pybuilddir.txt"})
"""Files that an interpreter reads from its own folder and the one above."""
_INTERPRETER_FOLDERS: Final = ("", "bin")
_OWN_PROGRAMS: Final = ("python", "pypy")


@dataclass(frozen=True, slots=True)
class EnvironmentBounds:
    """The maximum size of an environment."""

    size_mb: int = 8_192
    files: int = 200_000
    project_mb: int = 16_384
    """Maximum of all environments that one project builds in an hour."""


class _File(NamedTuple):
    path: str
    """Path relative to the environment."""
    status: os.stat_result
    content: str
    """Target of a link, digest of a small file that controls the interpreter; otherwise empty."""


Skeleton = Mapping[str, tuple[int, str]]
"""The files that make an environment work, by path: kind and content."""


def skeleton(folder: Path) -> Skeleton:
    """Return what must not change in an environment that holds no packages yet."""
    return {file.path: (stat.S_IFMT(file.status.st_mode), file.content) for file in _files(folder)}


def reject_depth(folder: Path) -> None:
    """Reject an environment with folders that are too deep.

    Raises:
        EnvironmentFailed: There are; names one.
    """
    for _ in _files(folder):
        pass


def verify(folder: Path, expected: Skeleton, bounds: EnvironmentBounds) -> None:
    """Verify the files of an environment, and make them the worker's own so that no job's user can change them.

    Args:
        folder: The environment. Nothing may run in it any more.
        expected: What it was before packages were installed.
        bounds: Its maximum size.

    Raises:
        EnvironmentFailed: The environment must not be used; names the file.
    """
    found: set[str] = set()
    size_bytes = 0
    # From the top on, and each before its content is read: then nothing below can be exchanged after it was checked.
    if os.geteuid() == 0:
        os.chown(folder, 0, 0, follow_symlinks=False)
    os.chmod(folder, _FOLDER_MODE)
    for count, file in enumerate(_files(folder, claims_ownership=True), start=1):
        size_bytes += file.status.st_blocks * _BLOCK_BYTES
        if count > bounds.files or size_bytes > bounds.size_mb << 20:
            raise EnvironmentFailed(
                f"they exceed {bounds.size_mb} MiB or {bounds.files} files. Require fewer packages"
            )
        _check(file, expected)
        found.add(file.path)
    missing = sorted(set(expected) - found)
    if missing:
        raise EnvironmentFailed(f"a package removed {missing[0]!r}, which belongs to the environment itself")


def _check(file: _File, expected: Skeleton) -> None:
    kind = stat.S_IFMT(file.status.st_mode)
    if file.path in expected:
        if expected[file.path] != (kind, file.content):
            raise EnvironmentFailed(
                f"a package replaced {file.path!r}, which belongs to the environment itself"
            )
        return
    folder, _, name = file.path.rpartition("/")
    if folder in _INTERPRETER_FOLDERS and (
        name in _INTERPRETER_FILES
        or (folder == "bin" and name.startswith(_OWN_PROGRAMS) and kind == stat.S_IFLNK)
    ):
        raise EnvironmentFailed(f"a package contains {file.path!r}, which would control the interpreter")
    if kind == stat.S_IFLNK and not _is_inside(file):
        raise EnvironmentFailed(
            f"a package contains the link {file.path!r}, which leads out of the environment"
        )


def _take_ownership(folder: int, name: str, path: str, status: os.stat_result) -> None:
    """Take ownership of an entry of a folder, and make it readable for the jobs of all projects."""
    kind, mode = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
    if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise EnvironmentFailed(f"a package contains {path!r}, which is neither a file nor a folder")
    if kind == stat.S_IFREG and (mode & (stat.S_ISUID | stat.S_ISGID) or status.st_nlink != 1):
        raise EnvironmentFailed(
            f"a package contains {path!r}, which has special permissions or several hard links"
        )
    if os.geteuid() == 0:
        os.chown(name, 0, 0, dir_fd=folder, follow_symlinks=False)
    mode_wanted = _FOLDER_MODE if kind == stat.S_IFDIR or mode & stat.S_IXUSR else _FILE_MODE
    if kind != stat.S_IFLNK and mode != mode_wanted:
        os.chmod(name, mode_wanted, dir_fd=folder)


def _is_inside(file: _File) -> bool:
    """Return whether a link leads to a path below the environment: first up, and then only down.

    A step up after a step down could leave a folder that a second link leads to.
    """
    parts = [part for part in file.content.split("/") if part not in ("", ".")]
    ups = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    return not file.content.startswith("/") and ups <= file.path.count("/") and ".." not in parts[ups:]


def _files(folder: Path, *, claims_ownership: bool = False) -> Iterator[_File]:
    """Yield every entry below a folder, without following any link; each may be made our own first."""
    pending = [""]
    while pending:
        inner = pending.pop()
        if inner.count("/") >= _MAX_DEPTH:
            raise EnvironmentFailed(
                f"a package contains folders nested deeper than {_MAX_DEPTH}: {inner[:200]!r}"
            )
        descriptor = os.open(folder / inner, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            for name in os.listdir(descriptor):
                path = f"{inner}/{name}" if inner else name
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if claims_ownership:
                    _take_ownership(descriptor, name, path, status)
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)
                yield _File(path, status, _content(descriptor, name, path, status))
        finally:
            os.close(descriptor)


def _content(folder: int, name: str, path: str, status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(name, dir_fd=folder)
    if stat.S_ISREG(status.st_mode) and _is_interpreter_file(path):
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return ""


def _is_interpreter_file(path: str) -> bool:
    """Return whether a file decides what the interpreter of the environment is or imports first."""
    folder, _, name = path.rpartition("/")
    return name in _INTERPRETER_FILES or folder == "bin" or name in ("_virtualenv.py", "_virtualenv.pth")
