"""Learn from the kernel which processes of a sandbox create Unix sockets, through which descriptors can be passed on.

The filter that `confine.report` sets holds such a process until the worker has answered. The answer is always that the
call continues: its number and its first argument, which the filter compares, cannot change meanwhile.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_RECEIVE: Final = 0xC0502100  # SECCOMP_IOCTL_NOTIF_RECV
_SEND: Final = 0xC0182101  # SECCOMP_IOCTL_NOTIF_SEND
_CONTINUE: Final = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE, from Linux 5.5 on
_NOTICE: Final = struct.Struct("=QI68x")  # its ID, the process, and the call with its arguments
_ANSWER: Final = struct.Struct("=QqiI")  # the ID, value, error, flags
_PAUSE_S: Final = 0.001
"""A sandbox that creates sockets endlessly waits this long for each, so that the worker has time for others."""


def is_listener(descriptor: int) -> bool:
    """Return whether a descriptor gets notices of a filter; code of a tenant can make no such descriptor."""
    return os.readlink(f"/proc/self/fd/{descriptor}") == "anon_inode:seccomp notify"  # noqa: PTH115 - not a path


class SocketNotices:
    """The notices about the processes of one sandbox."""

    def __init__(self, descriptor: int, on_socket: Callable[[int], None]) -> None:
        """Answer the notices until this is closed; then the calls of all these processes fail.

        Args:
            descriptor: What `confine.report` has returned in the sandbox.
            on_socket: Called with the number of a process before it gets its socket.
        """
        self._descriptor: int | None = descriptor
        self._on_socket = on_socket
        self._loop = asyncio.get_running_loop()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._loop.add_reader(descriptor, self._on_readable, descriptor)

    def close(self) -> None:
        """Answer no more notices."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)

    def _on_readable(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        # Without a notice, as after the end of the last process, the kernel would let this one wait for the next.
        if any(events & select.POLLIN for _, events in self._poll.poll(0)):
            with suppress(OSError):  # the process has been ended
                self._answer(descriptor)
            self._loop.call_later(_PAUSE_S, self._resume)

    def _answer(self, descriptor: int) -> None:
        notice = bytearray(_NOTICE.size)
        fcntl.ioctl(descriptor, _RECEIVE, notice)
        number, pid = _NOTICE.unpack(notice)
        self._on_socket(pid)
        fcntl.ioctl(descriptor, _SEND, _ANSWER.pack(number, 0, 0, _CONTINUE))

    def _resume(self) -> None:
        if self._descriptor is not None:
            self._loop.add_reader(self._descriptor, self._on_readable, self._descriptor)
