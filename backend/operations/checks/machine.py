"""Checks of the host: Python, the home, disk space, the port, the pages, the sandbox."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from backend.config import Settings, former_names
from backend.core import extras, kit
from backend.core import version as version_module
from backend.core.version import version
from backend.embedded.account import SYSTEM_ACCOUNT
from backend.operations.checks.pages import PAGES, REMEDY, STAMP
from backend.operations.checks.verdict import Check, fail, ok, warn
from backend.operations.errors import PortTaken
from backend.operations.locks import is_served, lock_holder, require_port

MIN_PYTHON = (3, 11)
MIN_FREE_MB, RECOMMENDED_FREE_MB = 500, 5_000
SANDBOX_REPORT = "workers.sandbox.host.report"
SANDBOX_TIMEOUT_S = 60


def checks(settings: Settings) -> Iterator[Check]:
    """Check the host of this process."""
    yield _python()
    yield from _uncompiled()
    yield _kit()
    yield from _extras()
    yield _home(settings.home)
    yield _space(settings.home)
    yield _port(settings)
    yield _pages()
    yield from _former_settings()
    yield _sandbox(settings)


def _python() -> Check:
    version = platform.python_version()
    if sys.version_info < MIN_PYTHON:
        return fail("Python", version, f"Install Python {'.'.join(map(str, MIN_PYTHON))} or newer.")
    return ok("Python", f"{version} at {sys.executable}")


def _uncompiled() -> Iterator[Check]:
    """Report modules that each process compiles at each start, because it cannot store the result."""
    module = Path(version_module.__file__)
    folder = sysconfig.get_path("purelib")
    compiled = Path(cache_from_source(str(module)))
    if compiled.exists() or os.access(module.parent, os.W_OK):
        return
    yield warn(
        "compiled modules",
        f"missing in {folder}, and this user cannot write them: each process takes seconds longer to start",
        f"As the owner of this folder: {sys.executable} -m compileall -q {folder}",
    )


def _kit() -> Check:
    other = kit.other_version()
    if other is None:
        return ok("kit", kit.description())
    return warn(
        "kit",
        f"{kit.description()}; the project puras {other}, whose package and command have the same names, is also "
        "installed, and is not used",
        f"If you need the command `puras` of this release, uninstall both: pip uninstall puras {kit.PROJECT}; then: "
        f"pip install {kit.PROJECT}=={version()}",
    )


def _extras() -> Iterator[Check]:
    for name, extra in extras.EXTRAS.items():
        missing = f"not installed, which {{}} need: pip install 'puras-studio[{name}]'"
        found = "installed, for {}" if extras.is_installed(name) else missing
        yield ok(f"extra {name}", found.format(extra.features))


def _former_settings() -> Iterator[Check]:
    for former, current in former_names(os.environ).items():
        yield warn("settings", f"{former} is a former name", f"Rename it to {current}.")


def _home(home: Path) -> Check:
    if not home.exists():
        parent = next(folder for folder in home.absolute().parents if folder.exists())
        if not os.access(parent, os.W_OK | os.X_OK):
            return fail("home", f"{home} does not exist, and {parent} is not writable", "Set PURAS_HOME.")
        return ok("home", f"{home} does not exist yet; `puras-studio up` creates it")
    status = home.stat()
    if status.st_uid != os.geteuid():
        return fail(
            "home",
            f"{home} belongs to user ID {status.st_uid}, but this process has user ID {os.geteuid()}",
            "Run as its owner, or set PURAS_HOME to another folder.",
        )
    if status.st_mode & 0o022:
        return warn("home", f"{home} is writable by other users", f"chmod go-w {home}")
    blocked = _closed_parent(home) if os.geteuid() == 0 else None
    if blocked is not None:
        return fail(
            "home",
            f"the account {SYSTEM_ACCOUNT!r} of the embedded database cannot access {blocked}",
            f"Set PURAS_HOME to a folder such as /var/lib/puras, or: chmod o+x {blocked}",
        )
    return ok("home", f"{home} (mode {status.st_mode & 0o7777:04o})")


def _closed_parent(home: Path) -> Path | None:
    return next((folder for folder in home.resolve().parents if not folder.stat().st_mode & 0o001), None)


def _space(home: Path) -> Check:
    folder_on_disk = next(folder for folder in (home.absolute(), *home.absolute().parents) if folder.exists())
    free_mb = shutil.disk_usage(folder_on_disk).free // 2**20
    found = f"{free_mb:,} MiB free under {folder_on_disk}"
    if free_mb < MIN_FREE_MB:
        return fail(
            "disk space", found, f"Free at least {MIN_FREE_MB} MiB: databases stop when the disk is full."
        )
    if free_mb < RECOMMENDED_FREE_MB:
        return warn(
            "disk space", found, "Free some disk space soon, since bundles, environments and drives grow."
        )
    return ok("disk space", found)


def _port(settings: Settings) -> Check:
    name = f"port {settings.port}"
    try:
        require_port(settings.host, settings.port, timeout_s=0)
    except PortTaken as taken:
        running = lock_holder(settings.home)
        if running is not None:
            return ok(name, f"in use by `puras-studio up` of this home (process {running})")
        if is_served(settings.home, settings.port):
            return ok(name, "in use by `puras-studio api` of this home")
        return fail(name, taken.detail, "Stop the other program, or set PURAS_PORT.")
    return ok(name, f"free on {settings.host}")


def _pages() -> Check:
    if not STAMP.is_file():
        return fail("pages of the studio", f"not built in {PAGES}", REMEDY)
    return ok("pages of the studio", f"built in {PAGES}")


def _sandbox(settings: Settings) -> Check:
    if settings.sandbox == "off":
        return warn(
            "sandbox",
            "off: skills run without isolation",
            "Unset PURAS_SANDBOX, unless you trust every skill.",
        )
    facts = _sandbox_facts()
    if facts is None:
        return warn(
            "sandbox", "unknown: its report failed", f"Run `python -m {SANDBOX_REPORT}` to see the reason."
        )
    found = f"{', '.join(facts['layers']) or 'no layer'} ({settings.sandbox})"
    remedy = "; ".join(facts["problems"])
    if facts["closed"]:
        return warn("sandbox", found, f"Missing: {remedy}.") if remedy else ok("sandbox", found)
    accessible = ", ".join(facts["reachable"])
    if settings.sandbox == "strict":
        return fail(
            "sandbox", f"{found}: jobs are rejected, since they could access {accessible}", f"{remedy}."
        )
    return warn(
        "sandbox",
        f"{found}: jobs can access {accessible}, and are rejected when a second user has an account",
        f"{remedy}.",
    )


def _sandbox_facts() -> dict[str, Any] | None:
    command = [sys.executable, "-P", "-m", SANDBOX_REPORT, "--json"]
    try:
        process = subprocess.run(command, capture_output=True, timeout=SANDBOX_TIMEOUT_S, check=False)
        facts: dict[str, Any] = json.loads(process.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return facts
