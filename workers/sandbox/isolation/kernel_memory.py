"""Estimate the memory that the kernel uses for the processes of a job and that is not part of their sizes.

A control group counts it; without one, it is estimated. Page tables are known exactly; of sockets and pipes only the
maximum is known, since the kernel does not report how full they are.
"""

# ruff: noqa: PTH115, PTH116, PTH123, PTH208
# (this module works on descriptors, links and /proc)

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final

_FREE_DESCRIPTORS: Final = 256
"""Pipes and sockets of a job that are not counted, since normal jobs do not fill all of them."""
_PAGE_TABLES_SHARE: Final = 512  # a page of 4 KiB holds as many entries, each for one page
_FREE_TABLES_BYTES: Final = 16 << 20
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - a mount of each sandbox's own
_FREE_FILES: Final = 1024
_FILE_BYTES: Final = 1 << 10
"""Size of an empty file in memory: its inode and its name."""
_PIPE_BYTES: Final = 8 << 10  # beyond the 64 MiB that the kernel gives to all pipes of a user


def kernel_bytes(sizes: Mapping[int, int]) -> int:
    """Return the maximum bytes that the kernel uses for processes, given the sizes of their address spaces."""
    return _tables_bytes(sizes) + _buffer_bytes(sizes) + _files_bytes(sizes)


def _tables_bytes(sizes: Mapping[int, int]) -> int:
    """Return the bytes of page tables, which also exist for memory that was only read."""
    return sum(
        _tables_of(pid)
        for pid, address_space in sizes.items()
        if address_space // _PAGE_TABLES_SHARE > _FREE_TABLES_BYTES
    )


def _tables_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            line = next((line for line in file if line.startswith(b"VmPTE:")), b"VmPTE: 0 kB")
    except OSError:
        return 0
    return int(line.split()[1]) << 10


def _buffer_bytes(pids: Iterable[int]) -> int:
    """Return the capacity of sockets and pipes; those that processes share count once."""
    counts = {pid: _count_descriptors(pid) for pid in pids}
    if sum(counts.values()) <= _FREE_DESCRIPTORS:
        return 0
    sockets, pipes, unknown = set(), set(), 0
    for pid, count in counts.items():
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except PermissionError:
            unknown += count
            continue
        except OSError:
            continue
        for name in names:
            target = _target(f"/proc/{pid}/fd/{name}")
            if target.startswith("socket:"):
                sockets.add(target)
            elif target.startswith("pipe:"):
                pipes.add(target)
    count = max(0, len(sockets) + unknown - _FREE_DESCRIPTORS)
    return count * _SOCKET_BYTES + len(pipes) * _PIPE_BYTES


def _files_bytes(pids: Iterable[int]) -> int:
    """Return the memory of files in the `/dev/shm` of a sandbox without their contents.

    The mount does not limit this memory. All processes of a sandbox have the same mount. Without mounts they see the
    worker's, to which they cannot write.
    """
    for pid in pids:
        path = f"/proc/{pid}/root{_SHARED_MEMORY}"
        try:
            if os.stat(path).st_dev == _worker_device():
                return 0
            status = os.statvfs(path)
        except OSError:
            continue
        count = status.f_files - status.f_ffree
        return count * _FILE_BYTES if count > _FREE_FILES else 0
    return 0


def _worker_device() -> int | None:
    try:
        return os.stat(_SHARED_MEMORY).st_dev
    except OSError:
        return None


def _count_descriptors(pid: int) -> int:
    """Return the number of descriptors, which the kernel reports from Linux 6.2 on; otherwise list them."""
    try:
        return os.stat(f"/proc/{pid}/fd").st_size or len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _setting(name: str) -> int:
    try:
        with open(f"/proc/sys/net/core/{name}", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 212_992  # the default of the kernel


_SOCKET_BYTES: Final = _setting("wmem_default") + _setting("rmem_default")
"""Maximum of one socket: the system call filter prevents jobs from enlarging its buffers."""
