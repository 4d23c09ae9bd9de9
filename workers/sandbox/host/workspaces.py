"""Manage folders that contain the work folders of the agents of one skill, so that these can share zygotes.

The folder belongs to the worker: the user of the agents cannot replace a work folder. Only that user can access the
work folders, and Landlock limits each agent to its own.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from workers.sandbox.isolation.job_folders import JobFolders

_MAX_IDLE: Final = 64


class WorkspaceGroupKey(NamedTuple):
    """Agents with the same key share a folder."""

    project_id: UUID
    deployment_id: UUID | None
    skill_name: str


class WorkspaceGroup:
    """One such folder, and the number of agents in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.agents = 0
        self._count = 0

    def make_folder(self, uid: int | None) -> Path:
        """Return a new work folder that only its user can access."""
        self._count += 1
        folder = self.path / str(self._count)
        folder.mkdir(mode=0o700)
        if uid is not None:
            os.chown(folder, uid, uid)
        return folder


class WorkspaceGroups:
    """The folders of this worker process; some empty ones remain, since zygotes use them."""

    def __init__(self, folders: JobFolders) -> None:
        self._folders = folders
        self._groups: OrderedDict[WorkspaceGroupKey, WorkspaceGroup] = OrderedDict()

    def enter(self, key: WorkspaceGroupKey) -> WorkspaceGroup:
        """Return the folder of that key; the caller must call `leave`."""
        group = self._groups.get(key)
        if group is None:
            path = self._folders.make(None)
            path.chmod(0o711)
            group = self._groups[key] = WorkspaceGroup(path)
        group.agents += 1
        return group

    def leave(self, key: WorkspaceGroupKey, folder: Path) -> None:
        """Remove a work folder, and the least recently used empty folders."""
        group = self._groups[key]
        group.agents -= 1
        self._folders.remove_soon(folder)
        self._groups.move_to_end(key)
        idle = [key for key, group in self._groups.items() if not group.agents]
        for unused in idle[: max(0, len(idle) - _MAX_IDLE)]:
            self._folders.remove_soon(self._groups.pop(unused).path)
