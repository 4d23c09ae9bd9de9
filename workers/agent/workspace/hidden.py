"""Files of a bundle that an agent's commands, kernel and file tools must not read: the code of confirmed effects.

Whoever can read such a file can run what it does without the approval, as far as it needs neither secrets nor a token.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from backend.skills.manifest.confirmed import hidden_files
from backend.skills.manifest.types import Skill
from workers.agent.assignment import AgentAssignment
from workers.types import Assignment


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
    """The files that are there, their bytecode, and every other file of the bundle with the same content."""
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
    """The module that a file of bytecode was compiled from, without its suffix; empty for other files."""
    path = PurePosixPath(name)
    if path.suffix != ".pyc":
        return ""
    folder = path.parent.parent if path.parent.name == "__pycache__" else path.parent
    return str(folder / path.name.partition(".")[0])
