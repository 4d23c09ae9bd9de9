"""Send messages directly to another process of this host, over a Unix socket that belongs to it.

A message over Redis takes two context switches more. Only messages for one known process are sent directly; whatever
cannot be sent in this way, since the process is on another host, has ended or is behind, goes over Redis.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from backend.core import logs

log = logs.get(__name__)

MAX_BYTES: Final = 65_536
"""Maximum length of a message."""
_NAME_CHARACTERS: Final = 10  # the path of a socket has at most 103 bytes (macOS)
_MESSAGES_PER_TURN: Final = 64
"""Maximum messages that are read before other tasks of the event loop continue."""


class ProcessSocket:
    """The socket of this process, at which it receives messages and from which it sends them to other processes."""

    def __init__(self, folder: Path, process: str, receive: Callable[[str, str], None]) -> None:
        """Open the socket, and receive messages in the event loop of the caller.

        Args:
            folder: The folder with the sockets of all processes of the instance on this host. Only they can access it.
            process: The name of this process, which no other one has.
            receive: Called with the kind and the text of each message.

        Raises:
            OSError: The socket cannot be opened.
        """
        self.process = process
        self._folder = folder
        self._receive = receive
        self._path = _path(folder, process)
        self._buffer = bytearray(MAX_BYTES)
        _remove_abandoned(folder)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.bind(str(self._path))
            self._path.chmod(0o600)
        except OSError:
            self._socket.close()
            raise
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def send(self, process: str, kind: str, text: str) -> bool:
        """Send a message without waiting; return whether the process is going to receive it."""
        message = f"{kind} {text}".encode()
        if len(message) > MAX_BYTES:
            return False
        try:
            self._socket.sendto(message, str(_path(self._folder, process)))
        except OSError:  # it is elsewhere, has ended, or does not read fast enough
            return False
        return True

    def close(self) -> None:
        """Close and remove the socket."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _read(self) -> None:
        for _ in range(_MESSAGES_PER_TURN):
            try:
                length = self._socket.recv_into(self._buffer)
            except OSError:  # usually because there is no further message
                return
            kind, _, text = self._buffer[:length].decode(errors="replace").partition(" ")
            self._receive(kind, text)


def open_socket(folder: Path, process: str, receive: Callable[[str, str], None]) -> ProcessSocket | None:
    """Return the socket of this process; None where none can be opened, so that all messages go over Redis."""
    try:
        return ProcessSocket(folder, process, receive)
    except OSError as error:
        log.info("this process exchanges messages over Redis only", folder=str(folder), error=str(error))
        return None


def _path(folder: Path, process: str) -> Path:
    return folder / process[:_NAME_CHARACTERS]


def _remove_abandoned(folder: Path) -> None:
    """Remove the sockets of processes that have ended without closing them.

    If hosts share the folder over a network, each also removes those of the others, whose messages then go over Redis.
    """
    for path in [one for one in folder.iterdir() if one.is_socket()]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe, suppress(OSError):
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
