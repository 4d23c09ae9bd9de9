"""The command line of bubblewrap: an empty world with exactly what a job needs in it."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from workers.sandbox.guest import filters
from workers.sandbox.guest.syscalls import ARCHITECTURES
from workers.sandbox.isolation.paths import (
    BASE_PREFIX,
    BASE_PYTHON,
    INSIDE_DEPLOYMENT,
    INSIDE_DRIVE,
    INSIDE_ENVIRONMENT,
    INSIDE_JOBS,
    INSIDE_KERNEL,
    INSIDE_OURS,
    KIT,
    PROGRAMS,
    PURAS_PROGRAM,
    PYTHON_NAMES,
    RUNTIME,
    USR,
    HostPlaces,
    system_folders,
)

from .masks import mounts_over

TMP: Final = "tmp"
"""A folder of each job, to which `/tmp` leads."""
_TMP_OF_CWD: Final = "/proc/self/cwd/tmp"
_SHARED_MEMORY_BYTES: Final = 64 << 20
_FROM_ETC: Final = (
    "/etc/ssl",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/mime.types",
)
_ETC_WITHOUT_NETWORK: Final = (
    ("hosts", "127.0.0.1 localhost\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
)
_ETC_OF_NETWORK: Final = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"),
    *("/etc/pki", "/etc/ca-certificates"),
)
_NAMESPACES: Final = (
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
)
_CAPABILITIES: Final = ("CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SETPCAP")
"""To leave the mount namespace, which shows paths of the host, and to give up every capability for good; all of it is
done before anything of a tenant's is read."""
_CAPABILITIES_OF_ROOT: Final = ("CAP_SETUID", "CAP_SETGID")
_PROC_READ_ONLY: Final = ("/proc/sys",)
_BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
_PROC_HIDDEN_FILES: Final = (
    *("cmdline", "config.gz", "interrupts", "iomem", "ioports", "kallsyms", "kcore", "key-users", "keys"),
    *("kmsg", "kpagecgroup", "kpagecount", "kpageflags", "latency_stats", "locks", "modules", "mtrr"),
    *(
        "pagetypeinfo",
        "partitions",
        "diskstats",
        "swaps",
        "sched_debug",
        "slabinfo",
        "sysrq-trigger",
        "timer_list",
        "timer_stats",
        "vmallocinfo",
    ),
)
_PROC_HIDDEN_FOLDERS: Final = ("acpi", "asound", "bus", "driver", "fs", "irq", "scsi", "sysvipc")
"""What a new procfs shows of the host's kernel and its devices, and no job needs."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """The program that makes sandboxes, and whether it sets a filter of system calls before their first instruction."""

    path: Path
    filtered: bool


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
    bwrap: Bubblewrap, places: HostPlaces | None, *, uid: int, as_root: bool, program: Sequence[str]
) -> Command:
    """Start `program` as process 1 of namespaces of its own; without places only the interpreter is there.

    As root no user namespace is made: the program keeps the rights to become another user and to leave the mount
    namespace, and no other, until it has done so.
    """
    mounted = [] if places is None else _tenant(places)
    return _command(bwrap, mounted, uid=uid, as_root=as_root, program=program)


def package_command(
    bwrap: Bubblewrap,
    mounted: Sequence[str],
    *,
    uid: int,
    as_root: bool,
    shares_network: bool,
    program: Sequence[str],
) -> Command:
    """The same for a step of installing or building packages: mounts of its own, and perhaps the host's network."""
    network = _name_service() if shares_network else []
    return _command(
        bwrap,
        [*mounted, *network],
        uid=uid,
        as_root=as_root,
        program=program,
        shares_network=shares_network,
        tmp=None if shares_network else _TMP_OF_CWD,  # an index of the operator's may be in the host's
    )


def bound_in_place(paths: Iterable[Path]) -> list[str]:
    """Arguments that make paths of the host readable under the same names."""
    argv: list[str] = []
    for path in paths:
        # bubblewrap makes the folders above a mount private; the user of the sandbox must pass through them.
        for parent in reversed(path.parents[:-1]):
            argv += ["--perms", "0755", "--dir", str(parent)]
        argv += ["--ro-bind", str(path), str(path)]
    return argv


def shell_command(
    bwrap: Bubblewrap,
    places: HostPlaces,
    work: Work,
    *,
    uid: int,
    as_root: bool,
    program: Sequence[str],
    packages: Sequence[Path] = (),
    hidden: Collection[str] = (),
) -> Command:
    """The same for a command of an agent: of all work folders it sees only its own, and the packages of a kernel.

    That one is mounted by its descriptor, since code of the tenant's may have changed what its path leads to. Old
    versions of bubblewrap hand the descriptor on: `program` has to close it before anything of the tenant's runs.
    """
    descriptor = os.dup(work.descriptor)
    mounted = ["--ro-bind", str(places.bundle), INSIDE_DEPLOYMENT, *mounts_over(INSIDE_DEPLOYMENT, hidden)]
    mounted += ["--perms", "0755", "--dir", INSIDE_JOBS]
    mounted += ["--bind", f"/proc/self/fd/{descriptor}", work.inside, *_drive_and_environment(places)]
    mounted += ["--perms", "0755", "--dir", INSIDE_KERNEL] if packages else []
    for package in packages:
        mounted += ["--ro-bind", str(package), f"{INSIDE_KERNEL}/{package.name}"]
    command = _command(bwrap, mounted, uid=uid, as_root=as_root, program=program, tmp=f"{work.inside}/{TMP}")
    return Command(command.argv, [*command.descriptors, descriptor])


def _command(
    bwrap: Bubblewrap,
    mounted: Sequence[str],
    *,
    uid: int,
    as_root: bool,
    program: Sequence[str],
    tmp: str | None = _TMP_OF_CWD,
    shares_network: bool = False,
) -> Command:
    descriptors: list[int] = []
    argv = [str(bwrap.path), *_NAMESPACES, *([] if shares_network else ["--unshare-net"])]
    argv += ["--die-with-parent", "--new-session", "--as-pid-1", "--clearenv"]
    argv += [] if as_root else ["--unshare-user", "--disable-userns"]
    argv += ["--cap-drop", "ALL"]
    for capability in (*_CAPABILITIES, *(_CAPABILITIES_OF_ROOT if as_root else ())):
        argv += ["--cap-add", capability]
    if bwrap.filtered:
        descriptors.append(readable(_startup_filter()))
        argv += ["--seccomp", str(descriptors[-1])]
    argv += ["--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "LANG", "C.UTF-8"]
    argv += ["--hostname", "sandbox", *_system(), *_etc(uid, descriptors, shares_network)]
    argv += [*_ours(descriptors), *mounted]
    argv += [] if tmp is None else ["--symlink", tmp, "/tmp"]  # noqa: S108
    argv += ["--remount-ro", "/", "--chdir", "/", "--", *program]
    return Command(argv, descriptors)


def _system() -> list[str]:
    argv = ["--ro-bind", str(USR), str(USR)]
    for path in system_folders():
        if Path(path).is_symlink():
            argv += ["--symlink", str(Path(path).readlink()), path]
        else:
            argv += ["--ro-bind", path, path]
    argv += ["--proc", "/proc", *_hidden_in_proc(), "--dev", "/dev"]
    argv += ["--perms", "1777", "--size", str(_SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108
    if not BASE_PREFIX.is_relative_to(USR):
        # bubblewrap makes the folders above a mount private; the job's user must pass through them.
        for parent in reversed(BASE_PREFIX.parents[:-1]):
            argv += ["--perms", "0755", "--dir", str(parent)]
        argv += ["--ro-bind", str(BASE_PREFIX), str(BASE_PREFIX)]
    return argv


def _etc(uid: int, descriptors: list[int], shares_network: bool) -> list[str]:
    argv = ["--perms", "0755", "--dir", "/etc"]
    for path in _FROM_ETC:
        argv += ["--ro-bind-try", path, path]
    for name, text in (
        ("passwd", f"job:x:{uid}:{uid}:job:{INSIDE_JOBS}:/bin/sh\n"),
        ("group", f"job:x:{uid}:\n"),
        *(() if shares_network else _ETC_WITHOUT_NETWORK),
    ):
        descriptors.append(readable(text.encode()))
        argv += ["--perms", "0644", "--file", str(descriptors[-1]), f"/etc/{name}"]
    return argv


def _ours(descriptors: list[int]) -> list[str]:
    programs = f"{INSIDE_OURS}/{PROGRAMS}"
    argv = ["--perms", "0755", "--dir", INSIDE_OURS, "--perms", "0755", "--dir", programs]
    argv += [
        "--ro-bind",
        str(KIT),
        f"{INSIDE_OURS}/puras",
        "--ro-bind",
        str(RUNTIME),
        f"{INSIDE_OURS}/puras_inside",
    ]
    for name in PYTHON_NAMES:
        argv += ["--symlink", str(BASE_PYTHON), f"{programs}/{name}"]
    descriptors.append(readable(PURAS_PROGRAM))
    return [*argv, "--perms", "0755", "--file", str(descriptors[-1]), f"{programs}/puras"]


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


def _name_service() -> list[str]:
    return [part for path in _ETC_OF_NETWORK for part in ("--ro-bind-try", path, path)]


@cache
def _hidden_in_proc() -> tuple[str, ...]:
    argv: list[str] = []
    for path in _PROC_READ_ONLY:
        argv += ["--ro-bind", path, path]
    argv += ["--ro-bind", os.devnull, _BOOT_ID]
    for name in _PROC_HIDDEN_FILES:
        if Path(f"/proc/{name}").exists():
            argv += ["--ro-bind", os.devnull, f"/proc/{name}"]
    for name in _PROC_HIDDEN_FOLDERS:
        if Path(f"/proc/{name}").is_dir():
            argv += ["--perms", "0555", "--tmpfs", f"/proc/{name}", "--remount-ro", f"/proc/{name}"]
    return tuple(argv)


@cache
def _startup_filter() -> bytes:
    return filters.encode(filters.startup(ARCHITECTURES[platform.machine()]))


def readable(data: bytes) -> int:
    """Return a descriptor from which the data can be read: at most what a pipe holds."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    return reading
