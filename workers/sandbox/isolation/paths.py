"""Define the paths of a sandbox on the host and as a job sees them."""

from __future__ import annotations

import compileall
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from backend.core import release_files
from workers.sandbox import guest
from workers.sandbox.isolation.errors import SandboxMisplaced

INSIDE_JOBS: Final = "/jobs"
INSIDE_INPUTS: Final = "/inputs"
INSIDE_DEPLOYMENT: Final = "/deployment"
INSIDE_ENVIRONMENT: Final = "/environment"
INSIDE_DRIVE: Final = "/drive"
INSIDE_PACKAGES: Final = "/puras"
INSIDE_KERNEL: Final = "/kernel"
PROGRAMS: Final = "bin"
"""Folder next to the kit with the programs that every job has: the interpreter that functions run on, and `puras`."""

RUNTIME: Final = Path(guest.__file__).resolve().parent
KIT: Final = release_files.KIT / "puras"
BASE_PYTHON: Final = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
BASE_PREFIX: Final = Path(sys.base_prefix).resolve()
USR: Final = Path("/usr")
PYTHON_NAMES: Final = ("python", "python3")
PURAS_PROGRAM: Final = b'#!/bin/sh\nexec python3 -m puras "$@"\n'
"""Runs the kit on the first interpreter of the path, which has the job's packages."""

_PROC_READ_UNMOUNTED: Final = (
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/filesystems",
    "/proc/sys/kernel/osrelease",
)
DEVICES_READ: Final = ("/dev/urandom", "/dev/random")
DEVICES_WRITTEN: Final = ("/dev/null", "/dev/zero", "/dev/full")


@dataclass(frozen=True, slots=True)
class HostPaths:
    """The folders of one zygote on the host."""

    jobs: Path
    """Contains one folder per job; belongs to the user of the jobs."""
    bundle: Path
    drive: Path | None
    """None if each job has a staged drive in its folder."""
    environment: Path | None
    packages_dir: Path
    """Contains the packages `puras` and `puras_inside` as links, for jobs without separate mounts."""


@dataclass(frozen=True, slots=True)
class JobPaths:
    """The same folders as the zygote and its jobs see them."""

    jobs: str
    inputs: str
    """A folder in memory; empty where jobs have no mounts of their own."""
    deployment: str
    drive: str
    """Empty if each job has a staged drive."""
    kit: str
    python: str
    """The interpreter of the environment, or the bare one: never started before the process is confined."""
    prefix: str
    """Folder of the environment of packages; empty where the limit is exceeded."""
    readable: list[str]
    writable: list[str]

    def program_path(self, system: str) -> str:
        """Return the `PATH` of a job: the programs of its packages, ours, then the system's."""
        own_programs = [f"{self.prefix}/bin"] if self.prefix else []
        return ":".join([*own_programs, f"{self.kit}/{PROGRAMS}", system])


def paths_inside(host: HostPaths, *, mounted: bool) -> JobPaths:
    """Return the paths that a job uses: short ones in its own mounts, otherwise those of the host."""
    return _mounted(host) if mounted else _unmounted(host)


def start_code(
    module: str,
    *arguments: int | None,
    folder: str,
    mounted: bool,
    package: str = "puras_inside",
    hides_mounts: bool = True,
) -> str:
    """Return the code that starts a module of the guest: in mounts, as a child of process 1.

    Process 1 imports nothing else, since its memory cannot be shared: the child changes nearly all of it. A module
    whose mounts are not complete yet has to hide them itself.
    """
    leave = f"from {package} import first_process; first_process.leave(); " if mounted else ""
    leave += "first_process.hide_mounts(); " if mounted and hides_mounts else ""
    return (
        f"import sys; sys.path.insert(0, {folder!r}); {leave}from {package} import {module}; del sys.path[0]; "
        f"{module}.main({', '.join(map(str, arguments))})"
    )


def prepare_links(folder: Path) -> None:
    """Create the folder of our two packages and our programs for sandboxes without mounts."""
    programs = folder / PROGRAMS
    programs.mkdir(mode=0o755, parents=True, exist_ok=True)
    links = [(folder / "puras", KIT), (folder / "puras_inside", RUNTIME)]
    links += [(programs / name, BASE_PYTHON) for name in PYTHON_NAMES]
    for link, target in links:
        if not link.is_symlink() or link.readlink() != target:
            fresh = link.with_name(f".{link.name}.{uuid4().hex}")
            fresh.symlink_to(target)
            fresh.replace(link)
    fresh = programs / f".puras.{uuid4().hex}"
    fresh.write_bytes(PURAS_PROGRAM)
    fresh.chmod(0o755)
    fresh.replace(programs / "puras")


def compile_own_packages() -> None:
    """Compile our two packages where that is missing and their folders can be written.

    Sandboxes cannot write to them: each zygote, and each job that loads a part of the kit, would compile it again.
    """
    for folder in (RUNTIME, KIT):
        compileall.compile_dir(folder, quiet=2)


def refuse_exposed(jobs: Path, readable: Iterable[Path]) -> None:
    """Check that no folder which all jobs may read contains the folder of all jobs.

    Raises:
        SandboxMisplaced: one does; Landlock and the mounts would give each job access to all others.
    """
    jobs = jobs.resolve()
    for path in readable:
        if jobs.is_relative_to(path.resolve()):
            raise SandboxMisplaced(path, jobs)


def read_by_every_job() -> list[Path]:
    """Return folders of the host that all jobs may read."""
    return [USR, BASE_PREFIX, KIT, RUNTIME]


def system_folders() -> list[str]:
    """Return the folders of programs and libraries outside `/usr`; on most hosts they are links into it."""
    return [path for path in ("/bin", "/sbin", "/lib", "/lib64", "/lib32") if Path(path).exists()]


def readable_by_builds(*, has_environment: bool) -> list[str]:
    """Return what the build of a package may read, in its own mounts."""
    environment = [INSIDE_ENVIRONMENT] if has_environment else []
    return _unique([*_system_inside(), INSIDE_PACKAGES, *environment])


def readable_by_installer(*, mounted: bool, more: Iterable[str]) -> list[str]:
    """Return what the installer may read: the system, what name resolution and TLS need, and its own paths."""
    if mounted:
        return _unique([*_system_inside(), INSIDE_PACKAGES, *more])
    network = ["/etc", "/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf"]
    own = [str(USR), str(BASE_PREFIX), str(KIT), str(RUNTIME), *_PROC_READ_UNMOUNTED, *DEVICES_READ]
    real = [path for path in system_folders() if not Path(path).is_symlink()]
    return _unique([*own, *real, *network, "/proc/self", *more])


def writable_by_steps(work: str, *, mounted: bool) -> list[str]:
    """Return what a step of installing or building packages may write to."""
    return [work, *DEVICES_WRITTEN, *(["/dev/shm"] if mounted else [])]  # noqa: S108 - a mount of the sandbox's own


def _system_inside() -> list[str]:
    """Return the system as it is mounted into every sandbox."""
    real = [path for path in system_folders() if not Path(path).is_symlink()]
    return [str(USR), *real, str(BASE_PREFIX), "/etc", "/proc", *DEVICES_READ]


def _mounted(host: HostPaths) -> JobPaths:
    environment = [INSIDE_ENVIRONMENT] if host.environment else []
    return JobPaths(
        jobs=INSIDE_JOBS,
        inputs=INSIDE_INPUTS,
        deployment=INSIDE_DEPLOYMENT,
        drive=INSIDE_DRIVE if host.drive else "",
        kit=INSIDE_PACKAGES,
        python=f"{INSIDE_ENVIRONMENT}/bin/python" if host.environment else str(BASE_PYTHON),
        prefix=INSIDE_ENVIRONMENT if host.environment else "",
        readable=_unique([*_system_inside(), INSIDE_DEPLOYMENT, INSIDE_PACKAGES, *environment]),
        writable=[*([INSIDE_DRIVE] if host.drive else []), *DEVICES_WRITTEN, "/dev/shm"],  # noqa: S108 - a mount of the sandbox's own
    )


def _unmounted(host: HostPaths) -> JobPaths:
    real = [path for path in system_folders() if not Path(path).is_symlink()]
    environment = [str(host.environment)] if host.environment else []
    system = [
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/ssl",
        "/etc/fonts",
        "/etc/mime.types",
        "/etc/alternatives",
    ]
    return JobPaths(
        jobs=str(host.jobs),
        inputs="",
        deployment=str(host.bundle),
        drive=str(host.drive or ""),
        kit=str(host.packages_dir),
        python=str(host.environment / "bin/python") if host.environment else str(BASE_PYTHON),
        prefix=str(host.environment or ""),
        readable=_unique(
            [
                *(str(USR), *real, str(BASE_PREFIX), *system, *_PROC_READ_UNMOUNTED, *DEVICES_READ),
                *(str(host.bundle), str(KIT), str(RUNTIME), str(host.packages_dir), *environment),
            ]
        ),
        writable=[*([str(host.drive)] if host.drive else []), *DEVICES_WRITTEN],
    )


def _unique(paths: list[str]) -> list[str]:
    return list(dict.fromkeys(paths))
