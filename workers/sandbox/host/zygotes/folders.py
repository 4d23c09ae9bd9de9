"""Give each job of a zygote a folder, and clear it after the job."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from workers.sandbox.isolation.process_ids import Process, is_group_over
from workers.sandbox.isolation.reused_folders import ReusedFolders
from workers.sandbox.isolation.socket_notices import SocketNotices, is_listener

from .launch import SharedResources, can_reuse_folders
from .process import Child
from .spec import ZygoteSpec

_END_S: Final = 0.01  # for the processes of an ended job to be reaped
_CHECKS: Final = 5


class Folders:
    """The folders of the jobs of one zygote on this host."""

    def __init__(self, spec: ZygoteSpec, shared: SharedResources) -> None:
        self.root = spec.key.workspaces_dir or shared.folders.make(spec.uid)
        """Contains them."""
        self._is_own = spec.key.workspaces_dir is None
        self._folders = shared.folders
        self._can_reuse = can_reuse_folders(spec, shared)
        self._reused: ReusedFolders | None = None
        self._notices: SocketNotices | None = None
        self._is_closed = False

    def watch_sockets(
        self, kind: object, descriptors: list[int], jobs: Iterable[Child], zygote: Process | None
    ) -> None:
        """Reuse folders from now on, if a message contains the descriptor of the notices about sockets.

        Args:
            kind: Type of the message.
            descriptors: Its descriptors; other ones stay in the list.
            jobs: The processes of jobs, as they are at any time.
            zygote: The process that imports the skill.
        """
        is_expected = kind == "sockets" and self._can_reuse and self._notices is None
        if not is_expected or not descriptors or not is_listener(descriptors[-1]):
            return
        self._reused = ReusedFolders(self.root)

        def note(pid: int) -> None:
            with suppress(ProcessLookupError):
                group = os.getpgid(pid)
                makers = [child for child in jobs if child.pid == group]
                for child in makers:
                    child.has_sockets = True
                if not makers and (zygote is None or group != zygote.pid):
                    self._reused = None

        self._notices = SocketNotices(descriptors.pop(), note)

    def take(self) -> str | None:
        """Return the name of an existing folder for the next job; none: the job creates its own."""
        return None if self._reused is None else self._reused.take()

    def give_back(self, child: Child) -> None:
        """Keep or remove the folder of an ended job, as soon as its processes have ended."""
        if child.work is None:
            self._clear_later(child, _CHECKS)

    def close(self) -> None:
        """Remove all folders, unless they are those of agents."""
        self._is_closed = True
        if self._notices is not None:
            self._notices.close()
        if self._is_own:
            self._folders.remove_soon(self.root)

    def _clear_later(self, child: Child, checks: int) -> None:
        asyncio.get_running_loop().call_later(_END_S, self._clear, child, checks)

    def _clear(self, child: Child, checks: int) -> None:
        if self._is_closed:
            return
        is_over = child.pid is not None and is_group_over(child.pid)
        # Through a Unix socket the job may have passed descriptors of the folder to others, which then see later names.
        can_reuse = is_over and not child.has_sockets and self._reused is not None
        if can_reuse and self._reused is not None and self._reused.keep(child.slot):
            return
        if is_over or not checks:
            self._folders.remove_job(self.root / child.slot)
        else:
            self._clear_later(child, checks - 1)
