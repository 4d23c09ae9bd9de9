"""Wait for signals and descriptors in the one thread of the pool: a process with several threads cannot fork safely."""

from __future__ import annotations

import os
import selectors
import signal
import socket
from collections.abc import Callable
from contextlib import suppress


class Watch:
    """The descriptors that the pool reads, each with a function that reads it."""

    def __init__(self) -> None:
        # This selector has no descriptor of its own, which children of the pool would share.
        self._selector = selectors.PollSelector()
        self._signals, self._on_signal = os.pipe()
        for descriptor in (self._signals, self._on_signal):
            os.set_blocking(descriptor, False)
        self.add(self._signals, self._forget_signals)
        signal.set_wakeup_fd(self._on_signal, warn_on_full_buffer=False)

    def add(self, file: int | socket.socket, on_readable: Callable[[], None]) -> None:
        """Call the function in `wait` whenever the file can be read."""
        self._selector.register(file, selectors.EVENT_READ, on_readable)

    def close(self, file: int | socket.socket) -> None:
        """Close a file and wait for it no longer."""
        self._selector.unregister(file)
        _close(file)

    def wait(self, timeout_s: float) -> None:
        """Return when a signal with a handler has arrived, after files were read, or after the time."""
        for key, _ in self._selector.select(timeout_s):
            if key.fd in self._selector.get_map():  # no other function has closed it
                key.data()

    def close_all(self) -> None:
        """Close all files, for a forked child."""
        signal.set_wakeup_fd(-1)
        for key in list(self._selector.get_map().values()):
            _close(key.fileobj)
        os.close(self._on_signal)
        self._selector.close()

    def _forget_signals(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._signals, 1 << 10)


def _close(file: object) -> None:
    if isinstance(file, socket.socket):
        file.close()
    elif isinstance(file, int):
        os.close(file)
