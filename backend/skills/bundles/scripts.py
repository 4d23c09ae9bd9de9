"""Find packages that the scripts of a skill import and that its environment does not have."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Final

from backend.core.errors import Problem, PurasError
from backend.skills.archives.archive import Archive
from backend.skills.bundles.requirements import FILE, names_in
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.functions import MAX_SOURCE_BYTES
from backend.skills.manifest.skill_reader import SkillFolder

FOLDER: Final = "scripts"
MAX_SCRIPTS: Final = 200
MAX_NODES: Final = 50_000

_ALWAYS_THERE: Final = frozenset({"puras", *sys.stdlib_module_names})
_BROUGHT_BY_PURAS: Final = frozenset({"httpx", "pyyaml"})
_PACKAGES: Final = {
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "PIL": "pillow",
    "pptx": "python-pptx",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Packages of the index by their import name, if the two differ."""
_TOLERANT: Final = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def check_scripts(
    archive: Archive, folder: SkillFolder, requirements: str | None, findings: Findings
) -> None:
    """Warn of a requirements.txt that is ignored, and of imports that no requirement names."""
    unread, read = folder.inside(f"{FOLDER}/{FILE}"), folder.inside(FILE)
    if unread in archive:
        message = f"This file is ignored. Move it to {read!r} to install its packages for the skill."
        findings.warn(Problem(unread, message))
    root = folder.inside(f"{FOLDER}/")
    files = [path for path in archive if path.startswith(root) and path.endswith(".py")][:MAX_SCRIPTS]
    named = names_in(archive, requirements) if files and requirements else frozenset()
    if "puras" in named:
        named |= _BROUGHT_BY_PURAS
    local: dict[str, frozenset[str]] = {}
    for path in files:
        if findings.is_late:
            return
        bases = {path.rpartition("/")[0] + "/", folder.inside(""), ""}
        for base in bases - local.keys():
            local[base] = _modules(archive, base)
        there = _ALWAYS_THERE.union(*(local[base] for base in bases))
        lacking = _lacking(archive, path, there, named)
        if lacking:
            findings.warn(Problem(path, _message(list(lacking), requirements, read), min(lacking.values())))


def _lacking(archive: Archive, path: str, there: frozenset[str], named: frozenset[str]) -> dict[str, int]:
    """Return the packages that a script imports and nothing provides, each with the line of the import."""
    found: dict[str, int] = {}
    for module, line in _imports(archive, path):
        if module not in there and not _is_named(module, named):
            found.setdefault(_PACKAGES.get(module, module), line)
    return found


def _message(packages: list[str], requirements: str | None, read: str) -> str:
    shown = ", ".join(map(repr, packages[:20]))
    if requirements is None:
        return (
            f"The environment of the skill lacks {shown}. Add the packages that provide them to {read!r}, "
            "one per line."
        )
    return (
        f"{requirements!r} does not name {shown}. Add the packages that provide them, unless another "
        "package depends on them."
    )


def _modules(archive: Archive, base: str) -> frozenset[str]:
    """Return the names by which Python files below a folder are imported from it."""
    return frozenset(
        path[len(base) :].partition("/")[0].removesuffix(".py")
        for path in archive
        if path.startswith(base) and path.endswith(".py")
    )


def _is_named(module: str, requirements: frozenset[str]) -> bool:
    """Return whether a requirement is likely to provide a module: their names are usually similar."""
    package = _plain(_PACKAGES.get(module, module))
    return any(package in one or (len(one) > 2 and one in package) for one in map(_plain, requirements))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _imports(archive: Archive, path: str) -> list[tuple[str, int]]:
    """Return the top-level names that a script needs to import, with their lines.

    The result is empty if the script is not valid Python.
    """
    try:
        content = archive.read(path, max_bytes=MAX_SOURCE_BYTES)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in strings
            return list(_needed(ast.parse(content)))
    except (PurasError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _needed(tree: ast.Module) -> Iterator[tuple[str, int]]:
    waiting: list[ast.AST] = [tree]
    for _ in range(MAX_NODES):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (
                [(node.module.partition(".")[0], node.lineno)] if node.module and not node.level else []
            )
        else:
            waiting.extend(_inside(node))


def _inside(node: ast.AST) -> Iterable[ast.AST]:
    """Return the statements of a node that run regardless of the installed packages."""
    if isinstance(node, ast.Try) and _is_tolerant(node):
        return [*node.orelse, *node.finalbody]
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)[:1_000]:
        return node.orelse
    if isinstance(node, ast.stmt | ast.Module | ast.ExceptHandler | ast.match_case):
        return ast.iter_child_nodes(node)
    return ()


def _is_tolerant(node: ast.Try) -> bool:
    """Return whether the handler continues after a failed import."""
    return any(
        handler.type is None
        or any(isinstance(name, ast.Name) and name.id in _TOLERANT for name in ast.walk(handler.type))
        for handler in node.handlers
    )
