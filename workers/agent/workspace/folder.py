"""Create the work folder of one agent: its own files, `tmp`, `drive`, and links to the files of its skill."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from backend.skills.manifest.confirmed import hidden_files
from backend.skills.manifest.types import Skill
from workers.agent.assignment import AgentAssignment
from workers.sandbox.guest import wire
from workers.sandbox.isolation.paths import JobPaths
from workers.types import Assignment

DRIVE: Final = "drive"
_MAX_LINKS: Final = 1000


def prepare_folder(folder: Path, assignment: Assignment, paths: JobPaths) -> None:
    """Create the initial files of a work folder, before any code of the agent runs."""
    uid = assignment.sandbox_uid
    tmp, inputs = folder / wire.TEMPORARY, folder / wire.INPUTS
    tmp.mkdir(mode=0o700)
    inputs.write_text(json.dumps(assignment.inputs, ensure_ascii=False), encoding="utf-8")
    inputs.chmod(0o600)
    if uid is not None:
        os.chown(tmp, uid, uid)
        os.chown(inputs, uid, uid)
    if paths.drive:
        (folder / DRIVE).symlink_to(paths.drive)
    inside = f"{paths.deployment}/{assignment.entrypoint.skill_dir}".rstrip("/")
    for name in skill_entries(skill_folder(assignment)):
        (folder / name).symlink_to(f"{inside}/{name}")


def skill_folder(assignment: Assignment) -> Path:
    """Return the folder of the skill in its bundle, on the host."""
    return assignment.bundle_dir / assignment.entrypoint.skill_dir


def skill_entries(folder: Path) -> Iterator[str]:
    """Yield the entries of a skill's folder that are linked into the work folder."""
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count >= _MAX_LINKS:
                return
            if entry.name not in (DRIVE, wire.TEMPORARY) and not entry.name.startswith("_"):
                yield entry.name


def hidden_in(assignment: Assignment, skill: Skill) -> frozenset[str]:
    """Return the files to hide, relative to the bundle: those of confirmed functions, their bytecode and copies."""
    names = {
        skill.function_effect(tool.entrypoint).name.rpartition(":")[0]
        for tool in skill.tools
        if tool.entrypoint and tool.confirm
    }
    if isinstance(assignment, AgentAssignment):
        names |= hidden_files(assignment.manifest, assignment.confirmed, skill.name.partition(":")[0])
    return frozenset(_with_copies(assignment.bundle_dir, names)) if names else frozenset()


def _with_copies(bundle: Path, names: Iterable[str]) -> set[str]:
    """Return the existing files, their bytecode, and all files of the bundle with the same content."""
    found = {name for name in names if (bundle / name).is_file()}
    contents = {content for name in found if (content := (bundle / name).read_bytes())}
    sizes = {len(content) for content in contents}
    stems = {str(PurePosixPath(name).with_suffix("")) for name in found}
    for folder, _, files in os.walk(bundle):
        for file in files:
            path = Path(folder, file)
            name = path.relative_to(bundle).as_posix()
            is_copy = path.stat().st_size in sizes and path.read_bytes() in contents
            if is_copy or _source_of(name) in stems:
                found.add(name)
    return found


def _source_of(name: str) -> str:
    """Return the module that a file of bytecode was compiled from, without its suffix; empty for other files."""
    path = PurePosixPath(name)
    if path.suffix != ".pyc":
        return ""
    folder = path.parent.parent if path.parent.name == "__pycache__" else path.parent
    return str(folder / path.name.partition(".")[0])
