"""Mount the folders of a skill into a sandbox that was started before the skill was known.

Runs outside of the sandbox, as the user of the worker: only a process of the user who created the user namespace of a
sandbox may change its mounts from outside, and none may from inside. It ends before the sandbox gets
its plan, so that it never runs together with code of a tenant. The worker starts it in advance: it has joined the
namespaces when the skill is known.
"""

# ruff: noqa: PTH102, PTH106, PTH123, PTH208
# (the guest side imports little)

from __future__ import annotations

import _socket as socket  # without the enumerations of `socket`
import fcntl
import os

from . import privileges, wire
from .c_library import CSize, libc
from .privileges import checked

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from typing import Final

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_NS_GET_USERNS: Final = 0xB701
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND, _MS_REC = 1, 2, 4, 32, 4096, 16384
_MNT_DETACH: Final = 2


def main(control_fd: int) -> None:
    """Join the sandbox of a process, then mount what the worker requests, and end."""
    control = socket.socket(fileno=control_fd)
    try:
        privileges.end_first()
        request = wire.receive(control)
        if not request.closed:
            _join(request.body["pid"])
            wire.send(control, {"type": "joined"})
            request = wire.receive(control)
        if not request.closed:
            _assign(request.body["mounts"], request.body["files"])
            wire.send(control, {"type": "mounted"})
    except OSError as error:
        wire.send(control, {"type": "failed", "message": str(error)})
    os._exit(0)


def _join(pid: int) -> None:
    """Enter the mount namespace of a process and, where another one owns it, the user namespace."""
    mounts = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    owner = fcntl.ioctl(mounts, _NS_GET_USERNS)
    if not os.path.sameopenfile(owner, _own_user_namespace()):
        checked("setns of the user namespace", libc.setns(owner, _CLONE_NEWUSER))
    checked("setns of the mount namespace", libc.setns(mounts, _CLONE_NEWNS))


def _own_user_namespace() -> int:
    return os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)


def _assign(mounts: list[tuple[str, str]], files: dict[str, str]) -> None:
    """Mount folders of `wire.HOST` elsewhere, with all their flags, and detach all others."""
    os.umask(0o022)
    for source, target in mounts:
        os.mkdir(target)
        _mount(source, target, _MS_BIND | _MS_REC)
    for name in os.listdir(wire.HOST):
        folder = f"{wire.HOST}/{name}"
        checked(f"umount of {folder}", libc.umount2(folder.encode(), _MNT_DETACH))
        os.rmdir(folder)
    os.rmdir(wire.HOST)
    for path, text in files.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    _mount(None, "/", _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)


def _mount(source: str | None, target: str, flags: int) -> None:
    from_path = None if source is None else source.encode()
    result = libc.mount(from_path, target.encode(), None, CSize(flags), None)
    checked(f"mount of {source or 'no folder'} at {target}", result)
