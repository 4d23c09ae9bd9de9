"""The work folder of one agent: its own files, `tmp`, `drive`, and links to what its skill brings."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from workers.sandbox.isolation.mounts import TMP
from workers.sandbox.isolation.paths import JobPlaces
from workers.types import Assignment

DRIVE: Final = "drive"
INPUTS: Final = "_inputs.json"
_MAX_LINKS: Final = 1000


def furnish(folder: Path, assignment: Assignment, places: JobPlaces) -> None:
    """Put into a new work folder what every agent finds there; nothing of the agent's has run yet."""
    uid = assignment.sandbox_uid
    tmp, inputs = folder / TMP, folder / INPUTS
    tmp.mkdir(mode=0o700)
    inputs.write_text(json.dumps(assignment.inputs, ensure_ascii=False), encoding="utf-8")
    inputs.chmod(0o600)
    if uid is not None:
        os.chown(tmp, uid, uid)
        os.chown(inputs, uid, uid)
    if places.drive:
        (folder / DRIVE).symlink_to(places.drive)
    inside = f"{places.deployment}/{assignment.entrypoint.skill_dir}".rstrip("/")
    for name in skill_entries(skill_folder(assignment)):
        (folder / name).symlink_to(f"{inside}/{name}")


def skill_folder(assignment: Assignment) -> Path:
    """The folder of the skill in its bundle, on this machine."""
    return assignment.bundle_dir / assignment.entrypoint.skill_dir


def skill_entries(folder: Path) -> Iterator[str]:
    """What of a skill's folder an agent sees in its own."""
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count >= _MAX_LINKS:
                return
            if entry.name not in (DRIVE, TMP) and not entry.name.startswith("_"):
                yield entry.name
