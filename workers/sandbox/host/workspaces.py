"""Rooms: the folder in which the agents of one skill have their work folders, so that they can share warm parents.

A room is ours: the agents' user cannot put anything else in the place of a work folder. What is in a work folder is its
user's alone, and Landlock keeps each agent to its own.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from workers.sandbox.isolation.job_folders import JobFolders

_MAX_IDLE: Final = 64


class RoomKey(NamedTuple):
    """Agents with the same key share a room."""

    project_id: UUID
    deployment_id: UUID | None
    skill_name: str


class Room:
    """One room, and how many work in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.agents = 0
        self._count = 0

    def make_folder(self, uid: int | None) -> Path:
        """A new work folder, its user's alone."""
        self._count += 1
        folder = self.path / str(self._count)
        folder.mkdir(mode=0o700)
        if uid is not None:
            os.chown(folder, uid, uid)
        return folder


class Rooms:
    """The rooms of this worker process; empty ones are kept for a while, since warm parents look into them."""

    def __init__(self, folders: JobFolders) -> None:
        self._folders = folders
        self._rooms: OrderedDict[RoomKey, Room] = OrderedDict()

    def enter(self, key: RoomKey) -> Room:
        """The room of that key; whoever enters leaves again."""
        room = self._rooms.get(key)
        if room is None:
            path = self._folders.make(None)
            path.chmod(0o711)
            room = self._rooms[key] = Room(path)
        room.agents += 1
        return room

    def leave(self, key: RoomKey, folder: Path) -> None:
        """Remove a work folder, and with it perhaps a room that has been empty for long."""
        room = self._rooms[key]
        room.agents -= 1
        self._folders.remove_soon(folder)
        self._rooms.move_to_end(key)
        idle = [key for key, room in self._rooms.items() if not room.agents]
        for unused in idle[: max(0, len(idle) - _MAX_IDLE)]:
            self._folders.remove_soon(self._rooms.pop(unused).path)
