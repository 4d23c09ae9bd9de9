"""Create the command line of bubblewrap: an empty file system with exactly what a job needs."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from workers.sandbox.guest import filters, wire
from workers.sandbox.guest.syscalls import ARCHITECTURES
from workers.sandbox.isolation.paths import (
    BASE_PREFIX,
    BASE_PYTHON,
    INSIDE_DEPLOYMENT,
    INSIDE_DRIVE,
    INSIDE_ENVIRONMENT,
    INSIDE_INPUTS,
    INSIDE_JOBS,
    INSIDE_KERNEL,
    INSIDE_PACKAGES,
    KIT,
    PROGRAMS,
    PURAS_PROGRAM,
    PYTHON_NAMES,
    RUNTIME,
    USR,
    HostPaths,
    system_folders,
)

_TMP_OF_CWD: Final = f"/proc/self/cwd/{wire.TEMPORARY}"
"""A folder of each job, to which `/tmp` leads."""
_SHARED_MEMORY_BYTES: Final = 64 << 20
_INPUTS_BYTES: Final = 8 << 20
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
"""Capabilities to leave the mount namespace, which shows paths of the host, and to drop all capabilities
permanently, before any tenant data is read."""
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
"""Entries of a new procfs that expose the host's kernel and devices, and that no job needs."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """The program that makes sandboxes, and whether it sets a filter of system calls before their first instruction."""

    path: Path
    filtered: bool


@dataclass(frozen=True, slots=True)
class Work:
    """The work folder of one agent."""

    descriptor: int
    """The descriptor of the folder on this host."""
    inside: str
    """The path of the folder for the agent's code."""


@dataclass(frozen=True, slots=True)
class HostFolder:
    """A folder of this host with the folders of several projects."""

    path: Path
    is_writable: bool


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
    bwrap: Bubblewrap, paths: HostPaths | None, *, uid: int, as_root: bool, program: Sequence[str]
) -> Command:
    """Start `program` as process 1 of its own namespaces; without paths, only the interpreter is available.

    As root no user namespace is made: the program keeps the rights to become another user and to leave the mount
    namespace, and no other, until it has done so.
    """
    mounted = [] if paths is None else _tenant(paths)
    return _command(bwrap, mounted, uid=uid, as_root=as_root, program=program)


def prepared_command(
    bwrap: Bubblewrap, folders: Mapping[str, HostFolder], *, as_root: bool, program: Sequence[str]
) -> Command:
    """Start `program` as `command` does, before it is known for which project.

    Folders of all projects are mounted in `wire.HOST`, by these names, until `late_mounts` replaces them by those of
    one project. The root folder can be written until then, too.
    """
    mounted = ["--perms", "0700", "--dir", wire.HOST]
    for name, folder in folders.items():
        mounted += ["--bind" if folder.is_writable else "--ro-bind", str(folder.path), f"{wire.HOST}/{name}"]
    return _command(
        bwrap,
        [*mounted, *_inputs()],
        uid=os.getuid(),
        as_root=as_root,
        program=program,
        is_complete=False,
    )


def late_mounts(paths: HostPaths, folders: Mapping[str, HostFolder]) -> list[tuple[str, str]] | None:
    """Return the folders of a prepared sandbox to mount elsewhere in it, and where.

    None: it does not contain all folders of these paths.
    """
    mounted = []
    for on_host, inside, is_writable in _folders(paths):
        path = on_host.resolve()
        found = next(
            (
                f"{wire.HOST}/{name}/{path.relative_to(folder.path)}"
                for name, folder in folders.items()
                if path.is_relative_to(folder.path) and folder.is_writable == is_writable
            ),
            None,
        )
        if found is None:
            return None
        mounted.append((found, inside))
    return mounted


def late_files(uid: int) -> dict[str, str]:
    """Return the files of a prepared sandbox that depend on the user of the jobs, by their paths."""
    return {f"/etc/{name}": text for name, text in _accounts(uid)}


def package_command(
    bwrap: Bubblewrap,
    mounted: Sequence[str],
    *,
    uid: int,
    as_root: bool,
    shares_network: bool,
    program: Sequence[str],
) -> Command:
    """Return the command for a step of an installation or a build, with its own mounts."""
    network = _name_service() if shares_network else []
    return _command(
        bwrap,
        [*mounted, *network],
        uid=uid,
        as_root=as_root,
        program=program,
        shares_network=shares_network,
        tmp=None if shares_network else _TMP_OF_CWD,  # an index of the operator may be on the host
    )


def bound_in_place(paths: Iterable[Path]) -> list[str]:
    """Return arguments that make paths of the host readable under the same names."""
    argv: list[str] = []
    for path in paths:
        # bubblewrap makes the folders above a mount private; the user of the sandbox must pass through them.
        for parent in reversed(path.parents[:-1]):
            argv += ["--perms", "0755", "--dir", str(parent)]
        argv += ["--ro-bind", str(path), str(path)]
    return argv


def shell_command(
    bwrap: Bubblewrap,
    paths: HostPaths,
    work: Work,
    *,
    uid: int,
    as_root: bool,
    program: Sequence[str],
    packages: Sequence[Path] = (),
    hidden: Collection[str] = (),
) -> Command:
    """Return the command for a command of an agent, which sees only its own work folder and the packages of a kernel.

    The folder is mounted by its descriptor, since tenant code may have changed what its path leads to. Old
    versions of bubblewrap pass the descriptor to `program`, which has to close it before code of the tenant
    runs.
    """
    descriptor = os.dup(work.descriptor)
    mounted = ["--ro-bind", str(paths.bundle), INSIDE_DEPLOYMENT, *mounts_over(INSIDE_DEPLOYMENT, hidden)]
    mounted += ["--perms", "0755", "--dir", INSIDE_JOBS]
    mounted += ["--bind", f"/proc/self/fd/{descriptor}", work.inside, *_bound(_drive_and_environment(paths))]
    mounted += ["--perms", "0755", "--dir", INSIDE_KERNEL] if packages else []
    for package in packages:
        mounted += ["--ro-bind", str(package), f"{INSIDE_KERNEL}/{package.name}"]
    command = _command(
        bwrap, mounted, uid=uid, as_root=as_root, program=program, tmp=f"{work.inside}/{wire.TEMPORARY}"
    )
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
    is_complete: bool = True,
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
    argv += [*_own_packages(descriptors), *mounted]
    argv += [] if tmp is None else ["--symlink", tmp, "/tmp"]  # noqa: S108
    argv += ["--remount-ro", "/"] if is_complete else []
    argv += ["--chdir", "/", "--", *program]
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
        *_accounts(uid),
        *(() if shares_network else _ETC_WITHOUT_NETWORK),
    ):
        descriptors.append(readable(text.encode()))
        argv += ["--perms", "0644", "--file", str(descriptors[-1]), f"/etc/{name}"]
    return argv


def _accounts(uid: int) -> tuple[tuple[str, str], ...]:
    return (
        ("passwd", f"job:x:{uid}:{uid}:job:{INSIDE_JOBS}:/bin/sh\n"),
        ("group", f"job:x:{uid}:\n"),
    )


def _own_packages(descriptors: list[int]) -> list[str]:
    programs = f"{INSIDE_PACKAGES}/{PROGRAMS}"
    argv = ["--perms", "0755", "--dir", INSIDE_PACKAGES, "--perms", "0755", "--dir", programs]
    argv += [
        "--ro-bind",
        str(KIT),
        f"{INSIDE_PACKAGES}/puras",
        "--ro-bind",
        str(RUNTIME),
        f"{INSIDE_PACKAGES}/puras_inside",
    ]
    for name in PYTHON_NAMES:
        argv += ["--symlink", str(BASE_PYTHON), f"{programs}/{name}"]
    descriptors.append(readable(PURAS_PROGRAM))
    return [*argv, "--perms", "0755", "--file", str(descriptors[-1]), f"{programs}/puras"]


def _tenant(paths: HostPaths) -> list[str]:
    return [*_bound(_folders(paths)), *_inputs()]


def _inputs() -> list[str]:
    return ["--perms", "1777", "--size", str(_INPUTS_BYTES), "--tmpfs", INSIDE_INPUTS]


def _folders(paths: HostPaths) -> Iterator[tuple[Path, str, bool]]:
    """Yield the folders of a project on this host, where they are mounted, and whether jobs can write to them."""
    yield paths.bundle, INSIDE_DEPLOYMENT, False
    yield paths.jobs, INSIDE_JOBS, True
    yield from _drive_and_environment(paths)


def _drive_and_environment(paths: HostPaths) -> Iterator[tuple[Path, str, bool]]:
    if paths.drive is not None:
        yield paths.drive, INSIDE_DRIVE, True
    if paths.environment is not None:
        yield paths.environment, INSIDE_ENVIRONMENT, False


def _bound(folders: Iterable[tuple[Path, str, bool]]) -> list[str]:
    return [
        part
        for path, inside, is_writable in folders
        for part in ("--bind" if is_writable else "--ro-bind", str(path), inside)
    ]


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


class ReadableTree(NamedTuple):
    """The access that Landlock has to grant so that a folder can be read without some of its files."""

    readable: list[str]
    listable: list[str]
    """Folders above the hidden files: their names can be listed, without further access."""


def readable_without(root: Path, hidden: Collection[str]) -> ReadableTree:
    """Return what of a folder remains; Landlock only grants, and what it grants includes everything below."""
    files = {root / name for name in hidden}
    ancestors = {folder for file in files for folder in file.parents if folder.is_relative_to(root)}
    readable = [
        entry.path
        for folder in sorted(ancestors)
        for entry in os.scandir(folder)
        if not entry.is_symlink() and Path(entry.path) not in files and Path(entry.path) not in ancestors
    ]
    return ReadableTree(sorted(readable), [str(root)])


def mounts_over(inside: str, hidden: Collection[str]) -> list[str]:
    """Return the arguments of bubblewrap that cover these files; the device cannot be opened there."""
    return [part for name in sorted(hidden) for part in ("--ro-bind", "/dev/null", f"{inside}/{name}")]
