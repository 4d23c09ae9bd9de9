"""Read the plan of a restructuring: which files and packages move, and which top-level names change."""

from __future__ import annotations

import keyword
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PACKAGE_ROOTS: Final = ("backend", "workers", "studio", "skills_kit/puras", "mcp/puras_mcp", "benchmarks")
"""Packages whose folders all contain an `__init__.py`; a new folder in them gets one."""
_KEYS: Final = {"move": {"from", "to"}, "name": {"module", "from", "to"}, "package": {"path", "docstring"}}


class PlanError(Exception):
    """The plan cannot be carried out; the text says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restructuring changes."""

    moves: Mapping[str, str]
    """Files and folders, old path to new path."""
    names: Mapping[tuple[str, str], str]
    """Top-level names: the old module and the old name to the new name."""
    docstrings: Mapping[str, str] = field(default_factory=dict)
    """The docstrings of new packages, by path."""


def read_plan(path: Path) -> Plan:
    """Return the plan that a TOML file describes.

    Raises:
        PlanError: the file has an unknown table or key, a key is missing, or a name is not an identifier.
    """
    try:
        content: dict[str, list[dict[str, Any]]] = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path} is not valid TOML: {error}.") from None
    for table, entries in content.items():
        if table not in _KEYS:
            raise PlanError(f"{path} has an unknown table [[{table}]]. Use {', '.join(_KEYS)}.")
        for entry in entries:
            if set(entry) != _KEYS[table]:
                raise PlanError(f"[[{table}]] needs the keys {', '.join(sorted(_KEYS[table]))}: {entry}.")
    names = {(entry["module"], entry["from"]): entry["to"] for entry in content.get("name", [])}
    for name in names.values():
        if not name.isidentifier() or keyword.iskeyword(name):
            raise PlanError(f"{name!r} is not an identifier.")
    return Plan(
        moves={_path(entry["from"]): _path(entry["to"]) for entry in content.get("move", [])},
        names=names,
        docstrings={_path(entry["path"]): entry["docstring"] for entry in content.get("package", [])},
    )


def _path(path: str) -> str:
    return path.rstrip("/")


def moved_files(plan: Plan, files: Iterable[str]) -> dict[str, str]:
    """Return where each file moves.

    Raises:
        PlanError: a source does not exist, or a destination exists or is used twice.
    """
    existing = set(files)
    found: dict[str, str] = {}
    # The longest path first: a file of the plan wins over the folder that contains it.
    for old, new in sorted(plan.moves.items(), key=lambda move: -len(move[0])):
        inside = [path for path in existing if path == old or path.startswith(f"{old}/")]
        if not inside:
            raise PlanError(f"{old} does not exist, or git does not track it.")
        for path in inside:
            found.setdefault(path, new + path.removeprefix(old))
    taken = existing - set(found)
    for old, new in found.items():
        if new in taken:
            raise PlanError(
                f"{old} cannot move to {new}, which exists or is the destination of another file."
            )
        if new in ("mcp/__init__.py", "__init__.py"):
            raise PlanError(f"{new} must not exist: it would make a package of a source root.")
        taken.add(new)
    return found


def missing_packages(files: Iterable[str]) -> list[str]:
    """Return the `__init__.py` files that packages with these files need and that are not among them."""
    existing = set(files)
    needed: set[str] = set()
    for path in existing:
        root = next((root for root in PACKAGE_ROOTS if path.startswith(f"{root}/")), None)
        if root is None or not path.endswith(".py"):
            continue
        folder = path.rpartition("/")[0]
        while len(folder) >= len(root):
            needed.add(f"{folder}/__init__.py")
            folder = folder.rpartition("/")[0]
    return sorted(needed - existing)
