"""The command line of bubblewrap: an empty world with exactly what a job needs in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .places import (
    BASE_PREFIX,
    INSIDE_DEPLOYMENT,
    INSIDE_DRIVE,
    INSIDE_ENVIRONMENT,
    INSIDE_JOBS,
    INSIDE_KERNEL,
    INSIDE_OURS,
    KIT,
    RUNTIME,
    USR,
    HostPlaces,
    system_folders,
)

TMP: Final = "tmp"
"""A folder of each job, to which `/tmp` leads."""
_SHARED_MEMORY_BYTES: Final = 64 << 20
_FROM_ETC: Final = (
    "/etc/ssl",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/mime.types",
)
_NAMESPACES: Final = (
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
)


@dataclass(frozen=True, slots=True)
class BuildPlaces:
    """What the build of a package sees of this machine."""

    work: Path
    """Its folder; belongs to its user."""
    environment: Path | None
    """What builds it."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work folder of one agent."""

    descriptor: int
    """Of the folder on this machine."""
    inside: str
    """Its path for the agent's code."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, and the descriptors that its process must inherit."""

    argv: list[str]
    descriptors: list[int]

    def close(self) -> None:
        """Close this side's copies."""
        for descriptor in self.descriptors:
            os.close(descriptor)


def command(
    bwrap: Path, places: HostPlaces | None, *, uid: int, as_root: bool, program: Sequence[str]
) -> Command:
    """Start `program` as process 1 of namespaces of its own; without places only the interpreter is there.

    As root no user namespace is made: the program keeps the right to become another user, and nothing else.
    """
    mounted = [] if places is None else _tenant(places)
    return _command(bwrap, mounted, uid=uid, as_root=as_root, program=program)


def build_command(
    bwrap: Path, places: BuildPlaces, *, uid: int, as_root: bool, info: int, program: Sequence[str]
) -> Command:
    """The same for building a package; the number of the process is told to the descriptor `info`."""
    mounted = ["--info-fd", str(info), "--bind", str(places.work), INSIDE_JOBS]
    if places.environment is not None:
        mounted += ["--ro-bind", str(places.environment), INSIDE_ENVIRONMENT]
    return _command(bwrap, mounted, uid=uid, as_root=as_root, program=program)


def shell_command(
    bwrap: Path,
    places: HostPlaces,
    work: Work,
    *,
    uid: int,
    as_root: bool,
    program: Sequence[str],
    packages: Sequence[Path] = (),
) -> Command:
    """The same for a command of an agent: of all work folders it sees only its own, and the packages of a kernel.

    That one is mounted by its descriptor, since code of the tenant's may have changed what its path leads to. Old
    versions of bubblewrap hand the descriptor on: `program` has to close it before anything of the tenant's runs.
    """
    descriptor = os.dup(work.descriptor)
    mounted = ["--ro-bind", str(places.bundle), INSIDE_DEPLOYMENT, "--perms", "0755", "--dir", INSIDE_JOBS]
    mounted += ["--bind", f"/proc/self/fd/{descriptor}", work.inside, *_drive_and_environment(places)]
    mounted += ["--perms", "0755", "--dir", INSIDE_KERNEL] if packages else []
    for package in packages:
        mounted += ["--ro-bind", str(package), f"{INSIDE_KERNEL}/{package.name}"]
    command = _command(bwrap, mounted, uid=uid, as_root=as_root, program=program, tmp=f"{work.inside}/{TMP}")
    return Command(command.argv, [*command.descriptors, descriptor])


def _command(
    bwrap: Path,
    mounted: Sequence[str],
    *,
    uid: int,
    as_root: bool,
    program: Sequence[str],
    tmp: str = "/proc/self/cwd/tmp",
) -> Command:
    descriptors: list[int] = []
    argv = [str(bwrap), *_NAMESPACES, "--die-with-parent", "--new-session", "--as-pid-1", "--clearenv"]
    if as_root:
        argv += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        argv += ["--unshare-user", "--disable-userns"]
    argv += ["--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "LANG", "C.UTF-8"]
    argv += ["--hostname", "sandbox", *_system(), *_etc(uid, descriptors), *_ours(), *mounted]
    argv += ["--symlink", tmp, "/tmp", "--remount-ro", "/", "--chdir", "/", "--", *program]  # noqa: S108
    return Command(argv, descriptors)


def _system() -> list[str]:
    argv = ["--ro-bind", str(USR), str(USR)]
    for path in system_folders():
        if Path(path).is_symlink():
            argv += ["--symlink", str(Path(path).readlink()), path]
        else:
            argv += ["--ro-bind", path, path]
    argv += ["--proc", "/proc", "--dev", "/dev"]
    argv += ["--perms", "1777", "--size", str(_SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108
    if not BASE_PREFIX.is_relative_to(USR):
        # bubblewrap makes the folders above a mount private; the job's user must pass through them.
        for parent in reversed(BASE_PREFIX.parents[:-1]):
            argv += ["--perms", "0755", "--dir", str(parent)]
        argv += ["--ro-bind", str(BASE_PREFIX), str(BASE_PREFIX)]
    return argv


def _etc(uid: int, descriptors: list[int]) -> list[str]:
    argv = ["--perms", "0755", "--dir", "/etc"]
    for path in _FROM_ETC:
        argv += ["--ro-bind-try", path, path]
    for name, text in (
        ("passwd", f"job:x:{uid}:{uid}:job:{INSIDE_JOBS}:/bin/sh\n"),
        ("group", f"job:x:{uid}:\n"),
        ("hosts", "127.0.0.1 localhost\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    ):
        descriptors.append(_readable(text))
        argv += ["--perms", "0644", "--file", str(descriptors[-1]), f"/etc/{name}"]
    return argv


def _ours() -> list[str]:
    argv = ["--perms", "0755", "--dir", INSIDE_OURS]
    return [
        *argv,
        "--ro-bind",
        str(KIT),
        f"{INSIDE_OURS}/puras",
        "--ro-bind",
        str(RUNTIME),
        f"{INSIDE_OURS}/puras_inside",
    ]


def _tenant(places: HostPlaces) -> list[str]:
    argv = ["--ro-bind", str(places.bundle), INSIDE_DEPLOYMENT]
    argv += ["--bind", str(places.jobs), INSIDE_JOBS]
    return [*argv, *_drive_and_environment(places)]


def _drive_and_environment(places: HostPlaces) -> list[str]:
    argv: list[str] = []
    if places.drive is not None:
        argv += ["--bind", str(places.drive), INSIDE_DRIVE]
    if places.environment is not None:
        argv += ["--ro-bind", str(places.environment), INSIDE_ENVIRONMENT]
    return argv


def _readable(text: str) -> int:
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    return reading
