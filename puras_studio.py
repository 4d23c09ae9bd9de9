"""The command `puras-studio`: check that the packages of this program are its own, then run the command.

The packages have general names (`backend`, `workers`, `studio`), so the program needs an environment of its own
(docs/decisions/0017). This module has a unique name, and imports nothing before the check.
"""

from __future__ import annotations

import sys
from pathlib import Path

PACKAGES = ("backend", "workers", "studio")
PROJECT = "puras_studio"
CANNOT_START = 78
"""`EX_CONFIG` of sysexits.h, as in `backend/core/bootstrap.py`, which is not imported before the check."""
_ISOLATE = (
    "Install Puras Studio into an environment of its own, for example with `uv tool install puras-studio` or "
    "`pipx install puras-studio`, or into an empty virtual environment."
)


def main() -> int:
    """Run the command that the arguments name, and return its exit code."""
    problem = foreign_package(sys.path) or overwritten_package()
    if problem is not None:
        sys.stderr.write(f"puras-studio: {problem} {_ISOLATE}\n")
        return CANNOT_START
    from backend.operations.cli import main as run

    return run()


def foreign_package(import_path: list[str]) -> str | None:
    """Return a message about a package of another program on the import path that has a name of ours."""
    own = Path(__file__).resolve().parent
    for folder in import_path:
        path = Path(folder).resolve()
        if path == own:
            continue
        for name in PACKAGES:
            if (path / name / "__init__.py").is_file() or (path / f"{name}.py").is_file():
                return (
                    f"another package {name!r} is in {path}, which Python searches in addition to {own}. "
                    f"Both programs could import the wrong one. Remove {path} from PYTHONPATH, if it is there."
                )
    return None


def overwritten_package() -> str | None:
    """Return a message about a project that is installed into the same folder and has a package of the same name."""
    for project, names in projects_with(*PACKAGES).items():
        if project.partition("-")[0] != PROJECT:
            return (
                f"the installed project {project.replace('_', '-')} also has a package {names[0]!r}, in the same "
                f"folder {Path(__file__).resolve().parent}, and one of the two has overwritten files of the other."
            )
    return None


def projects_with(*names: str) -> dict[str, list[str]]:
    """Return the installed projects, as `name-version`, that have files in these packages."""
    found: dict[str, list[str]] = {}
    for file in Path(__file__).resolve().parent.glob("*.dist-info/RECORD"):
        record = b"\n" + file.read_bytes()
        owned = [name for name in names if f"\n{name}/".encode() in record]
        if owned:
            found[file.parent.name.removesuffix(".dist-info")] = owned
    return found


if __name__ == "__main__":
    sys.exit(main())
