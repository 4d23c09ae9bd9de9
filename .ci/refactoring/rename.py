"""Move modules and packages and rename top-level names, with every import and mention of them.

    .venv/bin/python .ci/refactoring/rename.py PLAN.toml

The plan is TOML:

    [[move]]                            # a file or a folder; git moves it
    from = "backend/warm.py"
    to = "backend/base/db/brisk.py"

    [[name]]                            # a name that a module defines; `module` is its name before the moves
    module = "backend.warm"
    from = "WarmSession"
    to = "BriskSession"

    [[package]]                         # optional: the docstring of a package that the moves create
    path = "backend/base"
    docstring = "Contain what all parts of the backend use."

Commit everything else first. What the script cannot decide is printed as notes: read each of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from module_index import ModuleIndex, build_index
from moves import with_folders
from rename_plan import Plan, PlanError, missing_packages, moved_files, read_plan
from repository import ROOT, git, module_name, tracked_files
from source_rewriter import Rewritten, rewrite

_TEXT_SUFFIXES: Final = (
    *(".md", ".toml", ".ini", ".yaml", ".yml", ".cfg", ".sh", ".service", ".ipynb", ".mako", ".txt"),
    *("Dockerfile", "Makefile", ".dockerignore", ".gitignore", ".ci/test", ".ci/run", ".ci/environment"),
)
_HISTORY: Final = ("CHANGELOG.md", "uv.lock")
"""Files that describe earlier versions, or are generated."""
_FEW: Final = 40


class Result(NamedTuple):
    """What a restructuring did."""

    moved: int
    changed: list[str]
    notes: list[str]


def carry_out(root: Path, plan: Plan) -> Result:
    """Carry out a plan in a work tree.

    Raises:
        PlanError: the plan is not possible; nothing was changed.
    """
    files = tracked_files(root)
    moved = moved_files(plan, files)
    sources = {path: _read(root / path) for path in files if path.endswith(".py")}
    index = build_index(sources, with_folders({**plan.moves, **moved}), plan.names)
    rewritten = _rewrite_all(sources, moved, index)
    _move(root, plan, moved)
    changed: list[str] = []
    notes: list[str] = []
    for path, result in rewritten.items():
        notes += result.notes
        new_path = moved.get(path, path)
        if result.source != sources[path]:
            (root / new_path).write_text(result.source, encoding="utf-8")
            changed.append(new_path)
    for new in moved.values():
        notes += _location_notes(new, _read(root / new)) if new.endswith(".py") else []
    python = [*changed, *_create_packages(root, plan, files, moved)]
    _format(root, sorted({*python, *(new for new in moved.values() if new.endswith(".py"))}))
    texts = [path for path in files if path.endswith(_TEXT_SUFFIXES) and path not in _HISTORY]
    changed += _rewrite_texts(root, [moved.get(path, path) for path in texts], index)
    notes += _mentions(root, [moved.get(path, path) for path in [*sources, *texts]], plan, moved)
    return Result(len(moved), sorted({*changed, *python}), notes)


def _read(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _rewrite_all(
    sources: Mapping[str, str], moved: Mapping[str, str], index: ModuleIndex
) -> dict[str, Rewritten]:
    relevant = [
        path for path, source in sources.items() if index.is_affected(path, moved.get(path, path), source)
    ]
    new_paths = [moved.get(path, path) for path in relevant]
    texts = [sources[path] for path in relevant]
    work = partial(rewrite, index=index)
    if len(relevant) < _FEW:
        return dict(zip(relevant, map(work, relevant, new_paths, texts), strict=True))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(work, relevant, new_paths, texts, chunksize=8)
        return dict(zip(relevant, found, strict=True))


def _move(root: Path, plan: Plan, moved: Mapping[str, str]) -> None:
    for old, new in moved.items():
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        git("mv", old, new, root=root)
    for old in plan.moves:
        _remove_compiled(root / old)


def _remove_compiled(folder: Path) -> None:
    """Remove a folder in which only compiled modules are left: it would stay importable as a namespace package."""
    if not folder.is_dir() or any(
        path.is_file() and path.parent.name != "__pycache__" for path in folder.rglob("*")
    ):
        return
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def _create_packages(root: Path, plan: Plan, files: Sequence[str], moved: Mapping[str, str]) -> list[str]:
    after = [moved.get(path, path) for path in files]
    created = missing_packages(after)
    before = set(missing_packages(files))
    for path in created:
        folder = path.removesuffix("/__init__.py")
        if path in before:
            continue
        docstring = plan.docstrings.get(folder, f"Contain the modules of `{module_name(path)}`.")
        (root / path).write_text(f'"""{docstring}"""\n', encoding="utf-8")
        git("add", path, root=root)
    return [path for path in created if path not in before]


def _format(root: Path, paths: Sequence[str]) -> None:
    if not paths:
        return
    ruff = Path(sys.executable).with_name("ruff")
    for arguments in (("check", "--quiet", "--fix", "--select", "I"), ("format", "--quiet")):
        subprocess.run([ruff, *arguments, "--force-exclude", "--", *paths], cwd=root, check=True)


def _rewrite_texts(root: Path, paths: Sequence[str], index: ModuleIndex) -> list[str]:
    changed: list[str] = []
    for path in paths:
        source = _read(root / path)
        new = index.moves.text(source, index.rename_name)
        if new != source:
            (root / path).write_text(new, encoding="utf-8", newline="")
            changed.append(path)
    return changed


def _location_notes(path: str, source: str) -> list[str]:
    """Return a note for each line of a moved module that depends on its own location."""
    return [
        f"{path}:{number}: depends on the location of the file: {line.strip()}"
        for number, line in enumerate(source.splitlines(), 1)
        if "__file__" in line or "__package__" in line or "__path__" in line
    ]


def _mentions(root: Path, paths: Sequence[str], plan: Plan, moved: Mapping[str, str]) -> list[str]:
    """Return a note for each text that still mentions an old name or the file name of a moved module."""
    words = {old for _, old in plan.names} | {f'"{old.rpartition("/")[2]}"' for old in moved}
    words = {word for word in words if "_" in word or word != word.lower() or word.endswith('.py"')}
    words.discard('"__init__.py"')
    found: list[str] = []
    for path in paths if words else ():
        found += [
            f"{path}:{number}: still mentions {word}: {line.strip()[:80]}"
            for number, line in enumerate(_read(root / path).splitlines(), 1)
            for word in words
            if word in line and not line.partition(word)[2][:1].isidentifier()
        ]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the plan that the command line names and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path, metavar="PLAN.toml", help="what moves and what is renamed")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        result = carry_out(options.root.resolve(), read_plan(options.plan))
    except PlanError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    lines = [f"note: {note}" for note in result.notes]
    seconds = time.monotonic() - started
    lines.append(f"Moved {result.moved} files and changed {len(result.changed)} in {seconds:.1f} s.")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
