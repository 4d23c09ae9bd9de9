"""Resolve paths of an agent in its work folder, its drive or its skill's own files, and nowhere else.

Paths are parsed here and opened component by component, never through a link: the agent's own code may change the
folder at any time, and the worker may have more privileges.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from backend.storage.file_errors import BadDrivePath
from backend.storage.paths import DrivePath, parse_folder_path, parse_new_path
from workers.agent.types import ToolError, Workspace
from workers.agent.workspace.folder import DRIVE, skill_folder
from workers.sandbox.isolation.paths import INSIDE_DEPLOYMENT, INSIDE_DRIVE, INSIDE_JOBS


class FileLocation(NamedTuple):
    """The location of a file on the host."""

    root: Path
    """A folder that the worker controls."""
    parts: tuple[str, ...]
    display_name: str
    """The path as the agent should write it."""
    is_drive: bool = False
    is_skill: bool = False
    """Whether it belongs to the skill and is read-only."""


def to_read(path: str, workspace: Workspace) -> FileLocation:
    """Return the location of a path.

    Raises:
        ToolError: it is invalid, or leads elsewhere.
    """
    location = _location(path, workspace)
    if location.is_skill and _inside_bundle(location, workspace) in getattr(workspace, "hidden_files", ()):
        raise ToolError(
            f"{location.display_name!r} belongs to a tool that needs an approval, and cannot be read. Call "
            "the tool instead."
        )
    return location


def _location(path: str, workspace: Workspace) -> FileLocation:
    root, relative = _relative(path.strip(), workspace)
    if ".." in relative.split("/"):
        raise ToolError(
            f"The path {path[:200]!r} contains '..'. Write it relative to the work folder, like 'notes.md' "
            "or 'drive/a.pdf'."
        )
    try:
        parts = parse_folder_path(f"{DRIVE}/{relative}").parts
    except BadDrivePath as error:
        raise ToolError(error.detail) from None
    if root is None and parts[:1] == (DRIVE,):
        return FileLocation(workspace.drive_dir, parts[1:], "/".join(parts), is_drive=True)
    if root == workspace.drive_dir:
        return FileLocation(root, parts, "/".join((DRIVE, *parts)), is_drive=True)
    if root is not None:
        return FileLocation(root, parts, "/".join((INSIDE_DEPLOYMENT, *parts)), is_skill=True)
    if parts and _is_link(workspace.folder / parts[0]):
        return _through_link(parts, workspace)
    return FileLocation(workspace.folder, parts, "/".join(parts))


def in_drive(path: DrivePath, workspace: Workspace) -> FileLocation:
    """Return the location of a parsed drive path."""
    return FileLocation(workspace.drive_dir, path.parts, "/".join((DRIVE, *path.parts)), is_drive=True)


def to_write(path: str, workspace: Workspace) -> FileLocation:
    """Return the location of a file to write.

    Raises:
        ToolError: it is invalid, leads elsewhere, or belongs to the skill.
    """
    location = to_read(path, workspace)
    if location.is_skill:
        raise ToolError(
            f"{location.display_name!r} belongs to the skill and cannot be changed. Write to another path, "
            "like 'out/notes.md'."
        )
    if not location.parts or path.strip().endswith("/"):
        raise ToolError(f"The path {path!r} is a folder. Name a file in it.")
    if location.is_drive:
        try:
            return location._replace(parts=parse_new_path(location.display_name).parts)
        except BadDrivePath as error:
            raise ToolError(error.detail) from None
    return location


def _inside_bundle(location: FileLocation, workspace: Workspace) -> str:
    return (location.root.relative_to(workspace.assignment.bundle_dir) / "/".join(location.parts)).as_posix()


def _relative(path: str, workspace: Workspace) -> tuple[Path | None, str]:
    """Return the root of an absolute path, and the rest; without a root it is in the work folder."""
    if not path.startswith("/"):
        return None, path.removeprefix("./")
    for prefix, root in _roots(workspace):
        if path == prefix or path.startswith(f"{prefix}/"):
            return root, path[len(prefix) :].lstrip("/")
    raise ToolError(
        f"{path!r} is outside of the work folder and the drive. Write paths like 'notes.md' or "
        "'drive/report.pdf'."
    )


def _roots(workspace: Workspace) -> Iterator[tuple[str, Path | None]]:
    """Return the paths of the folders for the agent's code: short ones, or without mounts the real ones."""
    bundle = workspace.assignment.bundle_dir
    yield from ((f"{INSIDE_JOBS}/{workspace.folder.name}", None), (str(workspace.folder), None))
    yield from ((INSIDE_DRIVE, workspace.drive_dir), (str(workspace.drive_dir), workspace.drive_dir))
    yield from ((INSIDE_DEPLOYMENT, bundle), (str(bundle), bundle))


_LINKED: Final = "is a link to another location, and links are not followed. Name the file itself"


def _through_link(parts: tuple[str, ...], workspace: Workspace) -> FileLocation:
    """Return the location of a link to a file of the skill; no other link is followed."""
    skill = skill_folder(workspace.assignment)
    inside = f"{INSIDE_DEPLOYMENT}/{workspace.assignment.entrypoint.skill_dir}".rstrip("/")
    with suppress(OSError):
        target = str((workspace.folder / parts[0]).readlink())
        if target in (f"{inside}/{parts[0]}", f"{skill}/{parts[0]}"):
            return FileLocation(skill, parts, "/".join(parts), is_skill=True)
    raise ToolError(f"{parts[0]!r} {_LINKED}.")


def _is_link(path: Path) -> bool:
    try:
        return stat.S_ISLNK(path.lstat().st_mode)
    except OSError:
        return False
