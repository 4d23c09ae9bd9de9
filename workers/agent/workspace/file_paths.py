"""Where a path of an agent's leads: into its work folder, its drive, or its skill's own files, and nowhere else.

Paths are taken apart here and opened component by component, never through a link: the agent's own code may change the
folder at any moment, and we may have more rights than it has.
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


class Place(NamedTuple):
    """A place on this machine that a path names."""

    root: Path
    """A folder that is surely ours to look into."""
    parts: tuple[str, ...]
    shown: str
    """The path as the agent should write it."""
    is_drive: bool = False
    is_skill: bool = False
    """It belongs to the skill, and cannot be changed."""


def to_read(path: str, workroom: Workspace) -> Place:
    """The place that a path names.

    Raises:
        ToolError: it is no path, or leads elsewhere.
    """
    place = _place(path, workroom)
    if place.is_skill and _inside_bundle(place, workroom) in getattr(workroom, "hidden_files", ()):
        raise ToolError(
            f"{place.shown!r} belongs to a tool that needs an approval and cannot be read: call the tool instead."
        )
    return place


def _place(path: str, workroom: Workspace) -> Place:
    root, relative = _relative(path.strip(), workroom)
    if ".." in relative.split("/"):
        raise ToolError(
            f"The path {path[:200]!r} holds '..': write it from the work folder on, like 'notes.md' or 'drive/a.pdf'."
        )
    try:
        parts = parse_folder_path(f"{DRIVE}/{relative}").parts
    except BadDrivePath as error:
        raise ToolError(error.detail) from None
    if root is None and parts[:1] == (DRIVE,):
        return Place(workroom.drive_dir, parts[1:], "/".join(parts), is_drive=True)
    if root == workroom.drive_dir:
        return Place(root, parts, "/".join((DRIVE, *parts)), is_drive=True)
    if root is not None:
        return Place(root, parts, "/".join((INSIDE_DEPLOYMENT, *parts)), is_skill=True)
    if parts and _is_link(workroom.folder / parts[0]):
        return _through_link(parts, workroom)
    return Place(workroom.folder, parts, "/".join(parts))


def in_drive(path: DrivePath, workroom: Workspace) -> Place:
    """Return the place of a path in the drive that has been parsed already."""
    return Place(workroom.drive_dir, path.parts, "/".join((DRIVE, *path.parts)), is_drive=True)


def to_write(path: str, workroom: Workspace) -> Place:
    """The place of a file that is about to be written.

    Raises:
        ToolError: it is no path, leads elsewhere, or belongs to the skill.
    """
    place = to_read(path, workroom)
    if place.is_skill:
        raise ToolError(
            f"{place.shown!r} belongs to the skill and cannot be changed: write to another path, like 'out/notes.md'."
        )
    if not place.parts or path.strip().endswith("/"):
        raise ToolError(f"The path {path!r} names a folder: name a file in it.")
    if place.is_drive:
        try:
            return place._replace(parts=parse_new_path(place.shown).parts)
        except BadDrivePath as error:
            raise ToolError(error.detail) from None
    return place


def _inside_bundle(place: Place, workroom: Workspace) -> str:
    return (place.root.relative_to(workroom.assignment.bundle_dir) / "/".join(place.parts)).as_posix()


def _relative(path: str, workroom: Workspace) -> tuple[Path | None, str]:
    """The root that an absolute path begins with, and the rest; no root is the work folder."""
    if not path.startswith("/"):
        return None, path.removeprefix("./")
    for beginning, root in _roots(workroom):
        if path == beginning or path.startswith(f"{beginning}/"):
            return root, path[len(beginning) :].lstrip("/")
    raise ToolError(
        f"{path!r} is outside of the work folder and the drive: write paths like 'notes.md' or 'drive/report.pdf'."
    )


def _roots(workroom: Workspace) -> Iterator[tuple[str, Path | None]]:
    """By which paths the agent's code knows the folders: short ones, or where there are no mounts the real ones."""
    bundle = workroom.assignment.bundle_dir
    yield from ((f"{INSIDE_JOBS}/{workroom.folder.name}", None), (str(workroom.folder), None))
    yield from ((INSIDE_DRIVE, workroom.drive_dir), (str(workroom.drive_dir), workroom.drive_dir))
    yield from ((INSIDE_DEPLOYMENT, bundle), (str(bundle), bundle))


_LINKED: Final = "leads elsewhere by a link, and links are not followed: name the file itself"


def _through_link(parts: tuple[str, ...], workroom: Workspace) -> Place:
    """What the skill brings is linked into the work folder; no other link is followed."""
    skill = skill_folder(workroom.assignment)
    own = f"{INSIDE_DEPLOYMENT}/{workroom.assignment.entrypoint.skill_dir}".rstrip("/")
    with suppress(OSError):
        target = str((workroom.folder / parts[0]).readlink())
        if target in (f"{own}/{parts[0]}", f"{skill}/{parts[0]}"):
            return Place(skill, parts, "/".join(parts), is_skill=True)
    raise ToolError(f"{parts[0]!r} {_LINKED}.")


def _is_link(path: Path) -> bool:
    try:
        return stat.S_ISLNK(path.lstat().st_mode)
    except OSError:
        return False
